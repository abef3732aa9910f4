#pragma once
// Shows the progress of a long command on standard error.

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/clock.h"

namespace modelfloat::cli {

// Returns one line of at most `width` columns, such as "pushing 45.1 MB of 98.4 MB 46 % 120 MB/s
// 0.44 s left". Pure.
std::string progress_text(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total, double seconds,
                          std::size_t width);

enum class ProgressStyle {
  none,
  lines,    // a new line every few seconds: for files and pipes
  rewrite,  // one line that is overwritten: for terminals
};
// Returns the style that fits standard error and TERM; `none` with `quiet`.
ProgressStyle progress_style(bool quiet);

// May be used from any thread. The destructor removes the line, so that only results stay on the
// terminal.
class ProgressLine {
 public:
  ProgressLine(ProgressStyle style, Clock& clock) : style_(style), clock_(clock), begin_(clock.steady_now()) {}
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Shows progress. May be called often: it writes only a few times a second.
  void show(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total = std::nullopt);
  // Shows a message without numbers.
  void show(std::string_view what);
  // Removes the line; the next show() brings it back.
  void clear();

 private:
  bool is_due(std::string_view what);
  void write_line(const std::string& line);

  const ProgressStyle style_;
  Clock& clock_;
  std::mutex mutex_;  // guards all below
  SteadyTime begin_;
  std::optional<SteadyTime> last_;
  std::string last_what_;
  bool visible_ = false;
};

}  // namespace modelfloat::cli
