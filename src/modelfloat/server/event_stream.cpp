#include "modelfloat/server/event_stream.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

namespace modelfloat::server {
namespace {

constexpr Milliseconds k_progress_period{250};
constexpr std::uint64_t k_megabyte = 1'000'000;

// As fields: each line of the data is a line of its own.
std::string lines_of(std::string_view data) {
  std::string text;
  for (;;) {
    const auto line = data.substr(0, data.find_first_of("\r\n"));
    text.append("data: ").append(line).append("\n");
    data.remove_prefix(line.size());
    if (data.empty()) break;
    data.remove_prefix(data.starts_with("\r\n") ? 2 : 1);
  }
  return text;
}

}  // namespace

void EventStreamWriter::event(std::string_view data) { write(lines_of(data) + "\n"); }

void EventStreamWriter::event(std::string_view type, std::string_view id, std::string_view data) {
  write(fmt::format("event: {}\nid: {}\n{}\n", type, id, lines_of(data)));
}

void EventStreamWriter::remember(std::string_view id) { write(fmt::format("id: {}\n\n", id)); }

void EventStreamWriter::comment(std::string_view text) { write(fmt::format(": {}\n\n", text)); }

void EventStreamWriter::progress(const runner::LoadProgress& progress) {
  const auto now = now_();
  if (last_progress_ && now - *last_progress_ < k_progress_period) return;
  last_progress_ = now;
  if (progress.step == runner::LoadProgress::Step::starting) return comment("starting");
  comment(fmt::format("{} of {} MB", progress.bytes_done / k_megabyte, progress.bytes_total / k_megabyte));
}

void EventStreamWriter::end(std::string_view data) {
  event(data);
  response_.end();
}

void EventStreamWriter::end() {
  if (!response_.begun()) response_.begin(200, "text/event-stream", std::nullopt);
  response_.end();
}

void EventStreamWriter::write(std::string_view text) {
  if (!response_.begun()) response_.begin(200, "text/event-stream", std::nullopt);
  response_.write(as_bytes(text));
}

}  // namespace modelfloat::server
