#pragma once
// The state of a store that changes while the process runs: whether it is online, how fast it is,
// which calls are running.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"
#include "modelfloat/store/store.h"
#include "modelfloat/store/wrap/availability.h"
#include "modelfloat/transfer/stores/call_queue.h"
#include "modelfloat/transfer/stores/latency_tracker.h"

namespace modelfloat::transfer {

enum class Presence {
  pending,  // its marker is being read for the first time
  online,   // its marker was read and is the right one
  offline,  // it must not be used now
};

// The two kinds of calls. A store may ask for a pause of one kind and still accept the other.
enum class CallKind { read, put };

// Wakes all threads that wait for a change of any store of the set.
struct ChangeSignal {
  std::mutex mutex;
  std::condition_variable_any changed;
  void notify() {
    const std::lock_guard lock(mutex);
    changed.notify_all();
  }
};

// Any thread may call any method. Only get() waits for the store and may throw. Owned by
// shared_ptr, because running calls may outlive the set.
class StoreState {
 public:
  // `clock` and `io` outlive it. `no_shards` is given for a store that gets no new shards by what
  // the pool says of it.
  StoreState(std::string name, std::shared_ptr<ChangeSignal> signal, const Clock& clock, Executor& io,
             std::size_t calls_at_once, std::optional<Error> no_shards = std::nullopt);

  Presence presence() const;
  // Why the store must not be used; empty when it is online.
  std::string why_not_online() const;
  // The error kind of why_not_online(). It is `offline` unless reading the marker failed with
  // another kind.
  ErrorKind kind_of_trouble() const;
  // Whether the provider asked for a pause that is longer than a call waits. During the pause it is
  // not called, and its objects do not count as lost.
  bool reads_are_paused() const;
  bool puts_are_paused() const;

  // Reads an object and records its latency. `store` is the store that this state belongs to.
  // Returns and throws like Store::get().
  std::optional<Bytes> get(store::Store& store, const ObjectName& name, ByteRange range, const CallOptions& call);

  // Why it gets no shards by what the pool says of it; else why the last put failed, and nullopt
  // when a put has succeeded since.
  std::optional<Error> put_trouble() const;
  // Why the last put failed, but only if the store refused the put (denied, out_of_space,
  // unsupported) within the last minute. Such a store gets no new data.
  std::optional<Error> puts_refused() const;
  void put_succeeded();

  // What the last call of this kind said. While the store is offline: what the last reading of its
  // marker said. `not_before` is nothing if a new try soon cannot succeed.
  store::Availability availability(CallKind kind) const;
  // Ends the pause and forgets `not_before`, so that the store is called again. For operations that
  // cannot continue without this store.
  void end_pause(CallKind kind);

  // To be called with the error of a failed call. Error{offline} makes the store offline until its
  // marker is read again. Error{rate_limited} starts a pause.
  void read_failed(const Error&);
  void put_failed(const Error&);

  // Returns whether the caller should read the marker now; the caller then reports the result by
  // check_ended(). An offline store is due after a back-off, an online one after 25 s. With `now`,
  // every store is due whose marker is not being read already.
  bool begin_check(bool now);
  // When the running marker read times out: its start plus `timeout`. SteadyTime::min() when no
  // read is running.
  SteadyTime awaited_until(Milliseconds timeout) const;
  // Records the result of a marker read; without `trouble` the store is online.
  void check_ended(const std::optional<Error>& trouble);

  LatencyTracker latency;
  const std::shared_ptr<CallQueue> queue;

 private:
  void go_offline(const Error& why);  // the mutex is held
  void record_failure(CallKind kind, const Error& error, SteadyTime now);
  store::Availability& of(CallKind kind) { return kind == CallKind::read ? reads_ : puts_; }

  const std::string name_;
  const std::optional<Error> no_shards_;
  const std::shared_ptr<ChangeSignal> signal_;
  const Clock& clock_;
  mutable std::mutex mutex_;  // guards all below
  Presence presence_ = Presence::pending;
  Error why_{ErrorKind::offline, "", "its marker was not read yet"};
  bool checking_ = false;
  SteadyTime check_began_{};
  SteadyTime check_again_{};  // not before
  unsigned failures_ = 0;     // in a row
  store::Availability reads_;
  store::Availability puts_;
  unsigned calls_failed_ = 0;  // in a row
  std::optional<Error> put_trouble_;
  SteadyTime put_failed_at_{};
};

}  // namespace modelfloat::transfer
