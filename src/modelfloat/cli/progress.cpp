#include "modelfloat/cli/progress.h"

#include <algorithm>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "modelfloat/cli/format.h"
#include "modelfloat/cli/home.h"

namespace modelfloat::cli {
namespace {

constexpr Milliseconds k_rewrite_every{100};
constexpr Milliseconds k_line_every{5000};
constexpr std::size_t k_default_width = 80;

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return k_default_width;
  return size.ws_col;
}

}  // namespace

std::string progress_text(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total, double seconds,
                          std::size_t width) {
  std::string text = printable(what);
  const auto add = [&](const std::string& part) {
    if (text.size() + 2 + part.size() <= width) text += "  " + part;
  };
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  if (!total) {
    add(human_bytes(done));
  } else {
    add(human_bytes(std::min(done, *total)) + " of " + human_bytes(*total));
    const double share = *total == 0 ? 1 : std::min(1.0, static_cast<double>(done) / static_cast<double>(*total));
    add(fmt::format("{} %", static_cast<int>(share * 100)));
  }
  if (rate >= 1) {
    add(human_bytes(static_cast<std::uint64_t>(rate)) + "/s");
    if (total && *total > done) add(human_seconds(static_cast<double>(*total - done) / rate) + " left");
  }
  text.resize(std::min(text.size(), width));
  return text;
}

ProgressStyle progress_style(bool quiet) {
  if (quiet) return ProgressStyle::none;
  const bool terminal = ::isatty(STDERR_FILENO) != 0 && process_variable("TERM").value_or("dumb") != "dumb";
  return terminal ? ProgressStyle::rewrite : ProgressStyle::lines;
}

void ProgressLine::show(std::string_view what, std::uint64_t done, std::optional<std::uint64_t> total) {
  if (style_ == ProgressStyle::none) return;
  const std::lock_guard lock(mutex_);
  if (!is_due(what)) return;
  write_line(progress_text(what, done, total, seconds_between(begin_, *last_), terminal_width() - 1));
}

void ProgressLine::show(std::string_view what) {
  if (style_ == ProgressStyle::none) return;
  const std::lock_guard lock(mutex_);
  if (is_due(what)) write_line(printable(what.substr(0, terminal_width() - 1)));
}

// A new stage starts from zero, and measures its own speed.
bool ProgressLine::is_due(std::string_view what) {
  const SteadyTime now = clock_.steady_now();
  if (what != last_what_) {
    begin_ = now;
    last_what_ = what;
    last_ = now;
    return style_ == ProgressStyle::rewrite;  // lines are only printed for long stages
  }
  if (last_ && now - *last_ < (style_ == ProgressStyle::rewrite ? k_rewrite_every : k_line_every)) return false;
  last_ = now;
  return true;
}

void ProgressLine::write_line(const std::string& line) {
  visible_ = style_ == ProgressStyle::rewrite;
  const std::string text = visible_ ? "\r\x1b[K" + line : line + "\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

void ProgressLine::clear() {
  const std::lock_guard lock(mutex_);
  if (!visible_) return;
  visible_ = false;
  constexpr std::string_view k_clear = "\r\x1b[K";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, k_clear.data(), k_clear.size());
}

}  // namespace modelfloat::cli
