#include "modelfloat/transfer/ask/race.h"

#include <memory>
#include <new>
#include <set>
#include <string>

#include "transfer/store_world.h"
#include <gtest/gtest.h>

namespace modelfloat::transfer {
namespace {

using test::Call;
using test::StoreWorld;
using Content = std::optional<Bytes>;
using MarkerRace = Race<Content, std::string>;

constexpr Milliseconds k_long{60'000};

Content read_marker(store::Store& store, const CallOptions& call) { return store.get(ObjectName::marker(), {}, call); }

TEST(Race, AnswersComeInTheOrderInWhichTheyAreReady) {
  StoreWorld world(2);
  ThreadPool io(4);
  const StoreSet set(world.rows(), world.context(io));
  set.wait_until_decided({});
  world.faults(0).stall(Call::get);
  MarkerRace race(world.clock, CallKind::read, {});
  race.ask(*set.find("s0"), k_long, "slow", read_marker);
  race.ask(*set.find("s1"), k_long, "quick", read_marker);
  EXPECT_EQ(race.next()->tag, "quick");
  world.faults(0).go_on();
  EXPECT_EQ(race.next()->tag, "slow");
  EXPECT_FALSE(race.next().has_value());  // nothing is under way
}

TEST(Race, LeavingStopsWhoIsLateAndDoesNotWait) {
  StoreWorld world(1);
  ThreadPool io(4);
  const StoreSet set(world.rows(), world.context(io));
  set.wait_until_decided({});
  world.faults(0).stall(Call::get);
  {
    MarkerRace race(world.clock, CallKind::read, {});
    race.ask(*set.find("s0"), k_long, "s0", read_marker);
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
  MarkerRace race(world.clock, CallKind::read, {stop.get_token(), std::nullopt});
  race.ask(*set.find("s0"), k_long, "s0", read_marker);
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
  MarkerRace race(world.clock, CallKind::read, {});
  race.ask(*set.find("s0"), Milliseconds{20}, "s0", read_marker);
  const auto answer = race.next();
  ASSERT_TRUE(answer);
  ASSERT_TRUE(answer->error) << "it was not given up";
  EXPECT_EQ(answer->error->kind, ErrorKind::timed_out);
}

TEST(Race, AStoreThatHangsTakesItsLaneAndNotAllThreads) {
  StoreWorld world(2);
  ThreadPool io(8);  // call queues of two
  const StoreSet set(world.rows(), world.context(io));
  set.wait_until_decided({});
  world.faults(0).stall(Call::get);
  MarkerRace race(world.clock, CallKind::read, {});
  for (int i = 0; i < 50; ++i) race.ask(*set.find("s0"), k_long, "s0", read_marker);
  for (int i = 0; i < 50; ++i) race.ask(*set.find("s1"), k_long, "s1", read_marker);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(race.next()->tag, "s1");
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
  MarkerRace race(world.clock, CallKind::read, {});
  race.ask(*set.find("s0"), k_long, "s0", read_marker);
  race.ask(*set.find("s1"), k_long, "s1", read_marker);
  EXPECT_FALSE(set.find("s0")->is_online());
  EXPECT_TRUE(set.find("s1")->state->reads_are_paused());
}

// What a call of the race below ends with.
Content throw_error(ErrorKind kind) { throw Error(kind, "s0", "as the test wants it"); }

TEST(Race, AnAnswerSaysWhatWasAskedOfWhom) {
  StoreWorld world(2);
  InlineExecutor io;
  const StoreSet set(world.rows(), world.context(io));
  // A tag is moved, never copied.
  Race<int, std::unique_ptr<int>> race(world.clock, CallKind::read, {});
  race.ask(*set.find("s0"), k_long, std::make_unique<int>(1), [](store::Store&, const CallOptions&) { return 10; });
  race.ask(*set.find("s1"), k_long, std::make_unique<int>(2),
           [](store::Store&, const CallOptions&) -> int { throw Error(ErrorKind::denied, "s1", "no"); });
  EXPECT_EQ(race.awaited(), (std::vector{set.find("s0"), set.find("s1")}));
  const auto first = race.next();
  EXPECT_EQ(first->store, set.find("s0"));
  EXPECT_EQ(*first->tag, 1);
  EXPECT_EQ(first->value, 10);
  EXPECT_FALSE(first->error);
  EXPECT_EQ(race.awaited(), std::vector{set.find("s1")});
  const auto second = race.next();
  EXPECT_EQ(second->store, set.find("s1"));
  EXPECT_EQ(*second->tag, 2);
  EXPECT_FALSE(second->value);
  ASSERT_TRUE(second->error);
  EXPECT_EQ(second->error->kind, ErrorKind::denied);
  EXPECT_TRUE(race.under_way().empty());
}

TEST(Race, WhatIsUnderWayCanBeSeenChangedAndCancelledByItsTag) {
  StoreWorld world(1);
  ThreadPool io(4);
  const StoreSet set(world.rows(), world.context(io));
  set.wait_until_decided({});
  world.faults(0).stall(Call::get);
  Race<Content, int> race(world.clock, CallKind::read, {});
  for (int i = 0; i < 4; ++i) race.ask(*set.find("s0"), k_long, i, read_marker);
  for (auto& call : race.under_way()) call.tag += 10;
  const auto cancelled = race.cancel_if([](const auto& call) { return call.tag % 2 == 0; });
  ASSERT_EQ(cancelled.size(), 2U);
  EXPECT_EQ(cancelled[0].tag, 10);
  EXPECT_EQ(cancelled[1].tag, 12);
  world.faults(0).go_on();
  std::set<int> answered;
  while (const auto answer = race.next()) answered.insert(answer->tag);
  EXPECT_EQ(answered, (std::set{11, 13}));  // no answer of those that were cancelled
}

TEST(Race, AnAnswerThatWasCancelledByTheCallersStopIsThatStop) {
  StoreWorld world(1);
  InlineExecutor io;
  const StoreSet set(world.rows(), world.context(io));
  std::stop_source stop;
  MarkerRace race(world.clock, CallKind::read, {stop.get_token(), std::nullopt});
  stop.request_stop();
  race.ask(*set.find("s0"), k_long, "s0", read_marker);
  try {
    race.next();
    ADD_FAILURE() << "it was not stopped";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind, ErrorKind::cancelled);
    EXPECT_EQ(error.where, "stores");
  }
}

TEST(Race, AnAnswerThatTookAsLongAsTheCallerHasIsTheCallersTimeout) {
  StoreWorld world(1);
  InlineExecutor io;
  const StoreSet set(world.rows(), world.context(io));
  MarkerRace race(world.clock, CallKind::read, {{}, world.clock.steady_now() + Milliseconds{100}});
  race.ask(*set.find("s0"), k_long, "s0", [&](store::Store&, const CallOptions&) {
    world.clock.advance(Milliseconds{100});
    return throw_error(ErrorKind::timed_out);
  });
  EXPECT_THROW(race.next(), Error);
}

TEST(Race, WhatIsThereWhenTheCallerStopsIsStillTaken) {
  StoreWorld world(2);
  InlineExecutor io;
  const StoreSet set(world.rows(), world.context(io));
  std::stop_source stop;
  MarkerRace race(world.clock, CallKind::read, {stop.get_token(), std::nullopt});
  race.ask(*set.find("s0"), k_long, "s0", read_marker);
  race.ask(*set.find("s1"), k_long, "s1",
           [](store::Store&, const CallOptions&) { return throw_error(ErrorKind::denied); });
  stop.request_stop();
  EXPECT_TRUE(race.next()->value);
  EXPECT_EQ(race.next()->error->kind, ErrorKind::denied);
  EXPECT_THROW(race.next(), Error);
}

TEST(Race, AnAnswerThatIsCancelledByItselfEndsTheWait) {
  StoreWorld world(1);
  InlineExecutor io;
  const StoreSet set(world.rows(), world.context(io));
  MarkerRace race(world.clock, CallKind::read, {});
  race.ask(*set.find("s0"), k_long, "s0",
           [](store::Store&, const CallOptions&) { return throw_error(ErrorKind::cancelled); });
  try {
    race.next();
    ADD_FAILURE() << "it was an answer like any other";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind, ErrorKind::cancelled);
    EXPECT_EQ(error.where, "s0");
  }
}

TEST(Race, AnExceptionThatIsNoErrorComesOutOfTheWait) {
  StoreWorld world(1);
  InlineExecutor io;
  const StoreSet set(world.rows(), world.context(io));
  MarkerRace race(world.clock, CallKind::read, {});
  race.ask(*set.find("s0"), k_long, "s0", [](store::Store&, const CallOptions&) -> Content { throw std::bad_alloc(); });
  EXPECT_THROW(race.next(), std::bad_alloc);
  EXPECT_TRUE(race.under_way().empty());
}

TEST(Race, AnotherCallerThanTheOneThatAskedMayStopWaiting) {
  StoreWorld world(1);
  ThreadPool io(4);
  const StoreSet set(world.rows(), world.context(io));
  set.wait_until_decided({});
  world.faults(0).stall(Call::get);
  MarkerRace race(world.clock, CallKind::read, {});
  race.ask(*set.find("s0"), k_long, "s0", read_marker);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(race.next(SteadyTime::max(), {stop.get_token(), std::nullopt}), Error);
  world.faults(0).go_on();
  EXPECT_TRUE(race.next()->value);  // the call goes on
}

TEST(Traffic, IsAtMostAQuarterOfTheThreads) {
  EXPECT_EQ(queue_width(8, 16), 4U);
  EXPECT_EQ(queue_width(2, 16), 2U);
  EXPECT_EQ(queue_width(8, 1), 1U);
  EXPECT_EQ(queue_width(0, 16), 1U);
}

}  // namespace
}  // namespace modelfloat::transfer
