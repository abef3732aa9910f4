#include "modelfloat/transfer/stores/store_set.h"

#include "transfer/store_world.h"
#include <gtest/gtest.h>

namespace modelfloat::transfer {
namespace {

using test::Call;
using test::StoreWorld;

std::vector<std::string> names(const std::vector<const PoolStore*>& stores) {
  std::vector<std::string> result;
  for (const PoolStore* store : stores) result.push_back(store->name);
  return result;
}
using Names = std::vector<std::string>;

TEST(StoreSet, OnlyAStoreWithItsMarkerIsOnline) {
  StoreWorld world(4);
  InlineExecutor io;
  world.inner(1).remove(ObjectName::marker(), {});
  world.inner(2).put(ObjectName::marker(), mf1::make_marker({{std::byte{8}}, StoreWorld::id(2)}), {});
  world.inner(3).put(ObjectName::marker(), mf1::make_marker({StoreWorld::k_tag, StoreWorld::id(0)}), {});
  const StoreSet set(world.rows(), world.context(io));
  EXPECT_EQ(names(set.online()), Names{"s0"});
  EXPECT_EQ(set.all().size(), 4U);
  for (const char* name : {"s1", "s2", "s3"}) EXPECT_NE(set.find(name)->state->why_not_online(), "") << name;
}

TEST(StoreSet, AStoreThatHangsHoldsUpNobodyAndJoinsWhenItAnswers) {
  StoreWorld world(3);
  ThreadPool io(4);
  world.faults(1).stall(Call::get);
  const StoreSet set(world.rows(), world.context(io));
  EXPECT_TRUE(set.wait_for_domains(2, {}));
  EXPECT_EQ(names(set.online()), (Names{"s0", "s2"}));
  EXPECT_EQ(set.find("s1")->state->presence(), Presence::pending);
  EXPECT_TRUE(set.checks_are_pending());
  world.faults(1).go_on();
  EXPECT_TRUE(set.wait_for_domains(3, {}));
}

TEST(StoreSet, WaitingEndsWhenEverybodyIsDecided) {
  StoreWorld world(3);
  ThreadPool io(4);
  world.faults(0).set_offline(true);
  const StoreSet set(world.rows(), world.context(io));
  EXPECT_FALSE(set.wait_for_domains(3, {}));
  EXPECT_EQ(names(set.online()), (Names{"s1", "s2"}));
}

TEST(StoreSet, AMarkerThatNeverComesCountsAsOfflineAfterAWhile) {
  StoreWorld world(2);
  world.timeouts.marker = Milliseconds{50};
  ThreadPool io(4);
  world.faults(1).stall(Call::get);
  const StoreSet set(world.rows(), world.context(io));
  set.wait_until_decided({});
  EXPECT_EQ(names(set.online()), Names{"s0"});
  EXPECT_FALSE(set.wait_for_domains(2, {}));
}

TEST(StoreSet, GoingAwayStopsWhatIsUnderWay) {
  StoreWorld world(2);
  ThreadPool io(4);
  world.faults(1).stall(Call::get);
  {
    const StoreSet set(world.rows(), world.context(io));
    world.faults(1).wait_for_stalled(1);
  }
  world.faults(1).wait_for_none_stalled();
}

TEST(StoreSet, AStopEndsTheWaitForStores) {
  StoreWorld world(1);
  ThreadPool io(2);
  world.faults(0).stall(Call::get);
  const StoreSet set(world.rows(), world.context(io));
  std::stop_source stop;
  std::jthread stopper([&] {
    world.faults(0).wait_for_stalled(1);
    stop.request_stop();
  });
  EXPECT_THROW(set.wait_for_domains(1, {stop.get_token(), std::nullopt}), Error);
}

TEST(StoreSet, AStoreThatComesBackIsUsedAgainAfterABackOff) {
  StoreWorld world(2);
  InlineExecutor io;
  world.faults(1).set_offline(true);
  StoreSet set(world.rows(), world.context(io));
  EXPECT_EQ(names(set.online()), Names{"s0"});
  world.faults(1).set_offline(false);
  set.recheck();
  EXPECT_EQ(names(set.online()), Names{"s0"});  // a second has to pass first
  world.clock.advance(Milliseconds{1100});
  set.recheck();
  EXPECT_EQ(names(set.online()), (Names{"s0", "s1"}));
}

TEST(StoreSet, TheBackOffGrows) {
  StoreWorld world(1);
  InlineExecutor io;
  world.faults(0).set_offline(true);
  StoreSet set(world.rows(), world.context(io));
  for (int i = 0; i < 5; ++i) {  // waits of 1, 2, 4, 8, 16 s
    world.clock.advance(Milliseconds{32'000});
    set.recheck();
  }
  const auto calls = world.faults(0).calls(Call::get);
  for (int i = 0; i < 20; ++i) {
    world.clock.advance(Milliseconds{1'000});
    set.recheck();
  }
  EXPECT_EQ(world.faults(0).calls(Call::get), calls);
}

TEST(StoreSet, ACallThatFindsItOfflineTakesItOutUntilTheNextLook) {
  StoreWorld world(2);
  InlineExecutor io;
  StoreSet set(world.rows(), world.context(io));
  set.find("s0")->state->read_failed(Error(ErrorKind::transient, "s0", "hiccup"));
  EXPECT_EQ(set.online().size(), 2U);
  set.find("s0")->state->read_failed(Error(ErrorKind::offline, "s0", "gone"));
  EXPECT_EQ(names(set.online()), Names{"s1"});
  set.recheck();  // the first look may be at once
  EXPECT_EQ(set.online().size(), 2U);
}

TEST(StoreSet, AMarkerThatVanishesIsNoticed) {
  StoreWorld world(2);
  InlineExecutor io;
  StoreSet set(world.rows(), world.context(io));
  world.inner(1).remove(ObjectName::marker(), {});
  set.recheck();
  EXPECT_EQ(set.online().size(), 2U);  // it was looked at a moment ago
  world.clock.advance(Milliseconds{30'000});
  set.recheck();
  EXPECT_EQ(names(set.online()), Names{"s0"});
}

TEST(StoreSet, StoresJoinAndLeaveAndPointersToThemStay) {
  StoreWorld world(2);
  InlineExecutor io;
  StoreSet set(world.rows(), world.context(io));
  const PoolStore* leaving = set.find("s0");
  const PoolStore* staying = set.find("s1");
  world.add(2);
  set.set_rows({StoreWorld::row(1), StoreWorld::row(2)});
  EXPECT_EQ(names(set.online()), (Names{"s1", "s2"}));
  EXPECT_EQ(set.find("s1"), staying);
  EXPECT_EQ(set.find("s0"), nullptr);
  EXPECT_EQ(leaving->name, "s0");
  EXPECT_TRUE(leaving->store->get(ObjectName::marker(), {}, {}).has_value());
}

TEST(StoreSet, AnotherAddressIsAnotherHandle) {
  StoreWorld world(2);
  InlineExecutor io;
  StoreSet set({StoreWorld::row(0)}, world.context(io));
  auto moved = StoreWorld::row(0);
  moved.url = "memory:1";
  set.set_rows({moved});
  EXPECT_NE(set.find("s0")->state->why_not_online(), "");  // the marker of s1 lies there
}

TEST(StoreSet, AStoreThatCannotBeMadeYetIsTriedAgain) {
  StoreWorld world(1);
  InlineExecutor io;
  world.unmakable = true;
  StoreSet set(world.rows(), world.context(io));
  EXPECT_TRUE(set.online().empty());
  EXPECT_NE(set.find("s0")->state->why_not_online().find("no credentials"), std::string::npos);
  world.clock.advance(Milliseconds{1'500});
  set.recheck();
  EXPECT_TRUE(set.online().empty());
  world.unmakable = false;
  world.clock.advance(Milliseconds{5'000});
  set.recheck();
  EXPECT_EQ(names(set.online()), Names{"s0"});
}

TEST(StoreSet, NoStoreIsLeftAloneForYears) {
  StoreWorld world(1);
  InlineExecutor io;
  StoreSet set(world.rows(), world.context(io));
  auto& state = *set.find("s0")->state;
  const Error error(ErrorKind::rate_limited, "s0", "too much", std::chrono::hours(57 * 365 * 24));
  state.read_failed(error);
  state.put_failed(error);
  EXPECT_TRUE(state.reads_are_paused());
  EXPECT_TRUE(state.puts_are_paused());
  world.clock.advance(std::chrono::hours(24));
  EXPECT_FALSE(state.reads_are_paused());
  EXPECT_FALSE(state.puts_are_paused());
}

TEST(StoreSet, APausedStoreIsOnlineAndLeftAlone) {
  StoreWorld world(1);
  InlineExecutor io;
  StoreSet set(world.rows(), world.context(io));
  auto& state = *set.find("s0")->state;
  state.read_failed(Error(ErrorKind::rate_limited, "s0", "too much", Milliseconds{3'600'000}));
  EXPECT_TRUE(set.find("s0")->is_online());
  EXPECT_TRUE(state.reads_are_paused());
  EXPECT_FALSE(state.puts_are_paused());
  world.clock.advance(Milliseconds{3'600'001});
  EXPECT_FALSE(state.reads_are_paused());
}

}  // namespace
}  // namespace modelfloat::transfer
