#include "modelfloat/runner/event_stream.h"

#include "modelfloat/base/error.h"

namespace modelfloat::runner {

void EventStream::feed(std::string_view piece, const DataSink& on_data) {
  while (!piece.empty()) {
    const std::size_t end = piece.find('\n');
    line_ += piece.substr(0, end);
    if (line_.size() > k_max_event_bytes) throw Error(ErrorKind::internal, "event stream", "a line without an end");
    if (end == std::string_view::npos) return;
    piece.remove_prefix(end + 1);
    end_of_line(on_data);
    line_.clear();
  }
}

void EventStream::end_of_line(const DataSink& on_data) {
  std::string_view line = line_;
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) {
    if (has_data_) on_data(data_);
    data_.clear();
    has_data_ = false;
  } else if (line.starts_with("data:")) {
    line.remove_prefix(5);
    if (line.starts_with(' ')) line.remove_prefix(1);
    if (has_data_) data_ += '\n';
    data_ += line;
    if (data_.size() > k_max_event_bytes) throw Error(ErrorKind::internal, "event stream", "an event without an end");
    has_data_ = true;
  }
}

}  // namespace modelfloat::runner
