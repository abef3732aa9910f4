#pragma once
// What changes about a store while the process runs: whether it is there, how fast it is, what is
// under way.

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
  offline,  // it is not to be used now
};

// The two kinds of calls: a store may want to be left alone by one and take the other.
enum class CallKind { read, put };

// Wakes those who wait for any store of a set.
struct ChangeSignal {
  std::mutex mutex;
  std::condition_variable_any changed;
  void notify() {
    const std::lock_guard lock(mutex);
    changed.notify_all();
  }
};

// Shared by threads; owned together by the set and by calls that outlive it.
class StoreState {
 public:
  // `clock` and `io` outlive it.
  StoreState(std::string name, std::shared_ptr<ChangeSignal> signal, const Clock& clock, Executor& io,
             std::size_t calls_at_once);

  Presence presence() const;
  // Why it is not to be used; empty when it is online.
  std::string why_not_online() const;
  // The kind of that; offline unless reading the marker said another one.
  ErrorKind kind_of_trouble() const;
  // A provider asked to be left alone for longer than a call waits: nothing is asked of it
  // meanwhile, and nothing counts as lost.
  bool reads_are_paused() const;
  bool puts_are_paused() const;

  // Reads an object, and takes the time of it. `store` is the one that this is the state of.
  std::optional<Bytes> get(store::Store& store, const ObjectName& name, ByteRange range, const CallOptions& call);

  // Why the last put failed, when none has succeeded since.
  std::optional<Error> put_trouble() const;
  // The same for a store that refused it for good (denied, out_of_space, unsupported) within the
  // last minute: it gets no new data.
  std::optional<Error> puts_refused() const;
  void put_succeeded();

  // What the last call of this kind said, or while the store is offline the last look at its
  // marker. `not_before` is nothing when another try is not worth making.
  store::Availability availability(CallKind kind) const;
  // Forgets that, and lets calls through again, for somebody who can go on with no other store.
  void end_pause(CallKind kind);

  // What a call came to. Error{offline} takes the store out until its marker is read again;
  // Error{rate_limited} pauses it.
  void read_failed(const Error&);
  void put_failed(const Error&);

  // Whether the marker should be read now; the caller then reads it and says check_ended(). An
  // offline store is looked at again after a back-off, one that is online when it was not looked at
  // for a while; with `now`, any that is not being looked at.
  bool begin_check(bool now);
  // When its marker will have been read for so long; the beginning of time when nobody is looking.
  SteadyTime awaited_until(Milliseconds timeout) const;
  // No `trouble`: the marker was the right one.
  void check_ended(const std::optional<Error>& trouble);

  LatencyTracker latency;
  const std::shared_ptr<CallQueue> queue;

 private:
  void go_offline(const Error& why);  // the mutex is held
  void record_failure(CallKind kind, const Error& error, SteadyTime now);
  store::Availability& of(CallKind kind) { return kind == CallKind::read ? reads_ : puts_; }

  const std::string name_;
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
