#pragma once
// Internal to mf1: the rules for the parts of a manifest. Writers and readers check them.

#include <cstdint>
#include <optional>
#include <string>

#include "modelfloat/domain/manifest.h"

namespace modelfloat::mf1 {

// Limit for all files together. A manifest of files with more tensors has no tensor tables.
inline constexpr std::size_t k_max_tensors = 65536;
inline constexpr std::size_t k_max_dimensions = 64;

struct Problem {
  std::string what;
  bool unsupported = false;  // valid, but this program does not support it
};

std::optional<Problem> problem_of(const ManifestRoot&);
std::optional<Problem> problem_of(const StructureRoot&);
std::optional<Problem> problem_of(const ContentSegment&);
std::optional<Problem> problem_of(const StructureSegment&);

std::size_t tensor_count(const ManifestRoot&) noexcept;

}  // namespace modelfloat::mf1
