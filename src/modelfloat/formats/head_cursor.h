#pragma once
// Reads an untrusted header from front to back. Only for the parsers in this folder.

#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"
#include "modelfloat/formats/layout.h"

namespace modelfloat::formats {

// Every step throws NeedMore when more bytes of the file are needed. It throws BadHeader when the
// header cannot be right, because it would extend past the end of the file or past
// k_max_header_bytes. The parser's entry turns both into its ParseResult.
class HeadCursor {
 public:
  HeadCursor(ByteSpan head, std::optional<std::uint64_t> file_size) : head_(head), file_size_(file_size) {}

  std::uint64_t position() const noexcept { return position_; }
  ByteSpan take(std::uint64_t count);
  void skip(std::uint64_t count) { take(count); }
  // Moves to a position that position() returned earlier.
  void move_to(std::uint64_t position) noexcept { position_ = position; }

  template <typename Number>
  Number number() {
    return load_le<Number>(take(sizeof(Number)));
  }

 private:
  ByteSpan head_;
  std::optional<std::uint64_t> file_size_;
  std::uint64_t position_ = 0;
};

// Runs `parse`, which returns a FileLayout or throws as above.
template <typename Parse>
ParseResult run_parser(Parse parse) {
  try {
    return parse();
  } catch (const NeedMore& more) {
    return more;
  } catch (const BadHeader& bad) {
    return bad;
  }
}

// The text that messages append about a file that ends too early.
std::string cut_off();

// Quotes text for a message: at most about 60 characters, and only printable ASCII; other bytes
// are replaced.
std::string quoted(std::string_view text);

// Valid UTF-8 without control characters: may be shown and put into JSON.
bool is_plain_text(std::string_view text) noexcept;

// Adds a fact to layout.metadata if it is plain text and not too long.
void keep_fact(FileLayout& layout, const std::string& name, std::string_view value);

// Sorts the tensors by offset and adds the facts that follow from them: parameters, and
// quantization (the type of most bytes) unless the file named it. Throws BadHeader when two tensors
// have the same name.
void finish_tensors(FileLayout& layout);

}  // namespace modelfloat::formats
