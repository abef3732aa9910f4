#include "modelfloat/transfer/stores/needed_wait.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "modelfloat/base/log.h"

namespace modelfloat::transfer {

bool is_worth_waiting_for(const Moment& moment, SteadyTime begin, SteadyTime now, const Timeouts& timeouts,
                          const CallOptions& call) {
  if (moment.again > begin + timeouts.needed_asked || (call.deadline && moment.again >= *call.deadline)) return false;
  return moment.asked || now < begin + timeouts.needed;
}

void warn_of_wait(const std::string& name, const Moment& moment, SteadyTime begin, const Clock& clock,
                  const Timeouts& timeouts) {
  const SteadyTime until = moment.asked ? moment.again : begin + timeouts.needed;
  const auto rest = std::chrono::ceil<Milliseconds>(until - clock.steady_now());
  log_warning(fmt::format("{} is needed and asks for a moment; it is tried again until {}: {}", name,
                          to_rfc3339(clock.utc_now() + rest), moment.why));
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
      const auto moment = moment_after(error, now, failures);
      if (!moment) throw;
      const bool is_first = !begin;
      if (is_first) begin = now;
      if (!is_worth_waiting_for(*moment, *begin, now, timeouts, call)) {
        const auto rest = std::chrono::ceil<Milliseconds>(moment->again - now);
        throw Error(
            ErrorKind::offline, "",
            fmt::format("{}; it asks to be left alone until {}", error.what(), to_rfc3339(clock.utc_now() + rest)),
            rest);
      }
      if (is_first) warn_of_wait(name, *moment, *begin, clock, timeouts);
      clock.sleep_for(std::chrono::ceil<Milliseconds>(moment->again - now), call.stop);
      check_cancelled(call, clock, name);
    }
  }
}

bool NeededWait::wait(const CallOptions& call) {
  const SteadyTime now = clock_.steady_now();
  if (!begin_) begin_ = now;
  const PoolStore* first = nullptr;
  std::optional<Moment> next;
  for (const PoolStore* store : stores()) {
    const auto moment = store->state->moment(kind_);
    if (!moment || (next && next->again <= moment->again)) continue;
    if (!is_worth_waiting_for(*moment, *begin_, now, timeouts_, call)) continue;
    first = store;
    next = moment;
  }
  if (!next) return false;
  if (!std::exchange(warned_, true)) warn_of_wait(first->name, *next, *begin_, clock_, timeouts_);
  clock_.sleep_for(std::max(Milliseconds(0), std::chrono::ceil<Milliseconds>(next->again - now)), call.stop);
  check_cancelled(call, clock_, first->name);
  for (const PoolStore* store : stores()) {
    const auto moment = store->state->moment(kind_);
    if (moment && moment->again <= clock_.steady_now()) store->state->end_pause(kind_);
  }
  if (set_ == nullptr) return true;
  set_->recheck();
  set_->wait_for_checks(call, timeouts_.straggler);
  return true;
}

}  // namespace modelfloat::transfer
