#pragma once
// Detects files that are not the model that their name promises: remains of failed or unfinished
// downloads.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"

namespace modelfloat::formats {

// Text that says what the file is instead of a model, and how to get the model: "is a Git LFS
// pointer ...". Empty when nothing is wrong with it. `head` is the first k_sniff_bytes of the
// file, or all of it. Looked for:
// - under every name: a Git LFS pointer, and names that download programs give to what they have
//   not finished;
// - under a name of a weights file (.gguf, .safetensors, .bin, .pt ...): an empty file, a web page,
//   a text of JSON or XML;
// - under .gguf and .safetensors also: archives and pickled files, by their first bytes;
// - under .json: a web page.
std::string stand_in(ByteSpan head, std::optional<std::uint64_t> file_size, std::string_view path);

}  // namespace modelfloat::formats
