#include "modelfloat/transfer/ask/gather.h"

#include <map>
#include <string>
#include <vector>

#include "transfer/store_world.h"
#include <gtest/gtest.h>

namespace modelfloat::transfer {
namespace {

using test::Call;
using test::StoreWorld;

constexpr Milliseconds k_minute{60'000};

using Spaces = Race<store::Space, std::string>;

void ask_all(Spaces& race, const StoreSet& set) {
  for (const PoolStore* store : set.online()) {
    race.ask(*store, k_minute, "space of " + store->name,
             [](store::Store& from, const CallOptions& options) { return from.space(options); });
  }
}

StragglerRule until(SteadyTime end) {
  return [end](const std::vector<const PoolStore*>&) { return end; };
}

TEST(Gather, TakesTheAnswersOfAll) {
  StoreWorld world(3);
  InlineExecutor io;
  const StoreSet set(world.rows(), world.context(io));
  world.faults(1).fail_next(Call::space, ErrorKind::denied, 1);
  Spaces race(world.clock, CallKind::read, {});
  ask_all(race, set);
  std::map<std::string, bool> answers;
  const auto late = gather(race, until(world.clock.steady_now() + k_minute),
                           [&](auto&& answer) { answers[answer.tag] = answer.value.has_value(); });
  EXPECT_TRUE(late.empty());
  EXPECT_EQ(answers,
            (std::map<std::string, bool>{{"space of s0", true}, {"space of s1", false}, {"space of s2", true}}));
  EXPECT_FALSE(set.find("s1")->state->latency.is_slow());  // it failed, but in time
}

TEST(Gather, LeavesWhoIsLateAndMarksThemSlow) {
  StoreWorld world(3);
  ThreadPool io(8);
  const StoreSet set(world.rows(), world.context(io));
  set.wait_until_decided({});
  world.faults(1).stall(Call::space);
  Spaces race(world.clock, CallKind::read, {});
  ask_all(race, set);
  std::vector<std::size_t> awaited_then;
  std::size_t answers = 0;
  // Nobody is waited for any more once s1 is the last.
  const auto rule = [&](const std::vector<const PoolStore*>& awaited) {
    awaited_then.push_back(awaited.size());
    return awaited == std::vector{set.find("s1")} ? world.clock.steady_now() : SteadyTime::max();
  };
  const auto late = gather(race, rule, [&](auto&&) { ++answers; });
  EXPECT_EQ(answers, 2U);
  EXPECT_EQ(awaited_then, (std::vector<std::size_t>{3, 2, 1}));  // asked again after each answer
  ASSERT_EQ(late.size(), 1U);
  EXPECT_EQ(late[0].store, set.find("s1"));
  EXPECT_EQ(late[0].tag, "space of s1");
  EXPECT_TRUE(set.find("s1")->state->latency.is_slow());
  EXPECT_FALSE(set.find("s0")->state->latency.is_slow());
  world.faults(1).wait_for_none_stalled();  // its call was stopped
}

TEST(Gather, EndsAsTheCallerSays) {
  StoreWorld world(2);
  ThreadPool io(8);
  const StoreSet set(world.rows(), world.context(io));
  set.wait_until_decided({});
  world.faults(0).stall(Call::space);
  std::stop_source stop;
  Spaces race(world.clock, CallKind::read, {stop.get_token(), std::nullopt});
  ask_all(race, set);
  EXPECT_THROW(gather(race, until(SteadyTime::max()), [&](auto&&) { stop.request_stop(); }), Error);
  EXPECT_FALSE(set.find("s0")->state->latency.is_slow());  // it had no time to be late
}

}  // namespace
}  // namespace modelfloat::transfer
