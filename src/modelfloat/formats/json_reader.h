#pragma once
// The little JSON that a safetensors header needs: objects, strings and whole numbers, read in
// place without recursion. Anything else is refused, so a hostile header can neither nest nor grow.
// Shared by the parsers of this folder; not for others.

#include <cstdint>
#include <string>
#include <string_view>

namespace modelfloat::formats {

// Each step skips white space, then reads what is asked for or throws BadHeader.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : rest_(text) {}

  void expect(char punctuation);
  // Whether `punctuation` comes next; then it is read.
  bool accept(char punctuation);
  // A string as UTF-8. What is longer than `limit` bytes is read to its end, but comes back cut:
  // size() > limit tells.
  std::string string(std::size_t limit);
  // A whole number from 0 to 2^64-1.
  std::uint64_t number();
  bool at_end();

 private:
  void skip_space();
  char next();
  std::uint32_t escaped_code_point();
  std::uint32_t four_hex_digits();

  std::string_view rest_;
};

}  // namespace modelfloat::formats
