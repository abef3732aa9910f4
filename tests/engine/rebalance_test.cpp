// Shards are spread onto stores that were added, and what would be lost without stores is told.
#include "modelfloat/engine/upkeep/rebalance.h"

#include <algorithm>

#include "engine/test_pool.h"
#include "support/record_hook.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/engine/upkeep/drain.h"
#include "modelfloat/engine/upkeep/drill.h"
#include "modelfloat/engine/upkeep/plan.h"
#include "modelfloat/engine/upkeep/remove_stores.h"
#include "modelfloat/engine/upkeep/repair.h"
#include "modelfloat/engine/upkeep/verify.h"
#include "modelfloat/mf1/format.h"

namespace modelfloat {
namespace {

using test::Files;
using test::k_survive_two;
using test::Machine;
using test::Threads;
using test::thrown_by;
using test::World;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

// Seven stores, of which the last joins after the push.
class PoolThatGrows : public testing::Test {
 protected:
  PoolThatGrows() {
    machine_.create(k_survive_two);
    engine::remove_stores(machine_.pool(), {"s6"}, {}, {});
    for (std::uint64_t i = 0; i < 6; ++i) machine_.push(name(i), {{"m.bin", test::random_bytes(3'000'000, 50 + i)}});
  }
  static std::string name(std::uint64_t i) { return "ns/model" + std::to_string(i); }
  void add_the_seventh() {
    const auto store = world_.open(World::url(6));
    engine::add_store(machine_.pool(), "s6", World::url(6), "d6", 0, *store, {});
    machine_.reopen();
  }
  std::ptrdiff_t shards(std::size_t store) {
    const auto objects = world_.objects(store);
    return std::count_if(objects.begin(), objects.end(),
                         [](const auto& object) { return object.first.starts_with("mf1/shard/"); });
  }
  void expect_all_come_back() {
    for (std::uint64_t i = 0; i < 6; ++i)
      EXPECT_EQ(machine_.pull(name(i)), (Files{{"m.bin", test::random_bytes(3'000'000, 50 + i)}}));
  }

  World world_{7};
  Machine machine_{world_, Threads::one};
};

TEST_F(PoolThatGrows, IsSpreadOntoTheNewStore) {
  add_the_seventh();
  ASSERT_EQ(shards(6), 0);
  engine::RebalanceOptions options;
  options.dry_run = true;
  const auto would = engine::rebalance(machine_.pool(), options, {});
  EXPECT_EQ(shards(6), 0);
  const auto done = engine::rebalance(machine_.pool(), {}, {});
  EXPECT_EQ(done.shards_moved, would.shards_moved);
  EXPECT_EQ(done.bytes_moved, would.bytes_moved);
  EXPECT_EQ(done.shards_left, 0U);
  EXPECT_THAT(done.doubts, IsEmpty());
  EXPECT_EQ(shards(6), static_cast<std::ptrdiff_t>(done.shards_moved));
  EXPECT_GE(shards(6), 4) << "its share of 36";
  EXPECT_EQ(engine::rebalance(machine_.pool(), {}, {}).shards_moved, 0U) << "a second time";
  EXPECT_TRUE(engine::verify(machine_.pool(), {.read = true}, {}).sound());
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(shards(i), 6) << "nothing is removed";
}

// What all stores should have counts, too: only s0 and s1 have the log, or one model's documents.
TEST_F(PoolThatGrows, APlanLooksAtTheLogAndAtDocuments) {
  const auto keep_on_two = [&](std::string_view prefix) {
    for (std::size_t i = 2; i < world_.size(); ++i) {
      for (const auto& [path, bytes] : world_.objects(i)) {
        if (path.starts_with(prefix)) world_.inner(i).remove(ObjectName::parse(path).value(), {});
      }
    }
  };
  for (const std::string_view prefix : {"mf1/log/", "mf1/slot/", "mf1/content/"}) {
    keep_on_two(prefix);
    const auto verified = engine::verify(machine_.pool(), {}, {});
    for (const auto& model : verified.models) EXPECT_EQ(model.domains_may_go, 1U) << prefix;
    EXPECT_EQ(engine::plan_without(machine_.pool(), {"s0"}, {}).at_risk.size(), 6U) << prefix;
    EXPECT_EQ(engine::plan_without(machine_.pool(), {"s0", "s1"}, {}).lost.size(), 6U) << prefix;
    engine::DrillOptions without;
    without.without = {"s0"};
    EXPECT_EQ(engine::drill(machine_.pool(), without, {}).lost, 0U) << prefix;
    without.without = {"s0", "s1"};
    const auto drill = engine::drill(machine_.pool(), without, {});
    EXPECT_EQ(drill.lost, 6U) << prefix;
    without.without = {"s0", "s1", "s2", "s3", "s4", "s5"};
    EXPECT_EQ(test::kind_thrown([&] { engine::drill(machine_.pool(), without, {}); }), ErrorKind::offline);
    EXPECT_EQ(engine::last_drill(machine_.pool())->without.size(), 2U) << "that was none";
    engine::repair(machine_.pool(), {}, {});
    EXPECT_TRUE(engine::verify(machine_.pool(), {}, {}).sound()) << prefix;
  }
}

// A document that is damaged or cut off counts as gone: for verify and plan, and s0, which has the only
// good copies, is not taken out before the others have them, too.
TEST_F(PoolThatGrows, DamagedDocumentsDoNotCount) {
  for (const std::string_view kind : {"mf1/content/", "mf1/structure/", "mf1/log/", "mf1/slot/"}) {
    for (const bool is_cut : {false, true}) {
      for (std::size_t i = 1; i < world_.size(); ++i) {
        for (const auto& [path, bytes] : world_.objects(i)) {
          if (!path.starts_with(kind)) continue;
          Bytes wrong = is_cut ? Bytes() : bytes;
          if (!is_cut) wrong[wrong.size() / 2] ^= std::byte{1};
          const ObjectName name = ObjectName::parse(path).value();
          world_.inner(i).remove(name, {});
          world_.inner(i).put(name, wrong, {});
        }
      }
      engine::verify(machine_.pool(), {.read = !is_cut}, {});  // finds them, and they are remembered
      const auto report = engine::verify(machine_.pool(), {}, {});
      EXPECT_FALSE(report.sound());
      for (const auto& model : report.models) {
        EXPECT_EQ(model.domains_may_go, 0U) << kind;
        EXPECT_EQ(model.health, engine::Health::degraded) << kind;
      }
      EXPECT_EQ(engine::plan_without(machine_.pool(), {}, {}).at_risk.size(), 6U) << kind;
      EXPECT_EQ(engine::plan_without(machine_.pool(), {"s0"}, {}).lost.size(), 6U) << kind;
      engine::repair(machine_.pool(), {}, {});
      EXPECT_TRUE(engine::verify(machine_.pool(), {.read = true}, {}).sound()) << kind << is_cut;
    }
  }
}

// A document that is queued for stores is not there yet.
TEST_F(PoolThatGrows, QueuedDocumentsDoNotCount) {
  for (const std::size_t i : {0U, 1U, 2U}) world_.faults(i).fail_next(test::Call::put, ErrorKind::transient, 1000);
  machine_.push("ns/copies", {{"m.bin", test::random_bytes(900, 3)}});
  EXPECT_EQ(machine_.health("ns/copies").domains_may_go, 2U) << "three of six have it";
  EXPECT_EQ(machine_.health(name(0)).domains_may_go, 2U);
  for (const std::size_t i : {0U, 1U, 2U}) world_.faults(i).fail_next(test::Call::put, ErrorKind::transient, 0);
}

TEST_F(PoolThatGrows, KeepsToTheBudget) {
  add_the_seventh();
  engine::RebalanceOptions options;
  options.dry_run = true;
  const auto all = engine::rebalance(machine_.pool(), options, {});
  options.dry_run = false;
  options.budget_bytes = all.bytes_moved;  // half of what is read and written
  const auto half = engine::rebalance(machine_.pool(), options, {});
  EXPECT_LE(2 * half.bytes_moved, options.budget_bytes);
  EXPECT_GT(half.shards_moved, 0U);
  EXPECT_EQ(half.shards_moved + half.shards_left, all.shards_moved);
  EXPECT_EQ(engine::rebalance(machine_.pool(), {}, {}).shards_left, 0U);
}

TEST_F(PoolThatGrows, CanBeCutOffAtEachCall) {
  add_the_seventh();
  world_.counter().start_over();
  engine::RebalanceOptions dry;
  dry.dry_run = true;
  engine::rebalance(machine_.pool(), dry, {});
  const std::uint64_t looking = world_.counter().calls();
  for (std::uint64_t nth = 1;; nth += 5) {
    world_.counter().start_over();
    world_.counter().cut_at(looking + nth);
    const auto cut = thrown_by([&] { engine::rebalance(machine_.reopen(), {}, {}); });
    const bool ended = world_.counter().calls() < looking + nth;
    world_.counter().start_over();
    machine_.reopen();
    EXPECT_TRUE(engine::verify(machine_.pool(), {.read = true}, {}).readable());
    if (ended) break;
  }
  engine::rebalance(machine_.pool(), {}, {});
  EXPECT_TRUE(engine::verify(machine_.pool(), {.read = true}, {}).sound());
  expect_all_come_back();
}

TEST_F(PoolThatGrows, LeavesPacksAloneThatNeedRepair) {
  add_the_seventh();
  world_.faults(0).set_offline(true);
  machine_.reopen();
  const auto done = engine::rebalance(machine_.pool(), {}, {});
  EXPECT_EQ(done.shards_moved, 0U);
  EXPECT_THAT(done.doubts, Not(IsEmpty()));
  world_.faults(0).set_offline(false);
}

TEST_F(PoolThatGrows, AStoreThatFailsGetsNothing) {
  add_the_seventh();
  world_.faults(6).fail_next(test::Call::put, ErrorKind::out_of_space, 1000);
  const auto done = engine::rebalance(machine_.pool(), {}, {});
  EXPECT_EQ(done.shards_moved, 0U);
  EXPECT_GT(done.shards_left, 0U);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(shards(i), 6) << "and no other instead";
}

// --- what would be lost

TEST_F(PoolThatGrows, APlanTellsWhatWouldBeLost) {
  const auto none = engine::plan_without(machine_.pool(), {}, {});
  EXPECT_THAT(none.lost, IsEmpty());
  EXPECT_THAT(none.at_risk, IsEmpty());
  EXPECT_EQ(none.bytes_to_copy, 0U);
  const auto one = engine::plan_without(machine_.pool(), {"s0"}, {});
  EXPECT_THAT(one.lost, IsEmpty());
  ASSERT_EQ(one.at_risk.size(), 6U);
  EXPECT_EQ(one.at_risk[0].name, name(0));
  EXPECT_EQ(one.at_risk[0].domains_may_go, 1U);
  EXPECT_GT(one.bytes_to_copy, 6 * 700'000U) << "a shard of each";
  EXPECT_THAT(engine::plan_without(machine_.pool(), {"s0", "s1"}, {}).lost, IsEmpty());
  EXPECT_EQ(engine::plan_without(machine_.pool(), {"s0", "s1", "s2"}, {}).lost.size(), 6U);
  EXPECT_EQ(thrown_by([&] { engine::plan_without(machine_.pool(), {"s9"}, {}); })->kind, ErrorKind::not_found);
}

TEST_F(PoolThatGrows, ADrillReadsWithoutTheStores) {
  const auto before = world_.faults(0).calls(test::Call::get);
  engine::DrillOptions options;
  options.without = {"s0", "s1"};
  const auto done = engine::drill(machine_.pool(), options, {});
  EXPECT_EQ(done.checked, 6U);
  EXPECT_EQ(done.lost, 0U);
  EXPECT_GT(done.bytes_read, 6 * 3'000'000U);
  EXPECT_EQ(world_.faults(0).calls(test::Call::get), before) << "it is not asked";
  EXPECT_TRUE(machine_.pool().stores().find("s0")->is_online()) << "for others it is as it was";
  const auto last = engine::last_drill(machine_.pool());
  ASSERT_TRUE(last);
  EXPECT_EQ(last->at, done.at);
  EXPECT_THAT(last->without, ElementsAre("s0", "s1"));

  options.without = {"s0", "s1", "s2"};
  const auto lost = engine::drill(machine_.pool(), options, {});
  EXPECT_EQ(lost.lost, 6U);
  EXPECT_EQ(lost.lost_models.size(), 6U);
  EXPECT_EQ(engine::last_drill(machine_.pool())->lost, 6U);
}

TEST_F(PoolThatGrows, ADrillFindsWhatListsDoNotTell) {
  for (const std::size_t store : {2U, 3U}) {
    for (const auto& [path, bytes] : world_.objects(store)) {
      if (!path.starts_with("mf1/shard/")) continue;
      Bytes wrong = bytes;
      std::fill(wrong.begin() + mf1::k_header_bytes, wrong.end(), std::byte{7});
      const ObjectName object = ObjectName::parse(path).value();
      world_.inner(store).remove(object, {});
      world_.inner(store).put(object, wrong, {});
    }
  }
  EXPECT_THAT(engine::plan_without(machine_.pool(), {"s0"}, {}).lost, IsEmpty());
  engine::DrillOptions options;
  options.without = {"s0"};
  EXPECT_EQ(engine::drill(machine_.pool(), options, {}).lost, 6U);
}

// --- taking stores out

TEST_F(PoolThatGrows, AStoreIsNotTakenOutBelowThePromise) {
  const auto refused = thrown_by([&] { engine::remove_stores(machine_.pool(), {"s0"}, {}, {}); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, ErrorKind::invalid);
  EXPECT_THAT(refused->what(), testing::HasSubstr("store drain"));
  add_the_seventh();
  engine::drain_store(machine_.pool(), "s0", {}, {});
  EXPECT_THAT(engine::remove_stores(machine_.pool(), {"s0"}, {}, {}).models_at_risk, IsEmpty());
  EXPECT_THAT(engine::remove_stores(machine_.pool(), {"s1"}, {.force = true}, {}).models_at_risk, Not(IsEmpty()));
  engine::remove_stores(machine_.pool(), {"s2"}, {.force = true}, {});
  EXPECT_EQ(thrown_by([&] { engine::remove_stores(machine_.pool(), {"s3"}, {.force = true}, {}); })->kind,
            ErrorKind::invalid)
      << "it could not be read any more";
  expect_all_come_back();
}

// All that it has is elsewhere then, and two shards of each pack lie together.
TEST_F(PoolThatGrows, ADrainThatBreaksThePromiseSaysSo) {
  const auto drained = engine::drain_store(machine_.pool(), "s0", {}, {});
  EXPECT_EQ(drained.left, 0U);
  EXPECT_EQ(drained.packs_below_promise, 6U);
  EXPECT_EQ(engine::drain_store(machine_.pool(), "s0", {}, {}).packs_below_promise, 6U) << "a second time";
  const auto refused = thrown_by([&] { engine::remove_stores(machine_.pool(), {"s0"}, {}, {}); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, ErrorKind::invalid);
  engine::remove_stores(machine_.pool(), {"s0"}, {.force = true}, {});
  expect_all_come_back();
}

TEST_F(PoolThatGrows, TwoDrainsDoNotCountOnEachOther) {
  add_the_seventh();
  engine::drain_store(machine_.pool(), "s0", {}, {});
  EXPECT_GT(engine::drain_store(machine_.pool(), "s6", {}, {}).packs_below_promise, 0U) << "five stores are left";
}

TEST_F(PoolThatGrows, WhatCannotBeBetterIsNotReadForIt) {
  world_.faults(0).set_offline(true);
  machine_.reopen();
  const auto first = engine::repair(machine_.pool(), {}, {});
  EXPECT_EQ(first.packs_below_promise, 6U);
  const auto again = engine::repair(machine_.pool(), {}, {});
  EXPECT_EQ(again.bytes_read, 0U);
  EXPECT_EQ(again.shards_left, 0U) << "there is nothing to write";
  EXPECT_EQ(again.packs_below_promise, 6U);
  world_.faults(0).set_offline(false);
}

// Each looked at the lists before the other was taken out.
TEST(TakingOut, TwoAtOnceDoNotCountOnEachOther) {
  World world(4);
  Machine one(world, Threads::one);
  one.create(test::k_copies);
  one.push("ns/model", {{"m.bin", test::random_bytes(3'000'000, 5)}});
  std::vector<std::string> holders;
  for (std::size_t i = 0; i < 4; ++i) {
    for (const auto& [path, bytes] : world.objects(i)) {
      if (path.starts_with("mf1/shard/")) holders.push_back("s" + std::to_string(i));
    }
  }
  ASSERT_EQ(holders.size(), 2U);
  Machine other(world, Threads::one, 2);
  other.recover(one.recovery_secret(), {0, 1, 2, 3});
  bool is_first = true;
  std::optional<Error> other_refused;
  // The other machine takes its store out when this one is about to write its record.
  world.wrap = [&](std::unique_ptr<store::Store> inner, std::size_t) {
    return std::make_unique<test::RecordHook>(std::move(inner), [&] {
      if (!std::exchange(is_first, false)) return;
      other_refused = thrown_by([&] { engine::remove_stores(other.pool(), {holders[1]}, {.force = true}, {}); });
    });
  };
  one.reopen();
  const auto refused = thrown_by([&] { engine::remove_stores(one.pool(), {holders[0]}, {.force = true}, {}); });
  EXPECT_FALSE(is_first);
  EXPECT_TRUE(refused || other_refused);
  world.wrap = {};
  one.reopen();
  EXPECT_EQ(one.pull("ns/model"), (Files{{"m.bin", test::random_bytes(3'000'000, 5)}}));
}

TEST(RebalancingCopies, Ends) {
  World world(3);
  Machine machine(world, Threads::one);
  machine.create(test::k_copies);
  engine::remove_stores(machine.pool(), {"s2"}, {}, {});
  for (std::uint64_t i = 0; i < 4; ++i)
    machine.push("ns/model" + std::to_string(i), {{"m.bin", test::random_bytes(1'000'000, 60 + i)}});
  const auto store = world.open(World::url(2));
  engine::add_store(machine.pool(), "s2", World::url(2), "d2", 0, *store, {});
  machine.reopen();
  EXPECT_GT(engine::rebalance(machine.pool(), {}, {}).shards_moved, 0U);
  EXPECT_EQ(engine::rebalance(machine.pool(), {}, {}).shards_moved, 0U);
}

}  // namespace
}  // namespace modelfloat
