#include "modelfloat/transfer/store_state.h"

#include <algorithm>
#include <utility>

#include "modelfloat/base/log.h"
#include "modelfloat/store/wrap/breaker.h"

namespace modelfloat::transfer {

// A server looks every 30 s; a program that does much in one run need not look more often either.
static constexpr std::chrono::seconds k_look_at_online_after{25};
static constexpr std::chrono::seconds k_longest_back_off{60};
// For a provider that asks for patience without saying how much.
static constexpr std::chrono::seconds k_parked_for{60};

StoreState::StoreState(std::string name, std::shared_ptr<Bell> bell, const Clock& clock, Executor& io,
                       std::size_t calls_at_once)
    : pace(clock),
      lane(std::make_shared<CallLane>(io, lane_width(calls_at_once, io.width()))),
      name_(std::move(name)),
      bell_(std::move(bell)),
      clock_(clock) {}

Presence StoreState::presence() const {
  const std::lock_guard lock(mutex_);
  return presence_;
}

std::string StoreState::why_not_online() const {
  const std::lock_guard lock(mutex_);
  return presence_ == Presence::online ? std::string() : why_;
}

bool StoreState::reads_are_parked() const {
  const SteadyTime now = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  return now < reads_parked_;
}

bool StoreState::puts_are_parked() const {
  const SteadyTime now = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  return now < puts_parked_;
}

std::optional<Bytes> StoreState::get(store::Store& store, const ObjectName& name, ByteRange range,
                                     const CallOptions& call) {
  const SteadyTime begin = clock_.steady_now();
  auto bytes = store.get(name, range, call);
  pace.answered(bytes ? bytes->size() : 0, seconds_between(begin, clock_.steady_now()));
  return bytes;
}

SteadyTime StoreState::parked_until(const Error& error, SteadyTime now) {
  return now + std::min<Milliseconds>(error.retry_after.value_or(k_parked_for), store::BreakerLimits().longest_asked);
}

void StoreState::read_failed(const Error& error) {
  const SteadyTime now = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  if (error.kind == ErrorKind::rate_limited) reads_parked_ = std::max(reads_parked_, parked_until(error, now));
  if (error.kind == ErrorKind::offline) go_offline(error.what());
}

void StoreState::put_failed(const Error& error) {
  const SteadyTime now = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  if (error.kind == ErrorKind::rate_limited) puts_parked_ = std::max(puts_parked_, parked_until(error, now));
  if (error.kind == ErrorKind::offline) go_offline(error.what());
}

void StoreState::go_offline(const std::string& why) {
  if (presence_ != Presence::offline) {
    log_warning(name_ + " is offline: " + why);
    failures_ = 0;
    check_again_ = {};  // the first look may be at once: it may have been a single call that failed
  }
  presence_ = Presence::offline;
  why_ = why;
}

bool StoreState::begin_check(bool now) {
  const SteadyTime time = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  if (checking_ || (!now && time < check_again_)) return false;
  checking_ = true;
  check_began_ = time;
  return true;
}

SteadyTime StoreState::awaited_until(Milliseconds patience) const {
  const std::lock_guard lock(mutex_);
  return checking_ ? check_began_ + patience : SteadyTime::min();
}

void StoreState::check_ended(const std::string& trouble) {
  const SteadyTime now = clock_.steady_now();
  {
    const std::lock_guard lock(mutex_);
    checking_ = false;
    if (trouble.empty()) {
      if (presence_ == Presence::offline) log_info(name_ + " is online again");
      presence_ = Presence::online;
      why_.clear();
      failures_ = 0;
      check_again_ = now + k_look_at_online_after;
    } else {
      go_offline(trouble);
      constexpr unsigned k_doublings = 6;
      const std::chrono::seconds back_off(std::int64_t{1} << std::min(failures_++, k_doublings));
      check_again_ = now + std::min(back_off, k_longest_back_off);
    }
  }
  bell_->ring();
}

}  // namespace modelfloat::transfer
