#pragma once
// Calls to several stores, whose answers are taken in the order in which they come; nobody waits for those that come last.

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>

#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// Used by one thread; the calls run in the call queues of their stores. What a call needs has to be its own, or shared: it may end after the race,
// when a store doesn't heed its stop token.
template <typename T>
class Race {
 public:
  struct Answer {
    std::size_t id = 0;
    std::optional<T> value;      // nothing: it failed
    std::exception_ptr failure;  // an Error, as a rule
    double seconds = 0;          // from ask() to the answer
    // The value, or throws.
    T get() {
      if (failure) std::rethrow_exception(failure);
      return *std::move(value);
    }
  };
  using Work = std::function<T(store::Store&, const CallOptions&)>;

  // What kind of calls these are: a provider that wants to be left alone by one kind may still take the other.
  enum class Kind { read, put };

  // `clock` outlives the calls, too. `on_answer` is called when an answer is there to be taken, on whatever thread brought it, also for calls that
  // were cancelled meanwhile; it may come after the race has ended. It must be quick.
  Race(Clock& clock, Kind kind, CallOptions call, std::function<void()> on_answer = {})
      : clock_(clock), kind_(kind), call_(std::move(call)), on_answer_(std::move(on_answer)) {}
  ~Race() { cancel_all(); }
  Race(const Race&) = delete;
  Race& operator=(const Race&) = delete;

  // Begins a call that is given up after `allowed`. Returns the id that its answer will have; ids count from 0.
  std::size_t ask(const PoolStore& store, Milliseconds allowed, Work work);

  // The next answer; nothing when none came until then, or when no call is under way. Throws Error{cancelled} and Error{timed_out} as the
  // caller's options say.
  std::optional<Answer> next(SteadyTime until = SteadyTime::max()) { return next(until, call_); }
  // The same for a caller other than the one that asked.
  std::optional<Answer> next(SteadyTime until, const CallOptions& waiting);

  // No answer of it will come any more.
  void cancel(std::size_t id) {
    if (const auto found = under_way_.find(id); found != under_way_.end()) {
      found->second.stop.request_stop();
      under_way_.erase(found);
    }
  }
  void cancel_all() {
    for (auto& [id, call] : under_way_) call.stop.request_stop();
    under_way_.clear();
  }
  std::size_t under_way() const noexcept { return under_way_.size(); }
  bool is_under_way(std::size_t id) const { return under_way_.contains(id); }
  double seconds_so_far(std::size_t id) const {
    return seconds_between(under_way_.at(id).asked_at, clock_.steady_now());
  }

 private:
  struct Inbox {
    std::mutex mutex;
    std::condition_variable_any came;
    std::deque<Answer> answers;
  };
  struct Call {
    std::stop_source stop;
    SteadyTime asked_at;
  };

  Clock& clock_;
  const Kind kind_;
  const CallOptions call_;
  const std::function<void()> on_answer_;
  const std::shared_ptr<Inbox> inbox_ =
      std::make_shared<Inbox>();  // calls that end late still have a place for their answer
  std::map<std::size_t, Call> under_way_;
  std::size_t next_id_ = 0;
};

template <typename T>
std::size_t Race<T>::ask(const PoolStore& store, Milliseconds allowed, Work work) {
  const std::size_t id = next_id_++;
  const SteadyTime now = clock_.steady_now();
  const Call& call = under_way_.emplace(id, Call{std::stop_source(), now}).first->second;
  auto task = [id, now, clock = &clock_, kind = kind_, inbox = inbox_, handle = store.store, state = store.state,
               stop = call.stop, outer = call_, on_answer = on_answer_, allowed, work = std::move(work)]() mutable {
    Answer answer;
    answer.id = id;
    try {
      // Either stop ends the call.
      const std::stop_callback forward(outer.stop, [&stop] { stop.request_stop(); });
      const CallOptions options = within({stop.get_token(), outer.deadline}, *clock, allowed);
      check_cancelled(options, *clock, "store");
      answer.value = work(*handle, options);
    } catch (const Error& error) {
      kind == Kind::read ? state->read_failed(error) : state->put_failed(error);
      answer.failure = std::current_exception();
    } catch (...) {
      answer.failure = std::current_exception();
    }
    work = nullptr;
    answer.seconds = seconds_between(now, clock->steady_now());
    {
      const std::lock_guard lock(inbox->mutex);
      inbox->answers.push_back(std::move(answer));
      inbox->came.notify_all();
    }
    if (on_answer) on_answer();
  };
  store.state->queue->submit(std::move(task));
  return id;
}

template <typename T>
std::optional<typename Race<T>::Answer> Race<T>::next(SteadyTime until, const CallOptions& waiting) {
  const SteadyTime deadline = waiting.deadline ? std::min(until, *waiting.deadline) : until;
  while (!under_way_.empty()) {
    std::unique_lock lock(inbox_->mutex);
    const auto has_come = [this] { return !inbox_->answers.empty(); };
    if (!clock_.wait_until(inbox_->came, lock, waiting.stop, deadline, has_come)) {
      lock.unlock();
      check_cancelled(waiting, clock_, "stores");
      return std::nullopt;
    }
    Answer answer = std::move(inbox_->answers.front());
    inbox_->answers.pop_front();
    lock.unlock();
    if (under_way_.erase(answer.id) > 0) return answer;  // else it was cancelled
  }
  check_cancelled(waiting, clock_, "stores");
  return std::nullopt;
}

}  // namespace modelfloat::transfer
