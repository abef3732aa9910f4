#include "modelfloat/formats/read_layout.h"

#include <algorithm>

#include "modelfloat/formats/gguf.h"
#include "modelfloat/formats/safetensors.h"
#include "modelfloat/formats/sniff.h"

namespace modelfloat::formats {
namespace {

using Parser = ParseResult (*)(ByteSpan, std::optional<std::uint64_t>);

FileLayout refused(std::string_view format, const std::string& reason) {
  FileLayout layout;
  layout.trouble = "refused as " + std::string(format) + ": " + reason;
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
  switch (sniff(file.peek(k_sniff_bytes), file.size_bytes(), path)) {
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
