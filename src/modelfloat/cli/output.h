#pragma once
// Data on standard output: JSON for programs, tables for people.

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "modelfloat/base/bytes.h"

namespace modelfloat::cli {

// Bytes as they are, unbuffered. Error when standard output takes no more.
void write_stdout(ByteSpan bytes);
inline void write_stdout(std::string_view text) { write_stdout(as_bytes(text)); }

// For people: made printable_lines().
void print_text(std::string_view text);

// A name or path that scripts read: exact, but printable_lines() on a terminal.
void print_exactly(std::string_view text);

// Text that comes in pieces, as a model writes it: exact, but printable_lines() on a terminal,
// where a piece may end inside a character.
class StreamedText {
 public:
  void write(std::string_view piece);
  // What is left of a character that never ended.
  void end();

 private:
  std::string held_;
};

// One object on one line. Bytes that are not UTF-8 are replaced.
void print_json(const nlohmann::ordered_json& object);

// Columns that are as wide as their widest cell. Cells are made printable().
class Table {
 public:
  // A name that starts with '>' makes a column that is aligned to the right.
  explicit Table(std::vector<std::string> columns);
  void add(std::vector<std::string> cells);
  bool empty() const noexcept { return rows_.empty(); }
  std::string text() const;

 private:
  std::vector<bool> right_;
  std::vector<std::string> head_;
  std::vector<std::vector<std::string>> rows_;
};

// How many bytes at the end of the text are a character that has begun and not ended; 0 to 3.
std::size_t unfinished_bytes(std::string_view text) noexcept;

// How many columns a UTF-8 text takes on a terminal, nearly: one for each character.
std::size_t columns_of(std::string_view text) noexcept;

}  // namespace modelfloat::cli
