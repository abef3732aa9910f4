#pragma once
// Which hosts belong to one company, and so fail together.

#include <string>
#include <string_view>

namespace modelfloat::store {

// The company's short name, such as "amazon", for hosts that we know; otherwise the host itself.
std::string host_domain(std::string_view host);

}  // namespace modelfloat::store
