#include "support/fixed_random.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace modelfloat::test {

static std::uint64_t next(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

void FixedRandom::fill(MutableByteSpan bytes) {
  const std::lock_guard lock(mutex_);
  std::byte* to = bytes.data();
  for (std::size_t left = bytes.size(); left > 0;) {
    std::uint64_t block = next(state_);
    if constexpr (std::endian::native == std::endian::big) block = __builtin_bswap64(block);
    const std::size_t n = std::min(left, sizeof(block));
    std::memcpy(to, &block, n);
    to += n;
    left -= n;
  }
}

Bytes random_bytes(std::size_t size, std::uint64_t seed) {
  Bytes bytes(size);
  FixedRandom(seed).fill(bytes);
  return bytes;
}

}  // namespace modelfloat::test
