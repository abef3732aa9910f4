#pragma once
// What changes about a store while the process runs: whether it is there, how fast it is, what is under way.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"
#include "modelfloat/store/store.h"
#include "modelfloat/transfer/call_lane.h"
#include "modelfloat/transfer/pace.h"

namespace modelfloat::transfer {

enum class Presence {
  pending,  // its marker is being read for the first time
  online,   // its marker was read and is the right one
  offline,  // it is not to be used now
};

// Wakes those who wait for any store of a set.
struct Bell {
  std::mutex mutex;
  std::condition_variable_any changed;
  void ring() {
    const std::lock_guard lock(mutex);
    changed.notify_all();
  }
};

// Shared by threads; owned together by the set and by calls that outlive it.
class StoreState {
 public:
  // `clock` and `io` outlive it.
  StoreState(std::string name, std::shared_ptr<Bell> bell, const Clock& clock, Executor& io, std::size_t calls_at_once);

  Presence presence() const;
  // Why it is not to be used; empty when it is online.
  std::string why_not_online() const;
  // A provider asked to be left alone for longer than a call waits: nothing is asked of it meanwhile, and nothing counts as lost.
  bool reads_are_parked() const;
  bool puts_are_parked() const;

  // Reads an object, and takes the time of it. `store` is the one that this is the state of.
  std::optional<Bytes> get(store::Store& store, const ObjectName& name, ByteRange range, const CallOptions& call);

  // What a call came to. Error{offline} takes the store out until its marker is read again; Error{rate_limited} parks it.
  void read_failed(const Error&);
  void put_failed(const Error&);

  // Whether the marker should be read now; the caller then reads it and says check_ended(). An offline store is looked at again after a
  // back-off, one that is online when it was not looked at for a while; with `now`, any that is not being looked at.
  bool begin_check(bool now);
  // When its marker will have been read for so long; the beginning of time when nobody is looking.
  SteadyTime awaited_until(Milliseconds patience) const;
  // `trouble` is empty when the marker was the right one.
  void check_ended(const std::string& trouble);

  Pace pace;
  const std::shared_ptr<CallLane> lane;

 private:
  void go_offline(const std::string& why);  // the mutex is held
  static SteadyTime parked_until(const Error&, SteadyTime now);

  const std::string name_;
  const std::shared_ptr<Bell> bell_;
  const Clock& clock_;
  mutable std::mutex mutex_;  // guards all below
  Presence presence_ = Presence::pending;
  std::string why_ = "its marker was not read yet";
  bool checking_ = false;
  SteadyTime check_began_{};
  SteadyTime check_again_{};   // not before
  unsigned failures_ = 0;      // in a row
  SteadyTime reads_parked_{};  // until
  SteadyTime puts_parked_{};
};

}  // namespace modelfloat::transfer
