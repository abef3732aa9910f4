#pragma once
// The smallest GGUF file that may be run, for engines that only pretend to.

#include <cstdint>
#include <string>

namespace modelfloat::test {

// `filling` goes into its one tensor, so that two models may differ; 4 KiB of it.
std::string small_gguf(char filling = 'a');

}  // namespace modelfloat::test
