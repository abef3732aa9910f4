// How many seeds of the storm catch each bug of tests/planted_bugs.py. Takes a build with
// MODELFLOAT_PLANTED_BUGS:
//   cmake --preset planted && cmake --build --preset planted --target test_engine
//   MODELFLOAT_TEST_SEEDS=300 build/planted/tests/test_engine --gtest_filter='PlantedBugs.*'
// A bug is left alone after MODELFLOAT_TEST_CATCHES seeds that caught it (0: never), which are 3
// unless given. MODELFLOAT_TEST_BUG=NAME takes one alone, and tells the shortest history that
// catches it.
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
  const std::uint64_t enough = test::number_in("MODELFLOAT_TEST_CATCHES", 3);
  const auto steps = test::steps_of("");
  std::vector<std::uint64_t> caught_by;
  std::string how;
  std::uint64_t seed = 1;
  for (; seed <= seeds && (enough == 0 || caught_by.size() < enough); ++seed) {
    const auto failure = test::failure_of(seed, steps);
    if (!failure) continue;
    if (caught_by.empty()) how = *failure;
    caught_by.push_back(seed);
  }
  EXPECT_FALSE(caught_by.empty()) << bug.name << ": " << bug.what;
  std::cout << fmt::format("| {} | {} | {} of {} | {} |\n", bug.name, bug.what, caught_by.size(), seed - 1, how)
            << std::flush;
  const bool is_alone = std::getenv("MODELFLOAT_TEST_BUG") != nullptr;  // NOLINT(concurrency-mt-unsafe)
  if (is_alone && !caught_by.empty()) std::cout << test::shrunk(caught_by.front(), steps).text();
}

TEST_F(PlantedBugs, EachIsCaught) {
#ifdef MODELFLOAT_PLANTED_BUGS
  const char* only = std::getenv("MODELFLOAT_TEST_BUG");  // NOLINT(concurrency-mt-unsafe)
  for (const Bug& bug : k_bugs) {
    if (only != nullptr && bug.name != only) continue;
    test::planted_bug_name = bug.name;
    count_seeds(bug);
  }
#else
  GTEST_SKIP() << "takes a build with MODELFLOAT_PLANTED_BUGS; ./test --nightly makes one";
#endif
}

}  // namespace
}  // namespace modelfloat
