#pragma once
#include <cstdint>
#include <mutex>

#include "modelfloat/base/random.h"

namespace modelfloat::test {

// The same bytes for the same seed, on every machine (SplitMix64). Shared by all threads.
class FixedRandom final : public Random {
 public:
  explicit FixedRandom(std::uint64_t seed = 1) : state_(seed) {}
  void fill(MutableByteSpan) override;

 private:
  std::mutex mutex_;
  std::uint64_t state_;
};

// `size` bytes that look random, the same for the same seed.
Bytes random_bytes(std::size_t size, std::uint64_t seed = 1);

}  // namespace modelfloat::test
