#pragma once
// How much memory malloc has given out, for tests that promise a bound.

#include <cstddef>

#include <malloc.h>

namespace modelfloat::test {

// Bytes in use now, by the whole process. Sanitizers have their own malloc, which tells nothing: 0.
inline std::size_t heap_in_use() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

}  // namespace modelfloat::test
