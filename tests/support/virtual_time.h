#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include "support/fiber.h"
#include "support/fixed_random.h"

#include "modelfloat/base/clock.h"
#include "modelfloat/base/executor.h"

namespace modelfloat::test {

// Time and tasks of a simulation, all on one thread. Of who made it and the tasks that it is given,
// exactly one runs at a time, until it waits, sleeps or ends; which of those that could go on is
// next is drawn from the seed. When none could, it is at once the earliest moment that one waits
// for. So the same seed gives the same run, which takes as long by this clock as it would in the
// world, and here no longer than what it computes. Nobody may wait otherwise than by this clock,
// nor hold a mutex that another wants while he does.
class VirtualTime final : public Clock, public Executor {
 public:
  explicit VirtualTime(std::uint64_t seed) : random_(seed) {}
  ~VirtualTime() override;  // all tasks come to their end first
  VirtualTime(const VirtualTime&) = delete;
  VirtualTime& operator=(const VirtualTime&) = delete;

  UtcTime utc_now() const override;
  SteadyTime steady_now() const override { return now_; }
  void sleep_for(Milliseconds duration, const std::stop_token& stop) override;
  // When everybody waits for ever, the program ends and says so: that would be a deadlock.
  bool wait_until(std::condition_variable_any& changed, std::unique_lock<std::mutex>& lock, const std::stop_token& stop,
                  SteadyTime until, const std::function<bool()>& done) override;

  void submit(Job task) override;
  std::size_t width() const noexcept override { return 32; }
  bool is_concurrent() const noexcept override { return false; }

 private:
  static constexpr SteadyTime k_begin{std::chrono::hours(1)};

  struct Party {  // one who is not running
    std::function<bool()> done;
    SteadyTime until;
    std::stop_token stop;
    Job task;                // to begin with; empty once it has
    Fiber* fiber = nullptr;  // once it has begun
  };

  void wait_for_turn(std::function<bool()> done, SteadyTime until, const std::stop_token& stop);
  std::shared_ptr<Party> choose();
  Fiber& prepared(Party& party);
  std::unique_ptr<Fiber> take(const Fiber& fiber);

  // Whoever runs uses these, and nobody else.
  FixedRandom random_;
  SteadyTime now_ = k_begin;
  std::vector<std::shared_ptr<Party>> parties_;
  Fiber own_;                                   // of who made it
  Fiber* running_ = nullptr;                    // nullptr: own_
  Fiber* begun_ = nullptr;                      // the last that was made
  std::vector<std::unique_ptr<Fiber>> fibers_;  // of tasks that have begun
  std::vector<std::unique_ptr<Fiber>> ended_;   // freed by whoever runs next
};

}  // namespace modelfloat::test
