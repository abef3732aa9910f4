#include "modelfloat/server/event_stream.h"
#include "modelfloat/server/surface/native/native.h"

namespace modelfloat::server::native {
namespace {

// Where a client goes on: after the last event that it has, or with the next one.
class EventReader {
 public:
  EventReader(EventLog& events, std::optional<std::string_view> last_id) : events_(events) {
    const auto last = last_id ? events_.number_of(*last_id) : events_.newest();
    is_reset_ = !last;
    after_ = last.value_or(events_.newest());
  }

  void begin(EventStreamWriter& out) {
    out.comment("open");
    if (is_reset_) return reset(out);
    out.remember(events_.id_of(after_));
  }

  // Returns false when no more events will come.
  bool pass_on(EventStreamWriter& out, Milliseconds heartbeat, const std::stop_token& stop) {
    const auto batch = events_.wait(after_, heartbeat, stop);
    if (stop.stop_requested()) throw Error(ErrorKind::cancelled, "events", "the client is gone");
    if (batch.missed) {
      reset(out);
    } else if (batch.events.empty() && !batch.closed) {
      out.comment("still here");
    }
    for (const auto& event : batch.events) {
      out.event(event->type, events_.id_of(event->number), event->data);
      after_ = event->number;
    }
    return !batch.closed || !batch.events.empty() || batch.missed;
  }

 private:
  void reset(EventStreamWriter& out) {
    after_ = events_.newest();
    out.event("reset", events_.id_of(after_), "{}");
  }

  EventLog& events_;
  bool is_reset_ = false;
  std::uint64_t after_ = 0;
};

void stream_events(EventLog& events, Milliseconds heartbeat, const Request& request, Response& response) {
  EventStreamWriter out(response);
  if (request.method == "HEAD") return out.end();
  EventReader reader(events, request.header("last-event-id"));
  reader.begin(out);
  while (reader.pass_on(out, heartbeat, request.stop)) {
  }
  out.end();
}

}  // namespace

Route events_route(EventLog& events, const RequestLimits& limits, Milliseconds heartbeat) {
  return {.method = "GET",
          .pattern = "/events",
          .scope = Scope::read,
          .handler = [&events, heartbeat](Request& request,
                                          Response& response) { stream_events(events, heartbeat, request, response); },
          .limit = limits.event_streams};
}

}  // namespace modelfloat::server::native
