#include "modelfloat/transfer/stores/store_state.h"

#include <algorithm>
#include <utility>

#include "modelfloat/base/log.h"
#include "modelfloat/store/wrap/breaker.h"

namespace modelfloat::transfer {

// A server looks every 30 s; a program that does much in one run need not look more often either.
static constexpr std::chrono::seconds k_look_at_online_after{25};
static constexpr std::chrono::seconds k_longest_back_off{60};
// For a provider that asks for a pause and does not say how long.
static constexpr std::chrono::seconds k_paused_for{60};
// How long a store that refused a put gets no new data.
static constexpr std::chrono::seconds k_refusal_counts_for{60};

StoreState::StoreState(std::string name, std::shared_ptr<ChangeSignal> signal, const Clock& clock, Executor& io,
                       std::size_t calls_at_once)
    : latency(clock),
      queue(std::make_shared<CallQueue>(io, queue_width(calls_at_once, io.width()))),
      name_(std::move(name)),
      signal_(std::move(signal)),
      clock_(clock) {}

Presence StoreState::presence() const {
  const std::lock_guard lock(mutex_);
  return presence_;
}

std::string StoreState::why_not_online() const {
  const std::lock_guard lock(mutex_);
  return presence_ == Presence::online ? std::string() : why_.what();
}

ErrorKind StoreState::kind_of_trouble() const {
  const std::lock_guard lock(mutex_);
  return why_.kind;
}

std::optional<Error> StoreState::put_trouble() const {
  const std::lock_guard lock(mutex_);
  return put_trouble_;
}

std::optional<Error> StoreState::puts_refused() const {
  const SteadyTime now = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  if (!put_trouble_ || now - put_failed_at_ >= k_refusal_counts_for) return std::nullopt;
  switch (put_trouble_->kind) {
    case ErrorKind::denied:
    case ErrorKind::out_of_space:
    case ErrorKind::unsupported: return put_trouble_;
    default: return std::nullopt;
  }
}

void StoreState::put_succeeded() {
  const std::lock_guard lock(mutex_);
  put_trouble_.reset();
  put_moment_.reset();
  moments_ = 0;
}

// An offline store with a time to come back is one that answered, again and again, with what is
// worth another try.
static bool asks_for_a_moment(const Error& error) {
  switch (error.kind) {
    case ErrorKind::rate_limited:
    case ErrorKind::transient: return true;
    case ErrorKind::offline: return error.retry_after.has_value();
    default: return false;
  }
}

std::optional<Moment> moment_after(const Error& error, SteadyTime now, unsigned failures) {
  if (!asks_for_a_moment(error)) return std::nullopt;
  constexpr unsigned k_doublings = 3;
  const Milliseconds back_off = std::chrono::seconds(std::int64_t{1} << std::min(failures, k_doublings));
  const Milliseconds wait = std::min(error.retry_after.value_or(back_off), store::BreakerLimits().longest_asked);
  return Moment{now + wait, error.retry_after && error.kind == ErrorKind::rate_limited, error.what()};
}

void StoreState::record_moment(CallKind kind, const Error& error, SteadyTime now) {
  if (error.kind != ErrorKind::cancelled) moment_of(kind) = moment_after(error, now, moments_++);
}

std::optional<Moment> StoreState::moment(CallKind kind) const {
  const std::lock_guard lock(mutex_);
  return presence_ == Presence::online && kind == CallKind::put ? put_moment_ : read_moment_;
}

void StoreState::end_pause(CallKind kind) {
  const std::lock_guard lock(mutex_);
  moment_of(presence_ == Presence::online ? kind : CallKind::read).reset();
  if (kind == CallKind::read) {
    reads_paused_ = {};
  } else {
    puts_paused_ = {};
  }
  check_again_ = {};
}

bool StoreState::reads_are_paused() const {
  const SteadyTime now = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  return now < reads_paused_;
}

bool StoreState::puts_are_paused() const {
  const SteadyTime now = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  return now < puts_paused_;
}

std::optional<Bytes> StoreState::get(store::Store& store, const ObjectName& name, ByteRange range,
                                     const CallOptions& call) {
  const SteadyTime begin = clock_.steady_now();
  auto bytes = store.get(name, range, call);
  {
    const std::lock_guard lock(mutex_);
    read_moment_.reset();
    moments_ = 0;
  }
  latency.answered(bytes ? bytes->size() : 0, seconds_between(begin, clock_.steady_now()));
  return bytes;
}

SteadyTime StoreState::paused_until(const Error& error, SteadyTime now) {
  return now + std::min<Milliseconds>(error.retry_after.value_or(k_paused_for), store::BreakerLimits().longest_asked);
}

void StoreState::read_failed(const Error& error) {
  const SteadyTime now = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  if (error.kind == ErrorKind::rate_limited) reads_paused_ = std::max(reads_paused_, paused_until(error, now));
  record_moment(CallKind::read, error, now);
  if (error.kind == ErrorKind::offline) go_offline(error);
}

void StoreState::put_failed(const Error& error) {
  const SteadyTime now = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  if (error.kind == ErrorKind::rate_limited) puts_paused_ = std::max(puts_paused_, paused_until(error, now));
  record_moment(CallKind::put, error, now);
  if (error.kind == ErrorKind::offline) read_moment_ = put_moment_;
  if (error.kind == ErrorKind::offline) go_offline(error);
  if (error.kind == ErrorKind::cancelled) return;
  put_trouble_ = error;
  put_failed_at_ = now;
}

void StoreState::go_offline(const Error& why) {
  if (presence_ != Presence::offline) {
    log_warning(name_ + " is offline: " + why.what());
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

SteadyTime StoreState::awaited_until(Milliseconds timeout) const {
  const std::lock_guard lock(mutex_);
  return checking_ ? check_began_ + timeout : SteadyTime::min();
}

void StoreState::check_ended(const std::optional<Error>& trouble) {
  const SteadyTime now = clock_.steady_now();
  {
    const std::lock_guard lock(mutex_);
    checking_ = false;
    if (!trouble) {
      if (presence_ == Presence::offline) log_info(name_ + " is online again");
      presence_ = Presence::online;
      failures_ = 0;
      check_again_ = now + k_look_at_online_after;
    } else {
      go_offline(*trouble);
      record_moment(CallKind::read, *trouble, now);
      constexpr unsigned k_doublings = 6;
      const std::chrono::seconds back_off(std::int64_t{1} << std::min(failures_++, k_doublings));
      check_again_ = now + std::min(back_off, k_longest_back_off);
    }
  }
  signal_->notify();
}

}  // namespace modelfloat::transfer
