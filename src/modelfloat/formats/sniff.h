#pragma once
// Detects the kind of a file by its first bytes. The name is only a hint.

#include <optional>
#include <string_view>

#include "modelfloat/base/bytes.h"

namespace modelfloat::formats {

enum class Claim { none, gguf, safetensors, onnx };

constexpr std::size_t k_sniff_bytes = 4096;

// `head` is the first k_sniff_bytes of the file, or all of it. A file whose name ends in .gguf or
// .safetensors also counts as a claim; so its parser explains what is wrong with it.
Claim sniff(ByteSpan head, std::optional<std::uint64_t> file_size, std::string_view path);

// Whether the bytes are the beginning of an ONNX ModelProto: known protobuf fields in their known
// wire types, a small IR version first, and a graph.
bool looks_like_onnx(ByteSpan head, std::optional<std::uint64_t> file_size) noexcept;

}  // namespace modelfloat::formats
