#include "modelfloat/server/http/multipart.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "modelfloat/base/ascii.h"
#include "modelfloat/server/http/http_head.h"

namespace modelfloat::server {
namespace {

[[noreturn]] void bad(const std::string& why) { throw HttpError(400, "bad_multipart", why); }

// A value and its parameters: `form-data; name="a"; filename=b`.
struct Parameters {
  std::string value;                                       // in lower case
  std::vector<std::pair<std::string, std::string>> named;  // names in lower case
  std::optional<std::string> find(std::string_view name) const {
    for (const auto& [key, text] : named) {
      if (key == name) return text;
    }
    return std::nullopt;
  }
};

// Takes a quoted string from the front. Only \" and \\ are escapes: old browsers send paths with
// single backslashes.
std::string take_quoted(std::string_view& text) {
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return value;
    }
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\')) ++i;
    value += text[i];
  }
  bad("a quoted value does not end");
}

Parameters parse_parameters(std::string_view text) {
  Parameters parameters;
  const auto value_end = std::min(text.find(';'), text.size());
  parameters.value = lower_case(trimmed(text.substr(0, value_end)));
  text.remove_prefix(value_end);
  while (!text.empty()) {
    text = trimmed(text.substr(1));  // the semicolon
    if (text.empty()) break;
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) bad("a parameter has no value");
    auto name = lower_case(trimmed(text.substr(0, equals)));
    text = trimmed(text.substr(equals + 1));
    std::string value;
    if (text.starts_with('"')) {
      value = take_quoted(text);
      text = trimmed(text);
      if (!text.empty() && text.front() != ';') bad("something stands behind a quoted value");
    } else {
      const auto end = std::min(text.find(';'), text.size());
      value = std::string(trimmed(text.substr(0, end)));
      text.remove_prefix(end);
    }
    if (parameters.find(name)) bad("the parameter " + name + " stands there twice");
    parameters.named.emplace_back(std::move(name), std::move(value));
  }
  return parameters;
}

// filename*=UTF-8''percent%20escaped, as some older clients send names that are not ASCII.
std::string decode_extended(std::string_view text) {
  constexpr std::string_view k_charset = "utf-8'";
  const auto quote = text.find('\'', k_charset.size());
  if (lower_case(text.substr(0, k_charset.size())) != k_charset || quote == std::string_view::npos) {
    bad("a file name is in a character set other than UTF-8");
  }
  auto name = percent_decode(text.substr(quote + 1));
  if (!name) bad("a percent escape in a file name is broken");
  return std::move(*name);
}

void read_disposition(std::string_view value, PartHead& head) {
  const auto disposition = parse_parameters(value);
  if (disposition.value != "form-data") bad("a part is no form-data");
  auto name = disposition.find("name");
  if (!name) bad("a part has no name");
  head.name = std::move(*name);
  head.filename = disposition.find("filename");
  if (const auto extended = disposition.find("filename*")) head.filename = decode_extended(*extended);
}

}  // namespace

std::string multipart_boundary(std::string_view content_type) {
  const auto type = parse_parameters(content_type);
  if (type.value != "multipart/form-data") {
    throw HttpError(415, "unsupported_media_type", "the body must be sent as multipart/form-data");
  }
  auto boundary = type.find("boundary");
  const auto allowed = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
  };
  if (!boundary || boundary->empty() || boundary->size() > 70 || boundary->back() == ' ' ||
      !std::all_of(boundary->begin(), boundary->end(), allowed)) {
    bad("the boundary is missing or not allowed");
  }
  return std::move(*boundary);
}

MultipartReader::MultipartReader(ByteSource& body, std::string_view boundary, std::size_t buffer_bytes)
    : body_(body),
      delimiter_("\r\n--" + std::string(boundary)),
      buffer_(std::max(buffer_bytes, k_max_head_bytes + delimiter_.size() + 4)) {
  // So the first delimiter, which stands at the very front, looks like all others.
  std::memcpy(buffer_.data(), "\r\n", 2);
  end_ = 2;
}

std::string_view MultipartReader::buffered() const noexcept {
  return as_text(ByteSpan(buffer_).subspan(begin_, end_ - begin_));
}

void MultipartReader::drop(std::size_t bytes) noexcept {
  begin_ += bytes;
  clean_ -= std::min(clean_, bytes);
}

bool MultipartReader::fill() {
  // What is left of the bytes before is little, but for a head at the very end.
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const auto count = body_.read(MutableByteSpan(buffer_).subspan(end_));
  end_ += count;
  return count > 0;
}

void MultipartReader::need(std::size_t bytes) {
  while (end_ - begin_ < bytes) {
    if (!fill()) bad("the body ends before its last boundary");
  }
}

std::size_t MultipartReader::find_content_end() {
  while (clean_ == 0 && !at_delimiter_) {
    need(delimiter_.size());
    const auto size = end_ - begin_;
    const auto* front = buffer_.data() + begin_;
    const auto* found = static_cast<const std::byte*>(::memmem(front, size, delimiter_.data(), delimiter_.size()));
    at_delimiter_ = found != nullptr;
    clean_ = found != nullptr ? static_cast<std::size_t>(found - front) : size - (delimiter_.size() - 1);
  }
  return clean_;
}

std::size_t MultipartReader::read_content(MutableByteSpan to) {
  if (to.empty() || parts_ == 0 || ended_) return 0;
  const auto count = std::min(find_content_end(), to.size());
  if (count == 0) return 0;
  std::memcpy(to.data(), buffer_.data() + begin_, count);
  drop(count);
  return count;
}

// Text for readers that know no parts (RFC 2046 section 5.1.1).
void MultipartReader::skip_preamble() {
  std::size_t bytes = 0;
  while (const auto count = find_content_end()) {
    bytes += count;
    if (bytes > k_max_epilogue_bytes) bad("the body does not begin with its boundary");
    drop(count);
  }
}

void MultipartReader::skip_content() {
  while (const auto count = find_content_end()) drop(count);
}

bool MultipartReader::pass_delimiter() {
  drop(delimiter_.size());
  at_delimiter_ = false;
  need(2);
  if (buffered().starts_with("--")) {
    drop(2);
    return false;
  }
  for (std::size_t padding = 0; buffered().front() == ' ' || buffered().front() == '\t'; ++padding) {
    if (padding == 64) bad("a boundary has too much padding");
    drop(1);
    need(2);
  }
  if (!buffered().starts_with("\r\n")) bad("a boundary does not end with CR LF");
  drop(2);
  return true;
}

PartHead MultipartReader::read_head() {
  PartHead head;
  bool has_disposition = false;
  std::size_t head_bytes = 0;
  for (;;) {
    need(2);
    std::size_t end = buffered().find("\r\n");
    while (end == std::string_view::npos) {
      if (head_bytes + buffered().size() > k_max_head_bytes) bad("the head of a part is too large");
      need(buffered().size() + 1);
      end = buffered().find("\r\n");
    }
    head_bytes += end + 2;
    if (head_bytes > k_max_head_bytes) bad("the head of a part is too large");
    const auto line = buffered().substr(0, end);
    if (line.empty()) break;
    if (std::any_of(line.begin(), line.end(),
                    [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; })) {
      bad("a control character stands in the head of a part");
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || line.front() == ' ' || line.front() == '\t')
      bad("the head of a part is malformed");
    const auto name = lower_case(line.substr(0, colon));
    const auto value = trimmed(line.substr(colon + 1));
    if (name == "content-disposition") {
      if (has_disposition) bad("a part has two dispositions");
      has_disposition = true;
      read_disposition(value, head);
    } else if (name == "content-transfer-encoding") {
      const auto coding = lower_case(value);
      if (coding != "binary" && coding != "8bit" && coding != "7bit") {
        bad("a part is encoded: it must be sent as it is, without Content-Transfer-Encoding");
      }
    } else if (name == "content-type") {
      head.content_type = std::string(value);
    }
    drop(end + 2);
  }
  drop(2);
  if (!has_disposition) bad("a part has no disposition");
  return head;
}

std::optional<PartHead> MultipartReader::next_part() {
  if (ended_) return std::nullopt;
  if (parts_ == 0) {
    skip_preamble();
  } else {
    skip_content();
  }
  if (!pass_delimiter()) {
    read_epilogue();
    ended_ = true;
    return std::nullopt;
  }
  if (++parts_ > k_max_parts) bad("the form has too many parts");
  return read_head();
}

void MultipartReader::read_epilogue() {
  std::size_t bytes = 0;
  do {
    bytes += end_ - begin_;
    begin_ = end_;
    clean_ = 0;
    if (bytes > k_max_epilogue_bytes) bad("too much stands behind the last boundary");
  } while (fill());
}

std::string MultipartReader::read_text(std::size_t max_bytes) {
  std::string text;
  std::array<std::byte, 4096> piece;
  while (const auto count = read_content(piece)) {
    if (text.size() + count > max_bytes) throw HttpError(413, "field_too_large", "a field of the form is too large");
    text += as_text(ByteSpan(piece).first(count));
  }
  return text;
}

}  // namespace modelfloat::server
