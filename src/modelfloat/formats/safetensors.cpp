#include "modelfloat/formats/safetensors.h"

#include <algorithm>
#include <array>
#include <set>

#include "modelfloat/formats/head_cursor.h"
#include "modelfloat/formats/json_reader.h"

namespace modelfloat::formats {
namespace {

constexpr std::uint64_t k_length_bytes = 8;
constexpr std::uint64_t k_format_max_header_bytes = 100'000'000;
constexpr std::size_t k_max_dtype_bytes = 16;

class SafetensorsParser {
 public:
  SafetensorsParser(ByteSpan head, std::optional<std::uint64_t> file_size)
      : cursor_(head, file_size), file_size_(file_size) {}

  FileLayout parse() {
    layout_.format = "safetensors";
    layout_.ends_with_last_tensor = true;
    const auto json = cursor_.take(cursor_.number<std::uint64_t>());
    layout_.header_bytes = cursor_.position();
    read_root(as_text(json));
    finish_tensors(layout_);
    check_neighbours();
    return std::move(layout_);
  }

 private:
  void read_root(std::string_view text) {
    if (!text.starts_with('{')) throw BadHeader{"its header does not begin with '{'"};
    JsonReader json(text);
    bool has_metadata = false;
    read_members(json, [&](const std::string& key) {
      if (key == "__metadata__") {
        if (has_metadata) throw BadHeader{"__metadata__ is there twice"};
        has_metadata = true;
        read_metadata(json);
      } else {
        if (layout_.tensors.size() == k_max_tensors) throw BadHeader{"it has too many tensors"};
        layout_.tensors.push_back(read_tensor(json, key));
      }
    });
    if (!json.at_end()) throw BadHeader{"something follows the JSON of its header"};
  }

  // Reads an object and calls `member(key)` behind each colon.
  template <typename Member>
  static void read_members(JsonReader& json, Member member) {
    json.expect('{');
    if (json.accept('}')) return;
    do {
      const auto key = json.string(k_max_name_bytes);
      if (key.size() > k_max_name_bytes) throw BadHeader{"a name longer than 64 KiB"};
      json.expect(':');
      member(key);
    } while (json.accept(','));
    json.expect('}');
  }

  void read_metadata(JsonReader& json) {
    std::set<std::string> seen;
    read_members(json, [&](const std::string& key) {
      if (!seen.insert(key).second) throw BadHeader{"metadata key " + quoted(key) + " is there twice"};
      if (seen.size() > k_max_metadata_keys) throw BadHeader{"it has too many metadata keys"};
      const auto value = json.string(k_max_fact_bytes);
      static const std::set<std::string> k_facts = {"format", "name", "license", "architecture"};
      if (k_facts.contains(key)) keep_fact(layout_, key, value);
    });
  }

  Tensor read_tensor(JsonReader& json, const std::string& name) {
    if (name.empty() || !is_plain_text(name)) throw BadHeader{"the name " + quoted(name) + " is not plain text"};
    Tensor tensor;
    tensor.name = name;
    std::set<std::string> seen;
    std::array<std::uint64_t, 2> range{};
    read_members(json, [&](const std::string& key) {
      if (!seen.insert(key).second) throw BadHeader{"tensor " + quoted(name) + " says " + quoted(key) + " twice"};
      if (key == "dtype") {
        tensor.dtype = json.string(k_max_dtype_bytes);
      } else if (key == "shape") {
        tensor.shape = read_shape(json);
      } else if (key == "data_offsets") {
        range = read_range(json);
      } else {
        throw BadHeader{"tensor " + quoted(name) + " has the unknown key " + quoted(key)};
      }
    });
    if (seen.size() != 3) throw BadHeader{"tensor " + quoted(name) + " lacks its dtype, shape or data_offsets"};
    place(tensor, range);
    return tensor;
  }

  static std::vector<std::uint64_t> read_shape(JsonReader& json) {
    std::vector<std::uint64_t> shape;
    json.expect('[');
    if (json.accept(']')) return shape;
    do {
      if (shape.size() == k_max_dimensions) throw BadHeader{"a tensor of more than 8 dimensions"};
      shape.push_back(json.number());
    } while (json.accept(','));
    json.expect(']');
    return shape;
  }

  static std::array<std::uint64_t, 2> read_range(JsonReader& json) {
    std::array<std::uint64_t, 2> range{};
    json.expect('[');
    range[0] = json.number();
    json.expect(',');
    range[1] = json.number();
    json.expect(']');
    return range;
  }

  void place(Tensor& tensor, const std::array<std::uint64_t, 2>& range) const {
    const auto offset = checked_add(layout_.header_bytes, range[0]);
    if (range[1] < range[0] || !offset || !checked_add(*offset, range[1] - range[0])) {
      throw BadHeader{"tensor " + quoted(tensor.name) + " has impossible offsets"};
    }
    tensor.offset = *offset;
    tensor.length_bytes = range[1] - range[0];
    check_dtype(tensor);
  }

  static void check_dtype(const Tensor& tensor) {
    const auto is_word = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; };
    if (tensor.dtype.empty() || tensor.dtype.size() > k_max_dtype_bytes ||
        !std::all_of(tensor.dtype.begin(), tensor.dtype.end(), is_word)) {
      throw BadHeader{"tensor " + quoted(tensor.name) + " has the impossible dtype " + quoted(tensor.dtype)};
    }
    const auto elements = element_count(tensor.shape);
    if (!elements) throw BadHeader{"tensor " + quoted(tensor.name) + " has an impossible shape"};
    const auto block = dtype_block(tensor.dtype);
    if (!block) return;
    const auto bytes = checked_multiply(*elements / block->elements, block->bytes);
    if (*elements % block->elements != 0 || bytes != tensor.length_bytes) {
      throw BadHeader{"tensor " + quoted(tensor.name) + " has another size than its shape and dtype say"};
    }
  }

  void check_neighbours() const {
    auto end = layout_.header_bytes;
    for (const auto& tensor : layout_.tensors) {
      if (tensor.offset < end) throw BadHeader{"tensor " + quoted(tensor.name) + " overlaps another"};
      if (tensor.offset > end) throw BadHeader{"a hole before tensor " + quoted(tensor.name)};
      end += tensor.length_bytes;
    }
    if (file_size_ && end > *file_size_) throw BadHeader{"the tensors do not end inside the file" + cut_off()};
    if (file_size_ && end < *file_size_) throw BadHeader{"bytes follow the last tensor"};
  }

  HeadCursor cursor_;
  std::optional<std::uint64_t> file_size_;
  FileLayout layout_;
};

}  // namespace

bool looks_like_safetensors(ByteSpan head) noexcept {
  if (head.size() <= k_length_bytes) return false;
  const auto length = load_le<std::uint64_t>(head);
  return length >= 2 && length <= k_format_max_header_bytes && head[k_length_bytes] == std::byte{'{'};
}

ParseResult parse_safetensors(ByteSpan head, std::optional<std::uint64_t> file_size) {
  return run_parser([&]() -> ParseResult { return SafetensorsParser(head, file_size).parse(); });
}

}  // namespace modelfloat::formats
