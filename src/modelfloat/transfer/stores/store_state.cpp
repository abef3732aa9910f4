#include "modelfloat/transfer/stores/store_state.h"

#include <algorithm>
#include <utility>

#include "modelfloat/base/log.h"

namespace modelfloat::transfer {

// A server rechecks its stores every 30 s. A program that makes many calls in one run need not
// recheck more often either.
static constexpr std::chrono::seconds k_look_at_online_after{25};
static constexpr std::chrono::seconds k_longest_back_off{60};
// How long a store that refused a put gets no new data.
static constexpr std::chrono::seconds k_refusal_counts_for{60};

StoreState::StoreState(std::string name, std::shared_ptr<ChangeSignal> signal, const Clock& clock, Executor& io,
                       std::size_t calls_at_once, std::optional<Error> no_shards)
    : latency(clock),
      queue(std::make_shared<CallQueue>(io, queue_width(calls_at_once, io.width()))),
      name_(std::move(name)),
      no_shards_(std::move(no_shards)),
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
  if (no_shards_) return no_shards_;
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
  puts_.not_before.reset();
  calls_failed_ = 0;
}

void StoreState::record_failure(CallKind kind, const Error& error, SteadyTime now) {
  if (error.kind == ErrorKind::cancelled) return;
  store::Availability next = store::availability_after(error, now, calls_failed_++);
  next.paused_until = std::max(next.paused_until, of(kind).paused_until);
  of(kind) = std::move(next);
}

store::Availability StoreState::availability(CallKind kind) const {
  const std::lock_guard lock(mutex_);
  return presence_ == Presence::online && kind == CallKind::put ? puts_ : reads_;
}

void StoreState::end_pause(CallKind kind) {
  const std::lock_guard lock(mutex_);
  of(presence_ == Presence::online ? kind : CallKind::read).not_before.reset();
  of(kind).paused_until = SteadyTime::min();
  check_again_ = {};
}

bool StoreState::reads_are_paused() const {
  const SteadyTime now = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  return reads_.is_paused(now);
}

bool StoreState::puts_are_paused() const {
  const SteadyTime now = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  return puts_.is_paused(now);
}

std::optional<Bytes> StoreState::get(store::Store& store, const ObjectName& name, ByteRange range,
                                     const CallOptions& call) {
  const SteadyTime begin = clock_.steady_now();
  auto bytes = store.get(name, range, call);
  {
    const std::lock_guard lock(mutex_);
    reads_.not_before.reset();
    calls_failed_ = 0;
  }
  latency.answered(bytes ? bytes->size() : 0, seconds_between(begin, clock_.steady_now()));
  return bytes;
}

void StoreState::read_failed(const Error& error) {
  const SteadyTime now = clock_.steady_now();
  {
    const std::lock_guard lock(mutex_);
    record_failure(CallKind::read, error, now);
    if (error.kind != ErrorKind::offline) return;
    go_offline(error);
  }
  signal_->notify();
}

void StoreState::put_failed(const Error& error) {
  const SteadyTime now = clock_.steady_now();
  {
    const std::lock_guard lock(mutex_);
    record_failure(CallKind::put, error, now);
    if (error.kind == ErrorKind::offline) {
      const SteadyTime reads_paused_until = reads_.paused_until;
      reads_ = puts_;
      reads_.paused_until = reads_paused_until;
      go_offline(error);
    }
    if (error.kind != ErrorKind::cancelled) {
      put_trouble_ = error;
      put_failed_at_ = now;
    }
  }
  if (error.kind == ErrorKind::offline) signal_->notify();
}

void StoreState::go_offline(const Error& why) {
  if (presence_ != Presence::offline) {
    log_warning(name_ + " is offline: " + why.what());
    failures_ = 0;
    check_again_ = {};  // recheck at once: perhaps only a single call failed
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
      record_failure(CallKind::read, *trouble, now);
      constexpr unsigned k_doublings = 6;
      const std::chrono::seconds back_off(std::int64_t{1} << std::min(failures_++, k_doublings));
      check_again_ = now + std::min(back_off, k_longest_back_off);
    }
  }
  signal_->notify();
}

}  // namespace modelfloat::transfer
