#pragma once
// Server-sent events, written as they happen.

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

#include "modelfloat/base/clock.h"
#include "modelfloat/runner/runner.h"
#include "modelfloat/server/http/http.h"

namespace modelfloat::server {

// One answer that consists of server-sent events. It begins with status 200 at the first write.
// Before that, another answer can be sent instead, such as an error with its own status. Used by
// one thread. All methods throw what Response::write throws.
class EventStreamWriter {
 public:
  // `response` must outlive it. `now` is the clock that limits how often progress is sent.
  explicit EventStreamWriter(Response& response, std::function<SteadyTime()> now = std::chrono::steady_clock::now)
      : response_(response), now_(std::move(now)) {}

  // An event. Each line of `data` becomes a line of its own.
  void event(std::string_view data);
  // An event with a type of its own. `id` is what the client sends as Last-Event-ID when it comes
  // back. Both have one line.
  void event(std::string_view type, std::string_view id, std::string_view data);
  // Only the id: a client that comes back before the next event sends this one.
  void remember(std::string_view id);
  // A comment: clients skip it, but it keeps the connection alive. `text` has one line.
  void comment(std::string_view text);
  // A comment that tells how much of a model has been loaded. Does nothing when the last one was
  // sent less than 250 ms ago.
  void progress(const runner::LoadProgress& progress);
  // Writes the last event and ends the answer. Also used for an error in the middle of a stream.
  void end(std::string_view data);
  // Ends the answer without another event.
  void end();

 private:
  void write(std::string_view text);

  Response& response_;
  std::function<SteadyTime()> now_;
  std::optional<SteadyTime> last_progress_;
};

}  // namespace modelfloat::server
