#pragma once
// Which hosts belong to one company, and so fail together.

#include <string>
#include <string_view>

#include "modelfloat/store/http/url.h"
#include "modelfloat/store/scheme.h"

namespace modelfloat::store {

// The company's short name, such as "amazon", for hosts that we know; otherwise the host itself.
std::string host_domain(std::string_view host);
// The same for the server that a store calls: that of its settings or, if they name none, that of
// its address.
std::string host_domain(const http::Url& of_address, const StoreSettings& settings);

}  // namespace modelfloat::store
