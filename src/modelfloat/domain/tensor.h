#pragma once
// Where a tensor lies in a model file, and how many bytes its element type takes.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace modelfloat {

struct Tensor {
  std::string name;
  // "F32" "BF16" "I64" "Q4_1" ...; "TYPE_<number>" for a ggml type that we don't know.
  std::string dtype;
  // In the file's order: in GGUF the fastest-varying dimension is first, in safetensors it is
  // last.
  std::vector<std::uint64_t> shape;
  std::uint64_t offset = 0;  // from the start of the file
  std::uint64_t length_bytes = 0;

  bool operator==(const Tensor&) const = default;
};

// Elements are stored in blocks that cannot be split: 1 element in 4 bytes for F32, 32 elements in
// 20 bytes for Q4_1.
struct DtypeBlock {
  std::uint32_t elements = 1;
  std::uint32_t bytes = 1;
};

// nullopt for an unknown name. The sizes are those of ggml's quantisation types and of
// safetensors.
std::optional<DtypeBlock> dtype_block(std::string_view dtype) noexcept;

// The product of the dimensions; 1 when there are none; nullopt when it does not fit into 63
// bits.
std::optional<std::uint64_t> element_count(std::span<const std::uint64_t> shape) noexcept;

}  // namespace modelfloat
