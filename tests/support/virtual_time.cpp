#include "support/virtual_time.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace modelfloat::test {

VirtualTime::~VirtualTime() {
  wait_for_turn([this] { return parties_.size() == 1; }, SteadyTime::max(), {});
}

UtcTime VirtualTime::utc_now() const {
  constexpr std::uint64_t k_start = 1'767'225'600;  // 2026-01-01T00:00:00Z
  return from_unix_seconds(k_start) + std::chrono::duration_cast<Milliseconds>(now_ - k_begin);
}

void VirtualTime::sleep_for(Milliseconds duration, const std::stop_token& stop) {
  wait_for_turn([] { return false; }, now_ + duration, stop);
}

bool VirtualTime::wait_until(std::condition_variable_any&, std::unique_lock<std::mutex>& lock,
                             const std::stop_token& stop, SteadyTime until, const std::function<bool()>& done) {
  if (done()) return true;
  lock.unlock();
  wait_for_turn(done, until, stop);
  lock.lock();
  return done();
}

void VirtualTime::submit(Job task) {
  auto party = std::make_shared<Party>();
  party->done = [] { return true; };
  party->task = std::move(task);
  parties_.push_back(std::move(party));
}

void VirtualTime::wait_for_turn(std::function<bool()> done, SteadyTime until, const std::stop_token& stop) {
  const auto me = std::make_shared<Party>();
  me->done = std::move(done);
  me->until = until;
  me->stop = stop;
  parties_.push_back(me);
  const auto next = choose();
  if (next == me) return;
  Fiber* const here = running_ == nullptr ? &own_ : running_;
  me->fiber = here;
  here->switch_to(prepared(*next));
  running_ = here;
  ended_.clear();
}

std::shared_ptr<VirtualTime::Party> VirtualTime::choose() {
  for (;;) {
    std::vector<std::size_t> ready;
    SteadyTime earliest = SteadyTime::max();
    for (std::size_t i = 0; i < parties_.size(); ++i) {
      const Party& party = *parties_[i];
      if (party.until <= now_ || party.stop.stop_requested() || party.done()) ready.push_back(i);
      earliest = std::min(earliest, party.until);
    }
    if (!ready.empty()) {
      const auto place = parties_.begin() + static_cast<std::ptrdiff_t>(ready[random_.number() % ready.size()]);
      auto chosen = std::move(*place);
      parties_.erase(place);
      return chosen;
    }
    if (earliest == SteadyTime::max()) {
      std::fputs("VirtualTime: everybody waits for ever\n", stderr);
      std::abort();
    }
    now_ = earliest;
  }
}

// One that has not begun gets a fiber.
Fiber& VirtualTime::prepared(Party& party) {
  if (party.fiber != nullptr) return *party.fiber;
  auto fiber = std::make_unique<Fiber>([this, task = std::make_shared<Job>(std::move(party.task))]() mutable {
    Fiber* const here = begun_;
    running_ = here;
    ended_.clear();
    (*task)();
    task.reset();
    ended_.push_back(take(*here));
    Fiber& next = prepared(*choose());
    here->end_for(next);
  });
  begun_ = fiber.get();
  fibers_.push_back(std::move(fiber));
  return *begun_;
}

std::unique_ptr<Fiber> VirtualTime::take(const Fiber& fiber) {
  const auto found = std::find_if(fibers_.begin(), fibers_.end(), [&](const auto& one) { return one.get() == &fiber; });
  auto taken = std::move(*found);
  fibers_.erase(found);
  return taken;
}

}  // namespace modelfloat::test
