#pragma once
// What a fuzz target promises about its results: a broken promise is a crash, also in a build without asserts.

#include <cstdio>
#include <cstdlib>

inline void fuzz_check(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", promise);
  std::abort();
}
