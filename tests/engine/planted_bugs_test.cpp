// How many seeds of the storm catch each bug of tests/planted_bugs.py. Takes a build with
// MODELFLOAT_PLANTED_BUGS:
//   cmake --preset planted && cmake --build --preset planted --target test_engine
//   MODELFLOAT_TEST_SEEDS=300 build/planted/tests/test_engine --gtest_filter='PlantedBugs.*'
// MODELFLOAT_TEST_BUG=NAME takes one alone, and tells the shortest history that catches it.
#include <cstdlib>
#include <iostream>

#include "engine/storm_seeds.h"
#include "support/planted_bug.h"
#include "support/size.h"
#include <fmt/format.h>
#include <gtest/gtest.h>

namespace modelfloat {
namespace {

struct Bug {
  std::string_view name;
  std::string_view what;
};
#ifdef MODELFLOAT_PLANTED_BUGS
constexpr Bug k_bugs[] = {
#include "planted_bugs.inc"
};
#endif

class PlantedBugs : public testing::Test {
 protected:
  ~PlantedBugs() override { test::planted_bug_name = {}; }
};

[[maybe_unused]] void count_seeds(const Bug& bug) {
  const std::uint64_t seeds = test::number_in("MODELFLOAT_TEST_SEEDS", test::size_of({100, 300}));
  const auto steps = test::steps_of("");
  std::uint64_t caught = 0;
  std::optional<std::uint64_t> first;
  std::string how;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto failure = test::failure_of(seed, steps);
    if (!failure) continue;
    ++caught;
    if (!first) first = seed;
    if (how.empty()) how = *failure;
  }
  EXPECT_GT(caught, 0U) << bug.name << ": " << bug.what;
  std::cout << fmt::format("| {} | {} | {} of {} | {} |\n", bug.name, bug.what, caught, seeds, how) << std::flush;
}

TEST_F(PlantedBugs, EachIsCaught) {
#ifdef MODELFLOAT_PLANTED_BUGS
  const char* only = std::getenv("MODELFLOAT_TEST_BUG");  // NOLINT(concurrency-mt-unsafe)
  for (const Bug& bug : k_bugs) {
    if (only != nullptr && bug.name != only) continue;
    test::planted_bug_name = bug.name;
    count_seeds(bug);
    if (only == nullptr) continue;
    for (std::uint64_t seed = test::number_in("MODELFLOAT_TEST_FIRST_SEED", 1);; ++seed) {
      if (!test::failure_of(seed, test::steps_of(""))) continue;
      std::cout << test::shrunk(seed, test::steps_of("")).text();
      break;
    }
  }
#else
  GTEST_SKIP() << "takes a build with MODELFLOAT_PLANTED_BUGS; ./test --nightly makes one";
#endif
}

}  // namespace
}  // namespace modelfloat
