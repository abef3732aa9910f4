#pragma once
// What happens in the server, for clients that follow it. The newest events are kept, so that a
// client that lost its connection misses nothing for a while.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/random.h"

namespace modelfloat::server {

struct Event {
  std::uint64_t number = 0;  // from 1 on, without gaps
  std::string type;
  std::string data;  // JSON, one line
};

struct EventLogOptions {
  // Older events are dropped beyond either of them.
  std::size_t most_events = 1024;
  std::size_t most_bytes = std::size_t{1} << 20;
};

// All methods may be called from many threads. publish() never waits for a reader.
class EventLog {
 public:
  // `clock` outlives it. `random` is used here only: it names this run of the program.
  EventLog(Clock& clock, Random& random, EventLogOptions options = {});

  void publish(std::string_view type, std::string data);

  // The number of the newest event; 0 when there was none.
  std::uint64_t newest() const;
  // The id that stands for "everything up to this number", as clients send it back. It names the
  // run, so that ids of another run are not taken for ones of this.
  std::string id_of(std::uint64_t number) const;
  // The number behind an id. nullopt when id_of() of this run did not make it.
  std::optional<std::uint64_t> number_of(std::string_view id) const;

  struct Batch {
    // The oldest ones after the number asked for, and some more; empty when time is up.
    std::vector<std::shared_ptr<const Event>> events;
    bool missed = false;  // some of them are dropped already: `events` is empty
    bool closed = false;  // nothing comes any more
  };
  // Waits for events after this number, for `longest` at most, or until a stop is requested.
  Batch wait(std::uint64_t after, Milliseconds longest, const std::stop_token& stop);

  // Ends all waits, now and later: the server ends. Calling it again does nothing.
  void close();

 private:
  Clock& clock_;
  const std::string run_;
  const EventLogOptions options_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable_any changed_;
  std::deque<std::shared_ptr<const Event>> events_;
  std::size_t bytes_ = 0;  // of events_
  std::uint64_t newest_ = 0;
  bool closed_ = false;
};

}  // namespace modelfloat::server
