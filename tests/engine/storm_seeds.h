#pragma once
// Runs seeds of the storm, and makes of one that fails what a person can work with.

#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "engine/storm.h"

namespace modelfloat::test {

// The number in a variable of the environment.
std::uint64_t number_in(const char* variable, std::uint64_t otherwise);

// Numbers of steps, such as "0,3,7"; all of a usual history for nullptr and "".
std::vector<std::size_t> steps_of(const char* text);

struct FailedSeed {
  std::uint64_t seed = 0;
  std::vector<std::size_t> steps;  // no step can be left out
  std::string failure;
  std::vector<std::string> story;
  std::string text() const;  // with the command that repeats it
};
// nullopt when nothing goes wrong.
std::optional<std::string> failure_of(std::uint64_t seed, const std::vector<std::size_t>& steps);
// The fewest steps of these with which the seed fails, too, in some way.
FailedSeed shrunk(std::uint64_t seed, std::vector<std::size_t> steps);

}  // namespace modelfloat::test
