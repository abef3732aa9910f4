#include "modelfloat/formats/read_layout.h"

#include <algorithm>

#include "modelfloat/formats/gguf.h"
#include "modelfloat/formats/safetensors.h"
#include "modelfloat/formats/sniff.h"
#include "modelfloat/formats/stand_in.h"

namespace modelfloat::formats {
namespace {

using Parser = ParseResult (*)(ByteSpan, std::optional<std::uint64_t>);

FileLayout refused(std::string_view format, const std::string& reason) {
  FileLayout layout;
  layout.trouble = "cannot be used as " + std::string(format) + ": " + reason;
  return layout;
}

FileLayout parse_growing(PeekReader& file, std::string_view format, Parser parse) {
  auto size = file.size_bytes();
  std::size_t wanted = k_sniff_bytes;
  while (true) {
    const auto head = file.peek(wanted);
    if (head.size() < wanted && !size) size = head.size();  // the whole file lies before us
    auto result = parse(head, size);
    if (auto* layout = std::get_if<FileLayout>(&result)) return std::move(*layout);
    if (const auto* bad = std::get_if<BadHeader>(&result)) return refused(format, bad->reason);
    if (head.size() < wanted) return refused(format, "the stream ends inside the header");
    // Doubling keeps the work of parsing again from the start within twice that of one pass.
    const auto needed = std::get<NeedMore>(result).head_bytes;
    wanted = std::min(std::max<std::uint64_t>(needed, 2 * wanted), k_max_header_bytes);
  }
}

}  // namespace

FileLayout read_layout(PeekReader& file, std::string_view path) {
  const auto head = file.peek(k_sniff_bytes);
  const auto claim = sniff(head, file.size_bytes(), path);
  if (!has_gguf_magic(head) && !looks_like_safetensors(head) && claim != Claim::onnx) {
    FileLayout layout;
    layout.trouble = stand_in(head, head.size() < k_sniff_bytes ? head.size() : file.size_bytes(), path);
    if (!layout.trouble.empty()) return layout;
  }
  switch (claim) {
    case Claim::gguf: return parse_growing(file, "GGUF", parse_gguf);
    case Claim::safetensors: return parse_growing(file, "safetensors", parse_safetensors);
    case Claim::onnx: {
      FileLayout layout;
      layout.format = "onnx";
      return layout;
    }
    case Claim::none: break;
  }
  return {};
}

}  // namespace modelfloat::formats
