#pragma once
// How large a test is. What takes minutes has two sizes: a usual one, and the whole one of `./test
// --nightly`.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace modelfloat::test {

struct Sizes {
  std::size_t usual;
  std::size_t nightly;
};

inline std::size_t size_of(const Sizes& sizes) {
  return std::getenv("MODELFLOAT_NIGHTLY") == nullptr ? sizes.usual : sizes.nightly;  // NOLINT(concurrency-mt-unsafe)
}

// For a loop that cuts a piece of work off at each of its calls: how many calls its next round lies
// ahead. 1, but under a sanitizer, where each round takes ten times as long (tests/run_suites.py).
inline std::uint64_t cut_step() {
  const char* step = std::getenv("MODELFLOAT_TEST_CUT_STEP");  // NOLINT(concurrency-mt-unsafe): nobody sets any
  return step == nullptr ? 1 : std::stoull(step);
}

}  // namespace modelfloat::test
