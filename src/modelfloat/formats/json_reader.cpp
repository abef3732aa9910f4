#include "modelfloat/formats/json_reader.h"

#include <algorithm>
#include <charconv>

#include "modelfloat/formats/layout.h"

namespace modelfloat::formats {
namespace {

void append_utf8(std::string& to, std::uint32_t code_point) {
  const auto add = [&](std::uint32_t byte) { to += static_cast<char>(byte); };
  const auto tail = [&](int shift) { add(0x80U | ((code_point >> shift) & 0x3FU)); };
  if (code_point < 0x80) {
    add(code_point);
  } else if (code_point < 0x800) {
    add(0xC0U | (code_point >> 6));
    tail(0);
  } else if (code_point < 0x10000) {
    add(0xE0U | (code_point >> 12));
    tail(6);
    tail(0);
  } else {
    add(0xF0U | (code_point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace

void JsonReader::skip_space() {
  const auto first = rest_.find_first_not_of(" \t\r\n");
  rest_.remove_prefix(first == std::string_view::npos ? rest_.size() : first);
}

char JsonReader::next() {
  if (rest_.empty()) throw BadHeader{"its JSON ends too early"};
  const char c = rest_.front();
  rest_.remove_prefix(1);
  return c;
}

bool JsonReader::at_end() {
  skip_space();
  return rest_.empty();
}

bool JsonReader::accept(char punctuation) {
  skip_space();
  if (!rest_.starts_with(punctuation)) return false;
  rest_.remove_prefix(1);
  return true;
}

void JsonReader::expect(char punctuation) {
  if (!accept(punctuation)) throw BadHeader{std::string("its JSON lacks a '") + punctuation + "' where one must stand"};
}

std::string JsonReader::string(std::size_t limit) {
  const auto is_special = [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; };
  expect('"');
  std::string result;
  while (true) {
    const auto special = std::find_if(rest_.begin(), rest_.end(), is_special);
    const auto plain = static_cast<std::size_t>(special - rest_.begin());
    if (result.size() <= limit) result.append(rest_.substr(0, std::min(plain, limit + 1)));
    rest_.remove_prefix(plain);
    const char c = next();
    if (c == '"') return result;
    if (c != '\\') throw BadHeader{"a control character in a JSON string"};
    const auto code_point = escaped_code_point();
    if (result.size() <= limit) append_utf8(result, code_point);
  }
}

std::uint32_t JsonReader::escaped_code_point() {
  switch (const char c = next()) {
    case '"':
    case '\\':
    case '/': return static_cast<unsigned char>(c);
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'u': break;
    default: throw BadHeader{"an unknown escape in a JSON string"};
  }
  const auto first = four_hex_digits();
  if (first < 0xD800 || first > 0xDFFF) return first;
  if (first > 0xDBFF || next() != '\\' || next() != 'u') throw BadHeader{"half a surrogate pair in a JSON string"};
  const auto second = four_hex_digits();
  if (second < 0xDC00 || second > 0xDFFF) throw BadHeader{"half a surrogate pair in a JSON string"};
  return 0x10000U + ((first - 0xD800U) << 10) + (second - 0xDC00U);
}

std::uint32_t JsonReader::four_hex_digits() {
  std::uint32_t value = 0;
  const auto digits = rest_.substr(0, 4);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end != digits.data() + 4) throw BadHeader{"a broken \\u escape in a JSON string"};
  rest_.remove_prefix(4);
  return value;
}

std::uint64_t JsonReader::number() {
  skip_space();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
  if (error == std::errc::result_out_of_range) throw BadHeader{"a number of more than 64 bits"};
  const auto length = static_cast<std::size_t>(end - rest_.data());
  if (error != std::errc() || (length > 1 && rest_.front() == '0')) throw BadHeader{"its JSON lacks a whole number"};
  rest_.remove_prefix(length);
  return value;
}

}  // namespace modelfloat::formats
