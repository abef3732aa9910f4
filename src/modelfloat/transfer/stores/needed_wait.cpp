#include "modelfloat/transfer/stores/needed_wait.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "modelfloat/base/log.h"

namespace modelfloat::transfer {

bool is_worth_waiting_for(const store::Availability& store, SteadyTime begin, SteadyTime now, const Timeouts& timeouts,
                          const CallOptions& call) {
  if (!store.not_before || *store.not_before > begin + timeouts.needed_asked) return false;
  if (call.deadline && *store.not_before >= *call.deadline) return false;
  return store.asked_by_store || now < begin + timeouts.needed;
}

void warn_of_wait(const std::string& name, const store::Availability& store, SteadyTime begin, const Clock& clock,
                  const Timeouts& timeouts) {
  const SteadyTime until = store.asked_by_store && store.not_before ? *store.not_before : begin + timeouts.needed;
  const auto rest = std::chrono::ceil<Milliseconds>(until - clock.steady_now());
  log_warning(fmt::format("{} is needed and asks for a moment; it is tried again until {}: {}", name,
                          to_rfc3339(clock.utc_now() + rest), store.why));
}

void do_with_needed(const std::string& name, Clock& clock, const Timeouts& timeouts, const CallOptions& call,
                    const std::function<void()>& work) {
  std::optional<SteadyTime> begin;
  for (unsigned failures = 0;; ++failures) {
    try {
      work();
      return;
    } catch (const Error& error) {
      const SteadyTime now = clock.steady_now();
      const auto after = store::availability_after(error, now, failures);
      if (!after.not_before) throw;
      const auto rest = std::chrono::ceil<Milliseconds>(*after.not_before - now);
      const bool is_first = !begin;
      if (is_first) begin = now;
      if (!is_worth_waiting_for(after, *begin, now, timeouts, call)) {
        throw Error(
            ErrorKind::offline, "",
            fmt::format("{}; it asks to be left alone until {}", error.what(), to_rfc3339(clock.utc_now() + rest)),
            rest);
      }
      if (is_first) warn_of_wait(name, after, *begin, clock, timeouts);
      clock.sleep_for(rest, call.stop);
      check_cancelled(call, clock, name);
    }
  }
}

bool NeededWait::wait(const CallOptions& call) {
  const SteadyTime now = clock_.steady_now();
  if (!begin_) begin_ = now;
  const PoolStore* first = nullptr;
  store::Availability next;
  for (const PoolStore* store : stores()) {
    auto availability = store->state->availability(kind_);
    if (first != nullptr && availability.not_before >= next.not_before) continue;
    if (!is_worth_waiting_for(availability, *begin_, now, timeouts_, call)) continue;
    first = store;
    next = std::move(availability);
  }
  if (first == nullptr) return false;
  if (!std::exchange(warned_, true)) warn_of_wait(first->name, next, *begin_, clock_, timeouts_);
  const auto wait = std::chrono::ceil<Milliseconds>(*next.not_before - now);
  clock_.sleep_for(std::max(Milliseconds(0), wait), call.stop);
  check_cancelled(call, clock_, first->name);
  for (const PoolStore* store : stores()) {
    const auto not_before = store->state->availability(kind_).not_before;
    if (not_before && *not_before <= clock_.steady_now()) store->state->end_pause(kind_);
  }
  if (set_ == nullptr) return true;
  set_->recheck();
  set_->wait_for_checks(call, timeouts_.straggler);
  return true;
}

}  // namespace modelfloat::transfer
