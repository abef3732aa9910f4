#pragma once
// A store that fails on command, around a good one.

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "modelfloat/base/error.h"
#include "modelfloat/store/store.h"

namespace modelfloat::test {

enum class Call { put, get, stat, remove, list, space };

enum class Moment {
  before,  // the call does nothing and fails
  after,   // the call does its work, then its answer is lost
};

// Counts the calls of all stores that share it, so that a test can run something once, read
// calls(), and then run it again with a failure at every single step. Calls are numbered from 1.
// Shared by all threads.
class CallCounter {
 public:
  std::uint64_t calls() const;
  // Back to 0, with no failure planned.
  void start_over();
  // Call number `nth` fails, all others work.
  void fail_at(std::uint64_t nth, ErrorKind kind = ErrorKind::transient, Moment moment = Moment::before);
  // Call number `nth` and all after it fail, as when the process were killed there. Moment::after
  // means that the work of the nth is still done.
  void cut_at(std::uint64_t nth, Moment moment = Moment::before, ErrorKind kind = ErrorKind::offline);

 private:
  friend class FaultyStore;
  struct Verdict {
    ErrorKind kind;
    Moment moment;
  };
  // Counts one call and says whether it fails.
  std::optional<Verdict> count();

  mutable std::mutex mutex_;
  std::uint64_t calls_ = 0;
  std::uint64_t fail_at_ = 0;  // 0: never
  bool and_later_ = false;
  Verdict verdict_{ErrorKind::transient, Moment::before};
};

// Shared by all threads; the faults may be changed while calls run. Without any fault it is just
// another handle on `inner`.
class FaultyStore final : public store::Store {
 public:
  // All outlive this; without a counter it counts alone, without a clock deadlines are in real
  // time.
  explicit FaultyStore(store::Store& inner, CallCounter* counter = nullptr, Clock* clock = nullptr)
      : inner_(inner), counter_(counter != nullptr ? *counter : own_counter_), clock_(clock) {}

  CallCounter& counter() noexcept { return counter_; }

  // The next `times` calls of this kind fail, with `retry_after` as a polite provider would say it.
  void fail_next(Call, ErrorKind, unsigned times = 1, std::optional<Milliseconds> retry_after = std::nullopt);
  // Every call is Error{offline} while this is on.
  void set_offline(bool);
  // The next `times` puts report success and store nothing.
  void lose_puts(unsigned times);
  // Puts work until this many more bytes have been put, then they are Error{out_of_space}.
  void limit_space(std::uint64_t bytes);
  // Bit 0 is the lowest of the first byte of the object; ranged gets that cover it show it flipped.
  void flip_bit(const ObjectName&, std::uint64_t bit);
  // The middle bit of every answer to get is flipped.
  void flip_bits_everywhere(bool);
  // The object looks, to every call, as if it ended after `size_bytes`.
  void truncate(const ObjectName&, std::uint64_t size_bytes);
  // stat and list say this many bytes more than there are.
  void lie_about_length(std::uint64_t extra_bytes);
  // While this is on, list leaves out what has been put since.
  void list_late(bool);
  // get returns one byte less than it was asked for, without an error.
  void answer_short(bool);
  // Each of the two objects is found under the other's name.
  void swap(const ObjectName&, const ObjectName&);
  // Calls of this kind wait until they are stopped, their deadline passes, or go_on() is called.
  void stall(Call);
  void go_on();
  // Waits until this many calls stand still.
  void wait_for_stalled(std::size_t calls);
  // Waits until none does: all were stopped, or went on.
  void wait_for_none_stalled();
  // What traits() says from now on.
  void set_traits(const store::StoreTraits&);
  // How many calls of this kind have come here.
  std::uint64_t calls(Call) const;

  store::StoreTraits traits() const override;
  void put(const ObjectName&, ByteSpan, const CallOptions&) override;
  std::optional<Bytes> get(const ObjectName&, ByteRange, const CallOptions&) override;
  std::optional<store::ObjectInfo> stat(const ObjectName&, const CallOptions&) override;
  void remove(const ObjectName&, const CallOptions&) override;
  void list(std::string_view prefix, const store::ObjectSink&, const CallOptions&) override;
  store::Space space(const CallOptions&) override;

 private:
  struct PlannedFailure {
    ErrorKind kind;
    unsigned times;
    std::optional<Milliseconds> retry_after;
  };

  Clock& clock() { return clock_ != nullptr ? *clock_ : real_clock_; }
  CallOptions below(const CallOptions& options) const;
  template <typename Work>
  auto call(Call kind, const std::string& where, const CallOptions& options, Work work);
  void fail_if_planned(Call kind, const std::string& where, const CallOptions& options);
  void wait_while_stalled(Call kind, std::unique_lock<std::mutex>& lock, const CallOptions& options);
  // Whether the put is to be lost without a word; throws when the space is used up.
  bool swallow_put(const ObjectName& name, std::uint64_t size_bytes);
  bool is_hidden(const ObjectName& name) const;
  ObjectName real_name(const ObjectName& name) const;
  store::ObjectInfo disguise(store::ObjectInfo info, const ObjectName& asked) const;
  void damage(const ObjectName& name, std::uint64_t offset, Bytes& bytes) const;

  store::Store& inner_;
  CallCounter own_counter_;
  CallCounter& counter_;
  SystemClock real_clock_;
  Clock* const clock_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<Call, PlannedFailure> failures_;
  std::set<Call> stalled_;
  std::size_t standing_still_ = 0;
  std::optional<store::StoreTraits> traits_;
  std::map<Call, std::uint64_t> made_;
  bool offline_ = false;
  unsigned puts_to_lose_ = 0;
  std::optional<std::uint64_t> space_left_;
  std::map<ObjectName, std::uint64_t> flipped_;
  std::map<ObjectName, std::uint64_t> truncated_;
  std::map<ObjectName, ObjectName> swapped_;
  std::uint64_t extra_length_ = 0;
  bool flip_everywhere_ = false;
  bool answer_short_ = false;
  bool list_late_ = false;
  std::set<ObjectName> not_listed_;
};

}  // namespace modelfloat::test
