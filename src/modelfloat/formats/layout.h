#pragma once
// What a model file says about itself: where its tensors lie, and a few facts for listings.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "modelfloat/domain/tensor.h"

namespace modelfloat::formats {

// Limits on the memory that a header can make us use. A file beyond them is stored as opaque
// bytes. The largest real vocabularies take 20 MB.
constexpr std::uint64_t k_max_header_bytes = 32ULL << 20;
// In one file; the largest real ones have some 10,000.
constexpr std::uint64_t k_max_tensors = 1ULL << 17;
constexpr std::uint64_t k_max_metadata_keys = 1ULL << 16;
constexpr std::uint64_t k_max_name_bytes = 64ULL << 10;  // of a key or a tensor's name
constexpr std::uint64_t k_max_dimensions = 8;
constexpr std::uint64_t k_max_alignment = 1ULL << 20;
constexpr std::size_t k_max_fact_bytes = 256;  // of a value in FileLayout::metadata

struct FileLayout {
  std::string format = "opaque";  // "gguf" "safetensors" "onnx" "opaque"
  // Why a file that claims to be GGUF or safetensors is kept as opaque bytes; else empty.
  std::string trouble;
  std::uint64_t header_bytes = 0;  // where tensor data begins; 0 when there is no tensor table
  // The alignment of tensors. A file may end with up to alignment - 1 bytes of padding.
  std::uint64_t alignment = 1;
  // The format allows no byte behind the last tensor (safetensors).
  bool ends_with_last_tensor = false;
  // Sorted by offset, not overlapping. Tensors of unknown type extend to the next tensor.
  std::vector<Tensor> tensors;
  // Small facts, where the file has them: architecture name license size_label format quantization
  // parameters context_length block_count embedding_length head_count head_count_kv split_count
  // chat_template ("yes"). Plain UTF-8.
  std::map<std::string, std::string> metadata;
};

// The possible results of a parser, besides a layout.
struct NeedMore {
  std::uint64_t head_bytes =
      0;  // parse again with at least this many bytes; more than before, within k_max_header_bytes
};
struct BadHeader {
  std::string reason;
};
using ParseResult = std::variant<FileLayout, NeedMore, BadHeader>;

// Why the file must not be given to the inference engine, as a sentence for people. nullopt when
// it may: it is a sound GGUF file with an architecture and tensors of known types.
std::optional<std::string> why_not_runnable(const FileLayout& layout);

}  // namespace modelfloat::formats
