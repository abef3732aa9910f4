#include "modelfloat/domain/tensor.h"

#include <algorithm>
#include <iterator>

#include "modelfloat/base/bytes.h"

namespace modelfloat {
namespace {

struct NamedBlock {
  std::string_view name;
  DtypeBlock block;
};

constexpr NamedBlock k_blocks[] = {
    // Plain numbers.
    {"F32", {1, 4}},
    {"F16", {1, 2}},
    {"BF16", {1, 2}},
    {"F64", {1, 8}},
    {"C64", {1, 8}},
    {"I8", {1, 1}},
    {"I16", {1, 2}},
    {"I32", {1, 4}},
    {"I64", {1, 8}},
    {"U8", {1, 1}},
    {"U16", {1, 2}},
    {"U32", {1, 4}},
    {"U64", {1, 8}},
    {"BOOL", {1, 1}},
    {"F8_E4M3", {1, 1}},
    {"F8_E5M2", {1, 1}},
    {"F8_E8M0", {1, 1}},
    {"F8_E4M3FNUZ", {1, 1}},
    {"F8_E5M2FNUZ", {1, 1}},
    {"F6_E2M3", {4, 3}},
    {"F6_E3M2", {4, 3}},
    {"F4", {2, 1}},
    // ggml's quantised blocks.
    {"Q4_0", {32, 18}},
    {"Q4_1", {32, 20}},
    {"Q5_0", {32, 22}},
    {"Q5_1", {32, 24}},
    {"Q8_0", {32, 34}},
    {"Q8_1", {32, 36}},
    {"Q2_K", {256, 84}},
    {"Q3_K", {256, 110}},
    {"Q4_K", {256, 144}},
    {"Q5_K", {256, 176}},
    {"Q6_K", {256, 210}},
    {"Q8_K", {256, 292}},
    {"IQ2_XXS", {256, 66}},
    {"IQ2_XS", {256, 74}},
    {"IQ2_S", {256, 82}},
    {"IQ3_XXS", {256, 98}},
    {"IQ3_S", {256, 110}},
    {"IQ1_S", {256, 50}},
    {"IQ1_M", {256, 56}},
    {"IQ4_NL", {32, 18}},
    {"IQ4_XS", {256, 136}},
    {"TQ1_0", {256, 54}},
    {"TQ2_0", {256, 66}},
    {"MXFP4", {32, 17}},
    {"NVFP4", {64, 36}},
    {"Q1_0", {128, 18}},
    {"Q2_0", {64, 18}},
};

}  // namespace

std::optional<DtypeBlock> dtype_block(std::string_view dtype) noexcept {
  const auto* found = std::find_if(std::begin(k_blocks), std::end(k_blocks),
                                   [&](const NamedBlock& candidate) { return candidate.name == dtype; });
  if (found == std::end(k_blocks)) return std::nullopt;
  return found->block;
}

std::optional<std::uint64_t> element_count(std::span<const std::uint64_t> shape) noexcept {
  // A zero makes the product zero, however large the rest: {0, 2^40, 2^40} is a sound empty tensor.
  if (std::find(shape.begin(), shape.end(), 0U) != shape.end()) return 0;
  std::uint64_t count = 1;
  for (const auto dimension : shape) {
    const auto product = checked_multiply(count, dimension);
    if (!product || *product > INT64_MAX) return std::nullopt;
    count = *product;
  }
  return count;
}

}  // namespace modelfloat
