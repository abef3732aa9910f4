#pragma once
// Padding that hides sizes: it adds at most 12 %, and leaves only O(log log size) different
// sizes.

#include <bit>
#include <cstdint>

namespace modelfloat::mf1 {

// Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs",
// PoPETs 2019. The smallest Padmé size that is not below `size`. `size` is at most 2^62, so that
// nothing overflows.
constexpr std::uint64_t padme(std::uint64_t size) noexcept {
  if (size < 2) return size;
  const int exponent = std::bit_width(size) - 1;
  const int bits = std::bit_width(static_cast<unsigned>(exponent));
  const std::uint64_t mask = (std::uint64_t{1} << (exponent - bits < 0 ? 0 : exponent - bits)) - 1;
  return (size + mask) & ~mask;
}

}  // namespace modelfloat::mf1
