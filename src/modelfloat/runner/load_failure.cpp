#include "modelfloat/runner/load_failure.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <vector>

#include "modelfloat/base/ascii.h"
#include "modelfloat/base/printable.h"

namespace modelfloat::runner {
namespace {

constexpr std::size_t k_max_reason_bytes = 300;
constexpr std::string_view k_model_error = "error loading model: ";
constexpr std::string_view k_missing_library = "error while loading shared libraries";

bool has_any(std::string_view line, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [line](std::string_view word) { return line.find(word) != std::string_view::npos; });
}

// How much a line of llama-server says about its end: 0 for nothing.
int rank_of(std::string_view line) {
  if (line.find(k_model_error) != std::string_view::npos) return 5;
  if (has_any(line, {k_missing_library, "GGML_ASSERT", "what():", "failed to allocate", "unable to allocate"}))
    return 4;
  if (has_any(line, {"terminate called", "bad_alloc", "out of memory", "invalid argument", "not found"})) return 3;
  // These only say that something went wrong before.
  if (has_any(line, {"failed to load model", "exiting due to"})) return 1;
  return has_any(line, {"error", "failed", "couldn't", "cannot"}) ? 2 : 0;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (const auto line = trimmed(text.substr(0, end)); !line.empty()) lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string shortened(std::string text) {
  if (text.size() <= k_max_reason_bytes) return text;
  std::size_t end = k_max_reason_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return text.substr(0, end) + "...";
}

std::string_view advice_for(int signal) {
  switch (signal) {
    case SIGILL:
      return "it uses instructions that this processor does not have: build it on this machine by "
             "tools/setup/llama-server";
    case SIGSYS: return "its sandbox killed it for a system call that no engine makes";
    case SIGKILL: return "it was killed, most likely because memory ran out";
    default: return {};
  }
}

}  // namespace

std::string reason_in(std::string_view output) {
  const auto lines = lines_of(output);
  if (lines.empty()) return {};
  const auto best = std::max_element(lines.begin(), lines.end(),
                                     // The first of equals.
                                     [](auto a, auto b) { return rank_of(a) < rank_of(b); });
  auto line = rank_of(*best) == 0 ? lines.back() : *best;
  if (const auto at = line.find(k_model_error); at != std::string_view::npos)
    line.remove_prefix(at + k_model_error.size());
  return shortened(printable(line));
}

std::string describe_end(const ChildEnd& end, std::string_view output) {
  if (!end.cause.empty()) return "its sandbox killed it because it " + end.cause;
  std::string text = to_string(end);
  const auto reason = reason_in(output);
  const auto advice = end.by_signal ? advice_for(end.number) : std::string_view();
  if (!advice.empty()) text += ", " + std::string(advice);
  if (!reason.empty()) text += ": " + reason;
  return text;
}

bool cannot_run_here(const ChildEnd& end, std::string_view output) {
  return (end.by_signal && end.number == SIGILL) || output.find(k_missing_library) != std::string_view::npos;
}

}  // namespace modelfloat::runner
