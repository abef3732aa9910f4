#pragma once
// Writes data to standard output: JSON for programs, tables for people.

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "modelfloat/base/bytes.h"

namespace modelfloat::cli {

// Writes the bytes unchanged and unbuffered. Throws Error when standard output cannot be written.
void write_stdout(ByteSpan bytes);
inline void write_stdout(std::string_view text) { write_stdout(as_bytes(text)); }

// For people: prints printable_lines(text).
void print_text(std::string_view text);

// For a name or path that scripts read: prints it unchanged, but printable_lines() of it on a
// terminal.
void print_exactly(std::string_view text);

// Prints text that a model generates piece by piece: unchanged, but printable_lines() of it on a
// terminal. A piece may end inside a character.
class StreamedText {
 public:
  void write(std::string_view piece);
  // Prints the bytes of an unfinished character at the end.
  void end();

 private:
  std::string held_;
};

// Prints one object on one line. Replaces bytes that are not valid UTF-8.
void print_json(const nlohmann::ordered_json& object);

// A table of which each column is as wide as its widest cell. Cells are made printable().
class Table {
 public:
  // A column whose name starts with '>' is aligned to the right.
  explicit Table(std::vector<std::string> columns);
  void add(std::vector<std::string> cells);
  bool empty() const noexcept { return rows_.empty(); }
  std::string text() const;

 private:
  std::vector<bool> right_;
  std::vector<std::string> head_;
  std::vector<std::vector<std::string>> rows_;
};

// Returns how many bytes at the end of the text belong to an unfinished UTF-8 character; 0 to 3.
std::size_t unfinished_bytes(std::string_view text) noexcept;

// Returns about how many terminal columns a UTF-8 text takes: one for each character.
std::size_t columns_of(std::string_view text) noexcept;

}  // namespace modelfloat::cli
