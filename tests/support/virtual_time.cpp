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
  if (const auto next = choose(); next != me) {
    let_run(next);
    me->turn.acquire();
  }
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

void VirtualTime::let_run(const std::shared_ptr<Party>& party) {
  if (!party->task) {
    party->turn.release();
    return;
  }
  // Its thread finds itself here once it has ended, when this one may be waiting, so it has to be
  // handed over by a place of its own.
  struct Handle {
    std::jthread thread;
    std::binary_semaphore known{0};
  };
  auto handle = std::make_shared<Handle>();
  handle->thread = std::jthread([this, handle, task = std::exchange(party->task, {})]() mutable {
    handle->known.acquire();
    task();
    task = nullptr;
    ended_.push_back(std::move(handle->thread));
    if (!parties_.empty()) let_run(choose());
  });
  handle->known.release();
}

}  // namespace modelfloat::test
