#pragma once
// How long those wait who can go on with no other store.

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// Whether somebody who has needed this store since `begin` should wait for the moment that it asks
// for.
bool is_worth_waiting_for(const store::Availability& store, SteadyTime begin, SteadyTime now, const Timeouts& timeouts,
                          const CallOptions& call);
// Says so in a warning.
void warn_of_wait(const std::string& name, const store::Availability& store, SteadyTime begin, const Clock& clock,
                  const Timeouts& timeouts);

// Does work with one store, again when that asks for a moment, by the rules of NeededWait. `name`
// is what warnings call it. Throws Error{offline} in the end where that is what it asks for, other
// errors as they come.
void do_with_needed(const std::string& name, Clock& clock, const Timeouts& timeouts, const CallOptions& call,
                    const std::function<void()>& work);

// One piece of work that lacks a store. Used by one thread. Between two waits the work asks the
// stores again.
class NeededWait {
 public:
  // For some stores that are no set: nobody looks at their markers.
  NeededWait(std::vector<const PoolStore*> stores, Clock& clock, const Timeouts& timeouts, CallKind kind)
      : some_(std::move(stores)), clock_(clock), timeouts_(timeouts), kind_(kind) {}
  // `stores` outlives it. `kind` is what the work lacks.
  NeededWait(StoreSet& stores, CallKind kind)
      : set_(&stores), clock_(stores.clock()), timeouts_(stores.timeouts()), kind_(kind) {}

  // To be called when no store is left that could be asked. When stores have asked for a moment
  // since the last wait, this waits until the first of them may be asked again, reads its marker if
  // it was offline, and returns true. The first wait is said in a warning. False when there is no
  // such store; when Timeouts::needed is over since the first call and none named a time; when the
  // time that they name is later than Timeouts::needed_asked after the first call; when the
  // caller's deadline would pass. Throws Error{cancelled} when the caller asks to stop.
  bool wait(const CallOptions& call);

 private:
  std::vector<const PoolStore*> stores() const { return set_ != nullptr ? set_->all() : some_; }

  StoreSet* const set_ = nullptr;
  const std::vector<const PoolStore*> some_;
  Clock& clock_;
  const Timeouts timeouts_;
  const CallKind kind_;
  std::optional<SteadyTime> begin_;
  bool warned_ = false;
};

}  // namespace modelfloat::transfer
