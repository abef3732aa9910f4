#include "modelfloat/formats/sniff.h"

#include "modelfloat/formats/gguf.h"
#include "modelfloat/formats/safetensors.h"

namespace modelfloat::formats {
namespace {

// Reads protobuf's variable-length numbers from the front.
class Protobuf {
 public:
  explicit Protobuf(ByteSpan bytes) : rest_(bytes) {}

  std::optional<std::uint64_t> number() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<std::uint64_t>(rest_.front());
      rest_ = rest_.subspan(1);
      value |= (byte & 0x7FU) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }
  void skip(std::uint64_t count) noexcept { rest_ = rest_.subspan(count); }
  std::uint64_t left() const noexcept { return rest_.size(); }

 private:
  ByteSpan rest_;
};

// Fields of ModelProto in onnx.proto3 that are numbers, and those that are texts or messages.
bool is_number_field(std::uint64_t field) { return field == 1 || field == 5; }
bool is_bytes_field(std::uint64_t field) {
  return field == 2 || field == 3 || field == 4 || field == 6 || field == 7 || field == 8 || field == 14 ||
         field == 20 || field == 25 || field == 26;
}

}  // namespace

bool looks_like_onnx(ByteSpan head, std::optional<std::uint64_t> file_size) noexcept {
  constexpr std::byte k_ir_version_tag{0x08};
  constexpr std::uint64_t k_max_ir_version = 64;
  constexpr std::uint64_t k_graph = 7;
  if (head.empty() || head.front() != k_ir_version_tag) return false;

  Protobuf fields(head);
  bool has_graph = false;
  while (fields.left() > 0) {
    const auto tag = fields.number();
    const auto value = fields.number();
    // Cut by the end of the head.
    if (!tag || !value) return has_graph && (!file_size || *file_size > head.size());
    const auto field = *tag >> 3;
    const auto wire_type = *tag & 7U;
    if (wire_type == 0 && is_number_field(field)) {
      if (field == 1 && (*value == 0 || *value > k_max_ir_version)) return false;
    } else if (wire_type == 2 && is_bytes_field(field)) {
      has_graph = has_graph || field == k_graph;
      if (*value > fields.left()) {  // goes on behind the head
        const auto end = checked_add(head.size() - fields.left(), *value);
        return has_graph && end && (!file_size || *end <= *file_size);
      }
      fields.skip(*value);
    } else {
      return false;
    }
  }
  return has_graph;
}

Claim sniff(ByteSpan head, std::optional<std::uint64_t> file_size, std::string_view path) {
  if (has_gguf_magic(head) || path.ends_with(".gguf")) return Claim::gguf;
  if (looks_like_safetensors(head) || path.ends_with(".safetensors")) return Claim::safetensors;
  if (looks_like_onnx(head, file_size)) return Claim::onnx;
  return Claim::none;
}

}  // namespace modelfloat::formats
