#include "modelfloat/cli/output.h"

#include <algorithm>
#include <cerrno>

#include <nlohmann/json.hpp>
#include <poll.h>
#include <unistd.h>

#include "modelfloat/base/error.h"
#include "modelfloat/cli/format.h"

namespace modelfloat::cli {

void write_stdout(ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {  // a full pipe that another process made non-blocking
      pollfd waiting{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&waiting, 1, -1);
      continue;
    }
    if (count < 0) throw system_error(errno, "standard output", "takes no more");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void print_text(std::string_view text) { write_stdout(printable_lines(text)); }

static bool is_on_terminal() { return ::isatty(STDOUT_FILENO) != 0; }

void print_exactly(std::string_view text) {
  if (is_on_terminal()) return print_text(text);
  write_stdout(text);
}

std::size_t unfinished_bytes(std::string_view text) noexcept {
  constexpr std::size_t k_longest = 4;
  for (std::size_t count = 1; count < std::min(k_longest, text.size() + 1); ++count) {
    const auto byte = static_cast<unsigned char>(text[text.size() - count]);
    if ((byte & 0xC0U) == 0x80U) continue;  // not the first byte of its character
    const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return length > count ? count : 0;
  }
  return 0;
}

void StreamedText::write(std::string_view piece) {
  if (!is_on_terminal()) return write_stdout(piece);
  held_ += piece;
  const std::size_t left = unfinished_bytes(held_);
  print_text(std::string_view(held_).substr(0, held_.size() - left));
  held_.erase(0, held_.size() - left);
}

void StreamedText::end() {
  print_text(held_);
  held_.clear();
}

void print_json(const nlohmann::ordered_json& object) {
  write_stdout(object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

std::size_t columns_of(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char byte) { return (static_cast<unsigned char>(byte) & 0xc0U) != 0x80U; }));
}

Table::Table(std::vector<std::string> columns) : head_(std::move(columns)) {
  for (std::string& name : head_) {
    right_.push_back(name.starts_with('>'));
    if (right_.back()) name.erase(0, 1);
  }
}

void Table::add(std::vector<std::string> cells) {
  cells.resize(head_.size());
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < head_.size(); ++column) {
    std::size_t width = columns_of(head_[column]);
    for (const auto& row : rows_) width = std::max(width, columns_of(row[column]));
    widths.push_back(width);
  }
  std::string text;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t column = 0; column < cells.size(); ++column) {
      const std::string padding(widths[column] - columns_of(cells[column]), ' ');
      if (column != 0) line += "  ";
      line += right_[column] ? padding + cells[column] : cells[column] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  add_line(head_);
  for (const auto& row : rows_) add_line(row);
  return text;
}

}  // namespace modelfloat::cli
