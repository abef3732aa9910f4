#pragma once
// Waiting for a store that asked for a pause, when no other store can do the work.

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// Whether to wait until `store.not_before` for a store that is needed since `begin`. False when
// there is no such time, when it is later than Timeouts::needed_asked after `begin` or than the
// caller's deadline, and, when the store named no time itself, once Timeouts::needed is over.
bool is_worth_waiting_for(const store::Availability& store, SteadyTime begin, SteadyTime now, const Timeouts& timeouts,
                          const CallOptions& call);
// Logs a warning: the store is needed, asked for a pause, and will be tried again.
void warn_of_wait(const std::string& name, const store::Availability& store, SteadyTime begin, const Clock& clock,
                  const Timeouts& timeouts);

// Calls `work`, which uses one store, and calls it again after each pause that the store asks for,
// by the rules of NeededWait. `name` is the name of the store in warnings. Throws Error{offline}
// when the store asks for a longer pause than is_worth_waiting_for() allows. Throws
// Error{cancelled} and Error{timed_out} as `call` says. Other exceptions of `work` are passed on at
// once.
void do_with_needed(const std::string& name, Clock& clock, const Timeouts& timeouts, const CallOptions& call,
                    const std::function<void()>& work);

// The waits of one operation that cannot continue without a store. Used by one thread. After each
// wait the operation has to ask the stores again.
class NeededWait {
 public:
  // For stores that belong to no StoreSet. Their markers are not read.
  NeededWait(std::vector<const PoolStore*> stores, Clock& clock, const Timeouts& timeouts, CallKind kind)
      : some_(std::move(stores)), clock_(clock), timeouts_(timeouts), kind_(kind) {}
  // `stores` outlives it. `kind` is the kind of call that the operation needs.
  NeededWait(StoreSet& stores, CallKind kind)
      : set_(&stores), clock_(stores.clock()), timeouts_(stores.timeouts()), kind_(kind) {}

  // To be called when no store is left to ask. If stores asked for a pause in their last answer,
  // waits until the first pause ends, reads the markers of offline stores that are due, and returns
  // true. The first wait logs a warning.
  // Returns false when no wait is worth it:
  // - no store asked for a pause;
  // - no store named a time, and Timeouts::needed is over since the first call;
  // - the time named is later than Timeouts::needed_asked after the first call;
  // - the caller's deadline would pass first.
  // Throws Error{cancelled} when the caller asks to stop.
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
