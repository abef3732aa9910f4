#include "modelfloat/formats/gguf.h"

#include <algorithm>
#include <vector>

#include <fmt/core.h>

#include "modelfloat/formats/head_cursor.h"

namespace modelfloat::formats {
namespace {

constexpr std::string_view k_magic = "GGUF";
constexpr std::uint64_t k_default_alignment = 32;
constexpr std::uint64_t k_gguf_max_dimensions = 4;
constexpr int k_max_array_nesting = 4;

enum ValueType : std::uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};

// 0 for strings and arrays, whose size the value says itself.
std::uint64_t bytes_of_value(std::uint32_t type) {
  switch (type) {
    case u8:
    case i8:
    case boolean: return 1;
    case u16:
    case i16: return 2;
    case u32:
    case i32:
    case f32: return 4;
    case u64:
    case i64:
    case f64: return 8;
    case string:
    case array: return 0;
    default: throw BadHeader{"unknown metadata type " + std::to_string(type)};
  }
}

struct Entry {
  std::string_view key;
  std::uint32_t type = 0;
  std::uint64_t position = 0;  // of the value
};

class GgufParser {
 public:
  GgufParser(ByteSpan head, std::optional<std::uint64_t> file_size) : cursor_(head, file_size), file_size_(file_size) {}

  FileLayout parse() {
    layout_.format = "gguf";
    read_preamble();
    read_entries();
    layout_.alignment = alignment();
    read_tensors();
    const auto end_of_header = cursor_.position();
    keep_facts();
    place_tensors(end_of_header);
    return std::move(layout_);
  }

 private:
  void read_preamble() {
    if (as_text(cursor_.take(k_magic.size())) != k_magic) throw BadHeader{"it does not begin with the letters GGUF"};
    const auto version = cursor_.number<std::uint32_t>();
    if (version != 0 && (version & 0xFFFFU) == 0) throw BadHeader{"it is big-endian"};
    if (version != 2 && version != 3) throw BadHeader{"its version is " + std::to_string(version) + ", not 2 or 3"};
    tensor_count_ = cursor_.number<std::uint64_t>();
    entry_count_ = cursor_.number<std::uint64_t>();
    if (tensor_count_ > k_max_tensors) throw BadHeader{"it claims " + std::to_string(tensor_count_) + " tensors"};
    if (entry_count_ > k_max_metadata_keys)
      throw BadHeader{"it claims " + std::to_string(entry_count_) + " metadata keys"};
  }

  void read_entries() {
    for (std::uint64_t i = 0; i < entry_count_; ++i) {
      Entry entry;
      entry.key = name();
      entry.type = cursor_.number<std::uint32_t>();
      entry.position = cursor_.position();
      skip_value(entry.type, 0);
      entries_.push_back(entry);
    }
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
    const auto twice = std::adjacent_find(entries_.begin(), entries_.end(),
                                          [](const Entry& a, const Entry& b) { return a.key == b.key; });
    if (twice != entries_.end()) throw BadHeader{"metadata key " + quoted(twice->key) + " is there twice"};
  }

  std::string_view text() { return as_text(cursor_.take(cursor_.number<std::uint64_t>())); }

  std::string_view name() {
    const auto result = text();
    if (result.empty()) throw BadHeader{"an empty name"};
    if (result.size() > k_max_name_bytes) throw BadHeader{"a name longer than 64 KiB"};
    if (!is_plain_text(result)) throw BadHeader{"the name " + quoted(result) + " is not plain text"};
    return result;
  }

  void skip_value(std::uint32_t type, int nesting) {
    if (type == string) {
      text();
    } else if (type == array) {
      skip_array(nesting + 1);
    } else {
      cursor_.skip(bytes_of_value(type));
    }
  }

  void skip_array(int nesting) {
    if (nesting > k_max_array_nesting) throw BadHeader{"metadata arrays nested too deeply"};
    const auto type = cursor_.number<std::uint32_t>();
    const auto count = cursor_.number<std::uint64_t>();
    const auto each = bytes_of_value(type);
    if (each > 0) {
      const auto bytes = checked_multiply(count, each);
      if (!bytes) throw BadHeader{"a metadata array of " + std::to_string(count) + " values"};
      cursor_.skip(*bytes);
      return;
    }
    // Every string or inner array takes at least 8 bytes of the header, so a false count soon
    // reaches the end of the header.
    for (std::uint64_t i = 0; i < count; ++i) skip_value(type, nesting);
  }

  const Entry* find(std::string_view key, std::uint32_t type) const {
    const auto* entry = find(key);
    return entry != nullptr && entry->type == type ? entry : nullptr;
  }
  const Entry* find(std::string_view key) const {
    const auto found = std::lower_bound(entries_.begin(), entries_.end(), key,
                                        [](const Entry& entry, std::string_view wanted) { return entry.key < wanted; });
    return found != entries_.end() && found->key == key ? &*found : nullptr;
  }

  std::string_view text_of(std::string_view key) {
    const auto* entry = find(key, string);
    if (entry == nullptr) return {};
    cursor_.move_to(entry->position);
    return text();
  }

  // Of a u32 or u64, the types that such keys have.
  std::optional<std::uint64_t> number_of(std::string_view key) {
    const auto* entry = find(key);
    if (entry == nullptr) return std::nullopt;
    cursor_.move_to(entry->position);
    if (entry->type == u16) return cursor_.number<std::uint16_t>();
    if (entry->type == u32) return cursor_.number<std::uint32_t>();
    if (entry->type == u64) return cursor_.number<std::uint64_t>();
    return std::nullopt;
  }

  std::uint64_t alignment() {
    constexpr std::string_view k_key = "general.alignment";
    const auto* entry = find(k_key);
    if (entry == nullptr) return k_default_alignment;
    if (entry->type != u32) throw BadHeader{"general.alignment is not a 32-bit number"};
    const auto here = cursor_.position();
    const auto value = number_of(k_key).value_or(0);
    cursor_.move_to(here);
    if (value == 0 || (value & (value - 1)) != 0 || value > k_max_alignment) {
      throw BadHeader{"an alignment of " + std::to_string(value)};
    }
    return value;
  }

  void read_tensors() {
    for (std::uint64_t i = 0; i < tensor_count_; ++i) {
      Tensor tensor;
      tensor.name = name();
      const auto dimensions = cursor_.number<std::uint32_t>();
      if (dimensions > k_gguf_max_dimensions) {
        throw BadHeader{"tensor " + quoted(tensor.name) + " has " + std::to_string(dimensions) + " dimensions"};
      }
      for (std::uint32_t d = 0; d < dimensions; ++d) tensor.shape.push_back(cursor_.number<std::uint64_t>());
      tensor.dtype = ggml_type_name(cursor_.number<std::uint32_t>());
      // From the start of the data until place_tensors.
      tensor.offset = cursor_.number<std::uint64_t>();
      tensor.length_bytes = length_of(tensor);
      if (tensor.offset % layout_.alignment != 0) throw BadHeader{"tensor " + quoted(tensor.name) + " is not aligned"};
      layout_.tensors.push_back(std::move(tensor));
    }
  }

  // 0 for an unknown type.
  static std::uint64_t length_of(const Tensor& tensor) {
    const auto elements = element_count(tensor.shape);
    if (!elements || *elements == 0) throw BadHeader{"tensor " + quoted(tensor.name) + " has an impossible shape"};
    const auto block = dtype_block(tensor.dtype);
    if (!block) return 0;
    const auto row = tensor.shape.empty() ? 1 : tensor.shape.front();
    if (row % block->elements != 0) throw BadHeader{"tensor " + quoted(tensor.name) + " has rows that break a block"};
    const auto length = checked_multiply(*elements / block->elements, block->bytes);
    if (!length) throw BadHeader{"tensor " + quoted(tensor.name) + " is too large"};
    return *length;
  }

  // The data begins at the next aligned place behind the header; the offsets become those in the
  // file.
  void place_tensors(std::uint64_t end_of_header) {
    layout_.header_bytes = end_of_header;
    if (layout_.tensors.empty()) return;
    layout_.header_bytes = (end_of_header + layout_.alignment - 1) / layout_.alignment * layout_.alignment;
    for (auto& tensor : layout_.tensors) {
      const auto offset = checked_add(tensor.offset, layout_.header_bytes);
      if (!offset || !checked_add(*offset, tensor.length_bytes)) {
        throw BadHeader{"tensor " + quoted(tensor.name) + " lies behind the end of any file"};
      }
      tensor.offset = *offset;
    }
    finish_tensors(layout_);
    check_neighbours();
  }

  void check_neighbours() {
    auto& tensors = layout_.tensors;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      auto& tensor = tensors[i];
      const auto next = i + 1 < tensors.size() ? tensors[i + 1].offset : file_size_;
      if (!next) break;  // the last tensor of a file of unknown size
      if (tensor.offset + tensor.length_bytes > *next || (i + 1 < tensors.size() && tensor.offset == *next)) {
        throw BadHeader{
            "tensor " + quoted(tensor.name) +
            (i + 1 < tensors.size() ? " overlaps the next one" : " does not end inside the file" + cut_off())};
      }
      if (!dtype_block(tensor.dtype)) tensor.length_bytes = *next - tensor.offset;
    }
  }

  void keep_facts() {
    keep_fact(layout_, "architecture", text_of("general.architecture"));
    const auto kept = layout_.metadata.find("architecture");
    const auto architecture = kept == layout_.metadata.end() ? std::string() : kept->second;
    for (const std::string fact : {"name", "license", "size_label"})
      keep_fact(layout_, fact, text_of("general." + fact));
    if (const auto type = number_of("general.file_type"))
      keep_fact(layout_, "quantization", gguf_file_type_name(*type));
    keep_number("split_count", "split.count");
    for (const std::string fact : {"context_length", "block_count", "embedding_length"}) {
      keep_number(fact, fmt::format("{}.{}", architecture, fact));
    }
    for (const std::string fact : {"head_count", "head_count_kv"}) {
      keep_number(fact, fmt::format("{}.attention.{}", architecture, fact));
    }
    if (find("tokenizer.chat_template", string) != nullptr) layout_.metadata["chat_template"] = "yes";
  }

  void keep_number(const std::string& fact, std::string_view key) {
    if (const auto value = number_of(key)) layout_.metadata[fact] = std::to_string(*value);
  }

  HeadCursor cursor_;
  std::optional<std::uint64_t> file_size_;
  std::uint64_t tensor_count_ = 0;
  std::uint64_t entry_count_ = 0;
  std::vector<Entry> entries_;  // sorted by key, which points into the head
  FileLayout layout_;
};

}  // namespace

bool has_gguf_magic(ByteSpan head) noexcept {
  return head.size() >= k_magic.size() && as_text(head.first(k_magic.size())) == k_magic;
}

ParseResult parse_gguf(ByteSpan head, std::optional<std::uint64_t> file_size) {
  return run_parser([&]() -> ParseResult { return GgufParser(head, file_size).parse(); });
}

}  // namespace modelfloat::formats
