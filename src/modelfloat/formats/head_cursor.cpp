#include "modelfloat/formats/head_cursor.h"

#include <algorithm>
#include <tuple>

#include "modelfloat/base/utf8.h"

namespace modelfloat::formats {
namespace {

std::string dominant_dtype(const std::vector<Tensor>& tensors) {
  std::map<std::string_view, std::uint64_t> bytes;
  // A sum that wraps only mislabels.
  for (const auto& tensor : tensors) bytes[tensor.dtype] += tensor.length_bytes;
  const auto most =
      std::max_element(bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == bytes.end() ? std::string() : std::string(most->first);
}

void refuse_equal_names(const std::vector<Tensor>& tensors) {
  std::vector<std::string_view> names;
  names.reserve(tensors.size());
  for (const auto& tensor : tensors) names.emplace_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) throw BadHeader{"two tensors are named " + quoted(*twice)};
}

}  // namespace

ByteSpan HeadCursor::take(std::uint64_t count) {
  const auto end = checked_add(position_, count);
  if (file_size_ && (!end || *end > *file_size_))
    throw BadHeader{"the header does not end inside the file" + cut_off()};
  if (!end || *end > k_max_header_bytes) throw BadHeader{"the header is larger than 32 MiB"};
  if (*end > head_.size()) throw NeedMore{*end};
  const auto bytes = head_.subspan(position_, count);
  position_ = *end;
  return bytes;
}

std::string cut_off() { return ", which may have been cut off: download it again"; }

std::string quoted(std::string_view text) {
  constexpr std::size_t k_shown = 60;
  std::string result = "\"";
  for (const char c : text.substr(0, k_shown)) result += (c >= ' ' && c <= '~') ? c : '?';
  return result + (text.size() > k_shown ? "...\"" : "\"");
}

bool is_plain_text(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto length = utf8_sequence(text);
    const auto first = static_cast<unsigned char>(text.front());
    if (length == 0 || first < 0x20 || first == 0x7F) return false;
    if (first == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0)
      return false;  // the C1 controls steer terminals too
    text.remove_prefix(length);
  }
  return true;
}

void keep_fact(FileLayout& layout, const std::string& name, std::string_view value) {
  if (!value.empty() && value.size() <= k_max_fact_bytes && is_plain_text(value)) layout.metadata[name] = value;
}

void finish_tensors(FileLayout& layout) {
  auto& tensors = layout.tensors;
  refuse_equal_names(tensors);
  std::sort(tensors.begin(), tensors.end(), [](const Tensor& a, const Tensor& b) {
    return std::tie(a.offset, a.length_bytes, a.name) < std::tie(b.offset, b.length_bytes, b.name);
  });
  if (tensors.empty()) return;

  std::optional<std::uint64_t> parameters = 0;
  for (const auto& tensor : tensors) {
    const auto elements = element_count(tensor.shape);
    if (parameters) parameters = elements ? checked_add(*parameters, *elements) : std::nullopt;
  }
  if (parameters) layout.metadata["parameters"] = std::to_string(*parameters);
  if (!layout.metadata.contains("quantization")) layout.metadata["quantization"] = dominant_dtype(tensors);
}

}  // namespace modelfloat::formats
