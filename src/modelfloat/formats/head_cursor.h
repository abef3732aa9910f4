#pragma once
// Reads a header front to back without trusting it. Shared by the parsers of this folder; not for
// others.

#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"
#include "modelfloat/formats/layout.h"

namespace modelfloat::formats {

// Every step throws NeedMore when the head ends too early, and BadHeader when the header cannot be
// right: it would end behind the file or behind k_max_header_bytes. The parser's entry turns both
// into its ParseResult.
class HeadCursor {
 public:
  HeadCursor(ByteSpan head, std::optional<std::uint64_t> file_size) : head_(head), file_size_(file_size) {}

  std::uint64_t position() const noexcept { return position_; }
  ByteSpan take(std::uint64_t count);
  void skip(std::uint64_t count) { take(count); }
  // A position taken before.
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

// What a message adds about a file that ends too early.
std::string cut_off();

// The text for a message: at most some 60 characters, quoted, with what is not printable ASCII
// replaced.
std::string quoted(std::string_view text);

// Valid UTF-8 without control characters: may be shown and put into JSON.
bool is_plain_text(std::string_view text) noexcept;

// Keeps a fact for listings when it is plain text and within the bounds.
void keep_fact(FileLayout& layout, const std::string& name, std::string_view value);

// Sorts the tensors by offset and adds the facts that follow from them: parameters, and
// quantization (the type of most bytes) unless the file named it. Throws BadHeader when two tensors
// have the same name.
void finish_tensors(FileLayout& layout);

}  // namespace modelfloat::formats
