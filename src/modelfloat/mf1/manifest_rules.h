#pragma once
// Inside mf1: what must hold in the parts of a manifest, whoever made them.

#include <cstdint>
#include <optional>
#include <string>

#include "modelfloat/domain/manifest.h"

namespace modelfloat::mf1 {

// Of all files together; beyond, a manifest has no tensor tables.
inline constexpr std::size_t k_max_tensors = 65536;
inline constexpr std::size_t k_max_dimensions = 64;

struct Problem {
  std::string what;
  bool unsupported = false;  // not wrong, but beyond this program
};

std::optional<Problem> problem_of(const ManifestRoot&);
std::optional<Problem> problem_of(const ContentSegment&);
std::optional<Problem> problem_of(const StructureSegment&);

std::size_t tensor_count(const ManifestRoot&) noexcept;

}  // namespace modelfloat::mf1
