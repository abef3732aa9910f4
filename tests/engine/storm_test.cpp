// Histories of a pool in bad weather, by seeds (storm.h).
//   MODELFLOAT_TEST_FIRST_SEED=17 test_engine --gtest_filter='Storm.*'
// repeats from this seed on. MODELFLOAT_TEST_STORY=1 tells all that happens.
#include "engine/storm.h"

#include <cstdlib>
#include <iostream>

#include "support/size.h"
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

namespace modelfloat {
namespace {

constexpr std::size_t k_steps = 14;

std::uint64_t number_of(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// The shortest history of this seed that fails, too.
std::string shortest(std::uint64_t seed) {
  for (std::size_t steps = 0; steps <= k_steps; ++steps) {
    test::Storm storm(seed);
    if (const std::string failure = storm.run(steps); !failure.empty())
      return fmt::format("seed {}, {} steps: {}\n{}\n", seed, steps, failure, fmt::join(storm.story(), "\n"));
  }
  return {};
}

TEST(Storm, WhatIsCommittedComesBack) {
  const std::uint64_t first = number_of("MODELFLOAT_TEST_FIRST_SEED", 1);
  const std::uint64_t count = number_of("MODELFLOAT_TEST_SEEDS", test::size_of({300, 20'000}));
  std::size_t failures = 0;
  for (std::uint64_t seed = first; seed < first + count && failures < 3; ++seed) {
    test::Storm storm(seed);
    const std::string failure = storm.run(k_steps);
    if (number_of("MODELFLOAT_TEST_STORY", 0) != 0) std::cout << fmt::format("{}\n", fmt::join(storm.story(), "\n"));
    if (failure.empty()) continue;
    ++failures;
    ADD_FAILURE() << shortest(seed);
  }
}

TEST(Storm, OneSeedIsOneHistory) {
  const std::uint64_t first = number_of("MODELFLOAT_TEST_FIRST_SEED", 1);
  for (std::uint64_t seed = first; seed < first + 30; ++seed) {
    test::Storm one(seed);
    test::Storm two(seed);
    EXPECT_EQ(one.run(k_steps), two.run(k_steps));
    const auto& a = one.calls();
    const auto& b = two.calls();
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
      if (a[i] == b[i]) continue;
      ADD_FAILURE() << "seed " << seed << " call " << i << ": " << a[i] << " or " << b[i];
      break;
    }
    EXPECT_EQ(a.size(), b.size());
  }
}

}  // namespace
}  // namespace modelfloat
