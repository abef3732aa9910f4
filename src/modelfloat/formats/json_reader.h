#pragma once
// Reads the subset of JSON that a safetensors header needs: objects, strings and whole numbers.
// Everything else is refused. There is no recursion and no tree in memory, so a hostile header
// cannot exhaust the stack or memory. Only for the parsers in this folder.

#include <cstdint>
#include <string>
#include <string_view>

namespace modelfloat::formats {

// Each method skips white space, then reads what it is named after, or throws BadHeader.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : rest_(text) {}

  void expect(char punctuation);
  // Returns whether `punctuation` comes next, and reads it if so.
  bool accept(char punctuation);
  // Reads a string as UTF-8. A string of more than `limit` bytes is read to its end, but returned
  // incomplete; its size() is then greater than `limit`.
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
