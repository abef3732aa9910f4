#pragma once
// Calls to several stores. Their answers are handled in the order in which they come, and the
// caller need not wait for the slowest.

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// `T` is what a call returns. `Tag` is a value of the caller's that says what was asked. It is kept
// with the call and moved into its answer; the store does not see it.
// Used by one thread. The calls run in the call queues of their stores. A call may outlive the race
// if its store ignores the stop token, so whatever the call uses must be owned by it or shared.
// The destructor cancels the calls that are still running and does not wait for them.
template <typename T, typename Tag>
class Race {
 public:
  struct Answer {
    const PoolStore* store = nullptr;
    Tag tag;
    std::optional<T> value;      // nullopt: the call failed
    std::optional<Error> error;  // why it failed; nullopt when there is a value
    double seconds = 0;          // from ask() to the answer
  };
  // A call that has no answer yet.
  struct Call {
    const PoolStore* store = nullptr;
    Tag tag;
  };
  using Work = UniqueFunction<T(store::Store&, const CallOptions&)>;

  // `kind` is the kind of all calls of this race. `clock` outlives the calls, too. `on_answer` is
  // called when an answer has come, on the thread that brought it, also for a call that was
  // cancelled. It may be called after the race has ended. It must return quickly.
  Race(Clock& clock, CallKind kind, CallOptions call, std::function<void()> on_answer = {})
      : clock_(clock), kind_(kind), call_(std::move(call)), on_answer_(std::move(on_answer)) {}
  ~Race() {
    for (Handle& handle : handles_) handle.stop.request_stop();
  }
  Race(const Race&) = delete;
  Race& operator=(const Race&) = delete;

  // Starts a call that times out after `allowed`, and returns at once. If the call ends with an
  // Error, that is recorded in the state of the store.
  void ask(const PoolStore& store, Milliseconds allowed, Tag tag, Work work);

  // Waits for the next answer. Returns nullopt when none has come at `until`, or when no call is
  // running. The Error of a failed call is in the Answer. But Error{cancelled} is thrown, and so is
  // an exception of a call that is no Error. Throws Error{cancelled} or Error{timed_out} when the
  // caller's options say so and no answer is there, or the answer failed for that reason.
  std::optional<Answer> next(SteadyTime until = SteadyTime::max()) { return next(until, call_); }
  // The same, but with the options of the caller that waits instead of those of the calls.
  std::optional<Answer> next(SteadyTime until, const CallOptions& waiting);

  // The calls that have no answer yet, in the order in which they were started. Valid until the
  // next call of another method.
  std::span<Call> under_way() noexcept { return calls_; }
  std::span<const Call> under_way() const noexcept { return calls_; }
  // The stores of these calls.
  std::vector<const PoolStore*> awaited() const;

  // Cancels the running calls for which `chosen(call)` is true and returns them. next() will not
  // return their answers.
  template <typename Chosen>
  std::vector<Call> cancel_if(const Chosen& chosen);
  std::vector<Call> cancel_all() {
    return cancel_if([](const Call&) { return true; });
  }

 private:
  // How a call ended. Exactly one of value, error and failure is set.
  struct Ended {
    std::size_t id = 0;
    std::optional<T> value;
    std::optional<Error> error;
    std::exception_ptr failure;  // an exception that is no Error
    double seconds = 0;
  };
  struct Inbox {
    std::mutex mutex;
    std::condition_variable_any came;
    std::deque<Ended> ended;
  };
  struct Handle {
    std::size_t id = 0;
    std::stop_source stop;
  };

  void throw_if_over(const Ended& ended, const CallOptions& waiting) const;
  std::optional<Call> take_call(std::size_t id);

  Clock& clock_;
  const CallKind kind_;
  const CallOptions call_;
  const std::function<void()> on_answer_;
  // Shared: a call may end after the race.
  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  std::vector<Call> calls_;      // under way
  std::vector<Handle> handles_;  // of each of them
  std::size_t next_id_ = 0;
};

template <typename T, typename Tag>
void Race<T, Tag>::ask(const PoolStore& store, Milliseconds allowed, Tag tag, Work work) {
  const SteadyTime now = clock_.steady_now();
  const std::stop_source own_stop;
  auto task = [id = next_id_, now, clock = &clock_, kind = kind_, inbox = inbox_, handle = store.store,
               state = store.state, stop = own_stop, outer = call_, on_answer = on_answer_, allowed,
               work = std::move(work)]() mutable {
    Ended ended;
    ended.id = id;
    try {
      // The call ends at a stop of the race or of its caller.
      const std::stop_callback forward(outer.stop, [&stop] { stop.request_stop(); });
      const CallOptions options = within({stop.get_token(), outer.deadline}, *clock, allowed);
      check_cancelled(options, *clock, "store");
      ended.value = work(*handle, options);
    } catch (const Error& error) {
      kind == CallKind::read ? state->read_failed(error) : state->put_failed(error);
      ended.error = error;
    } catch (...) {
      ended.failure = std::current_exception();
    }
    work = nullptr;
    ended.seconds = seconds_between(now, clock->steady_now());
    {
      const std::lock_guard lock(inbox->mutex);
      inbox->ended.push_back(std::move(ended));
      inbox->came.notify_all();
    }
    if (on_answer) on_answer();
  };
  handles_.push_back({next_id_++, own_stop});
  calls_.push_back({&store, std::move(tag)});
  store.state->queue->submit(std::move(task));
}

template <typename T, typename Tag>
auto Race<T, Tag>::next(SteadyTime until, const CallOptions& waiting) -> std::optional<Answer> {
  const SteadyTime deadline = waiting.deadline ? std::min(until, *waiting.deadline) : until;
  while (!calls_.empty()) {
    std::unique_lock lock(inbox_->mutex);
    const auto has_come = [this] { return !inbox_->ended.empty(); };
    if (!clock_.wait_until(inbox_->came, lock, waiting.stop, deadline, has_come)) break;
    Ended ended = std::move(inbox_->ended.front());
    inbox_->ended.pop_front();
    lock.unlock();
    auto call = take_call(ended.id);
    if (!call) continue;  // it was cancelled
    throw_if_over(ended, waiting);
    return Answer{call->store, std::move(call->tag), std::move(ended.value), std::move(ended.error), ended.seconds};
  }
  check_cancelled(waiting, clock_, "stores");
  return std::nullopt;
}

// Throws for answers that say nothing about the store, and for exceptions of unknown types.
template <typename T, typename Tag>
void Race<T, Tag>::throw_if_over(const Ended& ended, const CallOptions& waiting) const {
  if (ended.failure) std::rethrow_exception(ended.failure);
  if (!ended.error) return;
  const ErrorKind kind = ended.error->kind;
  if (kind == ErrorKind::cancelled || kind == ErrorKind::timed_out) check_cancelled(waiting, clock_, "stores");
  if (kind == ErrorKind::cancelled) throw Error(*ended.error);
}

// Nullopt when the call was cancelled.
template <typename T, typename Tag>
auto Race<T, Tag>::take_call(std::size_t id) -> std::optional<Call> {
  const auto handle = std::find_if(handles_.begin(), handles_.end(), [id](const Handle& one) { return one.id == id; });
  if (handle == handles_.end()) return std::nullopt;
  const auto call = calls_.begin() + (handle - handles_.begin());
  Call taken = std::move(*call);
  calls_.erase(call);
  handles_.erase(handle);
  return taken;
}

template <typename T, typename Tag>
std::vector<const PoolStore*> Race<T, Tag>::awaited() const {
  std::vector<const PoolStore*> stores;
  stores.reserve(calls_.size());
  for (const Call& call : calls_) stores.push_back(call.store);
  return stores;
}

template <typename T, typename Tag>
template <typename Chosen>
auto Race<T, Tag>::cancel_if(const Chosen& chosen) -> std::vector<Call> {
  std::vector<Call> cancelled;
  for (std::size_t i = 0; i < calls_.size();) {
    if (!chosen(std::as_const(calls_[i]))) {
      ++i;
      continue;
    }
    handles_[i].stop.request_stop();
    cancelled.push_back(std::move(calls_[i]));
    calls_.erase(calls_.begin() + static_cast<std::ptrdiff_t>(i));
    handles_.erase(handles_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return cancelled;
}

}  // namespace modelfloat::transfer
