#pragma once
// The source of randomness is a parameter, so that tests can replace it. Outside tests,
// SystemRandom is the only source for keys, salts and ids.

#include <cstdint>

#include "modelfloat/base/bytes.h"

namespace modelfloat {

// All methods may be called from many threads.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(MutableByteSpan) = 0;

  template <std::size_t N>
  std::array<std::byte, N> array() {
    std::array<std::byte, N> bytes;
    fill(bytes);
    return bytes;
  }
  std::uint64_t number() {
    const auto bytes = array<8>();
    return load_le<std::uint64_t>(bytes);
  }
  // In [0, 1).
  double fraction() { return static_cast<double>(number() >> 11) * 0x1.0p-53; }
};

// The kernel's generator (getrandom). Throws Error{internal} when it fails, which ends the program.
class SystemRandom final : public Random {
 public:
  void fill(MutableByteSpan) override;
};

}  // namespace modelfloat
