#pragma once
// Server-sent events, cut out of a byte stream.

#include <functional>
#include <string>
#include <string_view>

namespace modelfloat::runner {

// Accepts input in pieces of any size. Comments and fields other than `data` are dropped. Several
// data lines of an event are joined by newlines.
class EventStream {
 public:
  using DataSink = std::function<void(std::string_view data)>;

  // Throws Error{internal} when the data of an event, or a line, is longer than k_max_event_bytes.
  void feed(std::string_view piece, const DataSink& on_data);

  static constexpr std::size_t k_max_event_bytes = std::size_t{4} << 20;

 private:
  void end_of_line(const DataSink& on_data);

  std::string line_;
  std::string data_;
  bool has_data_ = false;
};

}  // namespace modelfloat::runner
