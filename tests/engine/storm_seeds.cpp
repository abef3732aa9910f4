#include "engine/storm_seeds.h"

#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace modelfloat::test {

std::uint64_t number_in(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::vector<std::size_t> steps_of(const char* text) {
  std::vector<std::size_t> steps;
  if (text == nullptr || *text == '\0') {
    steps.resize(Storm::k_steps);
    std::iota(steps.begin(), steps.end(), std::size_t{0});
    return steps;
  }
  for (char* end = nullptr; *text != '\0'; text = *end == ',' ? end + 1 : end) {
    steps.push_back(std::strtoull(text, &end, 10));
    if (end == text) break;  // no number
  }
  return steps;
}

std::string FailedSeed::text() const {
  return fmt::format(
      "seed {}, steps {}: {}\n{}\nAgain:\n  MODELFLOAT_TEST_FIRST_SEED={} MODELFLOAT_TEST_SEEDS=1 "
      "MODELFLOAT_TEST_STEPS={} MODELFLOAT_TEST_STORY=1 build/release/tests/test_engine "
      "--gtest_filter=Storm.WhatIsCommittedComesBack\nTo keep it, add to k_kept in tests/engine/storm_test.cpp:\n  "
      "{{{}, \"{}\"}},  // {}\n",
      seed, fmt::join(steps, ","), failure, fmt::join(story, "\n"), seed, fmt::join(steps, ","), seed,
      fmt::join(steps, ","), failure);
}

std::optional<std::string> failure_of(std::uint64_t seed, const std::vector<std::size_t>& steps) {
  const std::string failure = Storm(seed).run(steps);
  return failure.empty() ? std::nullopt : std::optional(failure);
}

FailedSeed shrunk(std::uint64_t seed, std::vector<std::size_t> steps) {
  for (bool again = true; again;) {
    again = false;
    // From the end: what comes after the failing step is in most cases of no use.
    for (std::size_t i = steps.size(); i-- > 0;) {
      auto fewer = steps;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      if (!failure_of(seed, fewer)) continue;
      steps = std::move(fewer);
      again = true;
    }
  }
  Storm storm(seed);
  FailedSeed failed{seed, steps, storm.run(steps), {}};
  failed.story = storm.story();
  return failed;
}

}  // namespace modelfloat::test
