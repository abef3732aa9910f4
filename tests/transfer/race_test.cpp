#include "modelfloat/transfer/ask/race.h"

#include "transfer/store_world.h"
#include <gtest/gtest.h>

namespace modelfloat::transfer {
namespace {

using test::Call;
using test::StoreWorld;
using Content = std::optional<Bytes>;
using Kind = Race<Content>::Kind;

constexpr Milliseconds k_long{60'000};

Content read_marker(store::Store& store, const CallOptions& call) { return store.get(ObjectName::marker(), {}, call); }

TEST(Race, AnswersComeInTheOrderInWhichTheyAreReady) {
  StoreWorld world(2);
  ThreadPool io(4);
  const StoreSet set(world.rows(), world.context(io));
  set.wait_until_decided({});
  world.faults(0).stall(Call::get);
  Race<Content> race(world.clock, Kind::read, {});
  const auto slow = race.ask(*set.find("s0"), k_long, read_marker);
  const auto quick = race.ask(*set.find("s1"), k_long, read_marker);
  EXPECT_EQ(race.next()->id, quick);
  world.faults(0).go_on();
  EXPECT_EQ(race.next()->id, slow);
  EXPECT_FALSE(race.next().has_value());  // nothing is under way
}

TEST(Race, LeavingStopsWhoIsLateAndDoesNotWait) {
  StoreWorld world(1);
  ThreadPool io(4);
  const StoreSet set(world.rows(), world.context(io));
  set.wait_until_decided({});
  world.faults(0).stall(Call::get);
  {
    Race<Content> race(world.clock, Kind::read, {});
    race.ask(*set.find("s0"), k_long, read_marker);
    world.faults(0).wait_for_stalled(1);
  }
  world.faults(0).wait_for_none_stalled();
}

TEST(Race, TheCallersStopEndsWaitAndCalls) {
  StoreWorld world(1);
  ThreadPool io(4);
  const StoreSet set(world.rows(), world.context(io));
  set.wait_until_decided({});
  world.faults(0).stall(Call::get);
  std::stop_source stop;
  Race<Content> race(world.clock, Kind::read, {stop.get_token(), std::nullopt});
  race.ask(*set.find("s0"), k_long, read_marker);
  world.faults(0).wait_for_stalled(1);
  stop.request_stop();
  EXPECT_THROW(race.next(), Error);
  world.faults(0).wait_for_none_stalled();
}

TEST(Race, ACallIsGivenUpAfterItsTime) {
  StoreWorld world(1);
  ThreadPool io(4);
  const StoreSet set(world.rows(), world.context(io));
  set.wait_until_decided({});
  world.faults(0).stall(Call::get);
  Race<Content> race(world.clock, Kind::read, {});
  race.ask(*set.find("s0"), Milliseconds{20}, read_marker);
  auto answer = race.next();
  ASSERT_TRUE(answer);
  try {
    answer->get();
    ADD_FAILURE() << "it was not given up";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind, ErrorKind::timed_out);
  }
}

TEST(Race, AStoreThatHangsTakesItsLaneAndNotAllThreads) {
  StoreWorld world(2);
  ThreadPool io(8);  // call queues of two
  const StoreSet set(world.rows(), world.context(io));
  set.wait_until_decided({});
  world.faults(0).stall(Call::get);
  Race<Content> race(world.clock, Kind::read, {});
  for (int i = 0; i < 50; ++i) race.ask(*set.find("s0"), k_long, read_marker);
  std::set<std::size_t> quick;
  for (int i = 0; i < 50; ++i) quick.insert(race.ask(*set.find("s1"), k_long, read_marker));
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(quick.contains(race.next()->id));
  world.faults(0).wait_for_stalled(2);
  EXPECT_EQ(world.faults(0).calls(Call::get), 1U + 2U);  // the marker, and what fits into the queue
  world.faults(0).go_on();
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(race.next().has_value());
}

TEST(Race, FailuresAreToldToTheStore) {
  StoreWorld world(2);
  InlineExecutor io;
  const StoreSet set(world.rows(), world.context(io));
  world.faults(0).set_offline(true);
  world.faults(1).fail_next(Call::get, ErrorKind::rate_limited, 1, Milliseconds{1'000'000});
  Race<Content> race(world.clock, Kind::read, {});
  race.ask(*set.find("s0"), k_long, read_marker);
  race.ask(*set.find("s1"), k_long, read_marker);
  EXPECT_FALSE(set.find("s0")->is_online());
  EXPECT_TRUE(set.find("s1")->state->reads_are_paused());
}

TEST(Traffic, IsAtMostAQuarterOfTheThreads) {
  EXPECT_EQ(queue_width(8, 16), 4U);
  EXPECT_EQ(queue_width(2, 16), 2U);
  EXPECT_EQ(queue_width(8, 1), 1U);
  EXPECT_EQ(queue_width(0, 16), 1U);
}

}  // namespace
}  // namespace modelfloat::transfer
