#include "engine/test_pool.h"
#include "support/thrown.h"
#include <gtest/gtest.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/engine/catalogue/model_list.h"
#include "modelfloat/engine/catalogue/open_manifest.h"

namespace modelfloat {
namespace {

using test::Files;
using test::k_copies;
using test::Machine;
using test::Threads;
using test::World;

Files small(std::uint64_t seed) { return {{"m.bin", test::random_bytes(1000, seed)}}; }

TEST(Log, AStoreThatWasAwayGetsItsRecordsLater) {
  World world(3);
  Machine machine(world, Threads::one);
  machine.create(k_copies);
  world.faults(2).set_offline(true);
  machine.reopen();
  machine.push("ns/model", small(1));
  const auto behind = world.objects(2).size();
  world.faults(2).set_offline(false);
  machine.reopen();
  machine.push("ns/other", small(2));
  EXPECT_GT(world.objects(2).size(), behind + 4);
  for (const auto& [path, bytes] : world.objects(0))
    EXPECT_TRUE(world.objects(2).contains(path) || path.starts_with("mf1/marker")) << path;
}

TEST(Log, AStoreThatKeepsNothingIsNotAdded) {
  World world(3);
  Machine machine(world, Threads::one);
  world.faults(2).lose_puts(1000);
  EXPECT_EQ(test::kind_thrown([&] { machine.create(k_copies); }), ErrorKind::corrupt);
  EXPECT_EQ(machine.reopen().registry().stores().size(), 2U);
}

// Says that it stored them, and has none.
TEST(Log, AStoreThatLosesItsRecordsGetsThemLater) {
  World world(3);
  Machine machine(world, Threads::one);
  machine.create(k_copies);
  const auto before = world.objects(2);
  world.faults(2).lose_puts(1000);
  machine.push("ns/model", small(1));
  EXPECT_EQ(world.objects(2), before);
  world.faults(2).lose_puts(0);
  machine.reopen();
  machine.push("ns/other", small(2));
  for (const auto& [path, bytes] : world.objects(0))
    EXPECT_TRUE(world.objects(2).contains(path) || path.starts_with("mf1/marker")) << path;
}

TEST(Log, ARecordThatTooFewStoresKeepIsAnError) {
  World world(2);
  Machine machine(world, Threads::one);
  machine.create(k_copies);
  world.faults(1).lose_puts(1000);
  EXPECT_EQ(test::kind_thrown([&] { machine.push("ns/model", small(1)); }), ErrorKind::offline);
  world.faults(1).lose_puts(0);
  machine.push("ns/model", small(1));
  Machine other(world, Threads::one, 50);
  other.recover(machine.recovery_secret(), {1});
  EXPECT_EQ(other.pull("ns/model"), small(1));
}

TEST(Log, TooFewStoresForARecordIsAnErrorAndNothingIsVisibleElsewhere) {
  World world(2);
  Machine machine(world, Threads::one);
  machine.create(k_copies);
  Machine other(world, Threads::one, 50);
  other.recover(machine.recovery_secret(), {0, 1});
  world.faults(1).set_offline(true);
  machine.reopen();
  EXPECT_THROW(machine.push("ns/model", small(1)), Error);
  world.faults(1).set_offline(false);
  EXPECT_THROW(other.pull("ns/model"), Error);
}

TEST(Log, TheLaterOfTwoMachinesWinsATag) {
  World world(3);
  Machine one(world, Threads::one, 1);
  one.create(k_copies);
  Machine two(world, Threads::one, 2);
  two.recover(one.recovery_secret(), {0, 1, 2});
  one.push("ns/model", small(1));
  two.push("ns/model", small(2));  // has read the first
  EXPECT_EQ(one.pull("ns/model"), small(2));
  EXPECT_EQ(two.pull("ns/model"), small(2));
  one.push("ns/model", small(3));
  EXPECT_EQ(two.pull("ns/model"), small(3));
}

TEST(Log, TwoPushesOfOneTagGiveTheSameAnswerEverywhereAndKeepBoth) {
  World world(3);
  Machine one(world, Threads::one, 1);
  one.create(k_copies);
  Machine two(world, Threads::one, 2);
  two.recover(one.recovery_secret(), {0, 1, 2});
  one.push("ns/model", small(1));
  two.push("ns/model", small(2));
  engine::catch_up(one.pool(), test::k_all_news, {});
  engine::catch_up(two.pool(), test::k_all_news, {});
  EXPECT_EQ(one.pool().log().state().tags, two.pool().log().state().tags);
  EXPECT_EQ(engine::list_revisions(one.pool(), "ns/model").size(), 2U);
}

TEST(Log, ANameAloneMeansLatestAndWithoutItTheNewestTag) {
  World world(3);
  Machine machine(world, Threads::one);
  machine.create(k_copies);
  const auto push = [&](const std::string& name, std::uint64_t seed) {
    machine.push(name, small(seed));
    machine.environment().clock.sleep_for(std::chrono::seconds(2), {});
  };
  const auto shown = [&] { return engine::find_model(machine.pool(), "ns/model")->revision; };
  const auto revision_of = [&](const std::string& name) {
    return to_hex(engine::open_manifest(machine.pool(), ModelRef::parse(name), true, {}).root.revision);
  };
  push("ns/model:q8", 1);
  push("ns/model:q4", 2);
  EXPECT_EQ(machine.pull("ns/model"), small(2));
  EXPECT_EQ(shown(), revision_of("ns/model:q4"));
  EXPECT_EQ(engine::open_manifest(machine.pool(), ModelRef::parse("ns/model"), true, {}).name, "ns/model:q4");
  EXPECT_THROW(machine.pull("ns/model:latest"), Error);

  Machine other(world, Threads::one, 7);  // which enters the manifests in another order
  other.recover(machine.recovery_secret(), {0, 1, 2});
  EXPECT_EQ(other.pull("ns/model"), small(2));

  push("ns/model", 3);
  push("ns/model:q5", 4);
  EXPECT_EQ(machine.pull("ns/model"), small(3));
  EXPECT_EQ(shown(), revision_of("ns/model:latest"));
}

TEST(Log, RemovingWhatOneSawLeavesWhatAnotherPushedMeanwhile) {
  World world(3);
  Machine one(world, Threads::one, 1);
  one.create(k_copies);
  one.push("ns/model", small(1));
  Machine two(world, Threads::one, 2);
  two.recover(one.recovery_secret(), {0, 1, 2});
  two.push("ns/model:second", small(2));
  one.pool().log().append({Removed{"ns/model", {one.pool().log().state().tags.at("ns/model").at("latest")}}}, {});
  EXPECT_THROW(one.pull("ns/model:latest"), Error);
  EXPECT_EQ(one.pull("ns/model"), small(2));  // the only tag that is left
  EXPECT_EQ(one.pull("ns/model:second"), small(2));
  EXPECT_EQ(two.pull("ns/model:second"), small(2));
}

TEST(Log, ACheckpointStandsForTheRecordsBeforeIt) {
  World world(3);
  Machine machine(world, Threads::one);
  machine.create(k_copies);
  for (std::uint64_t i = 0; i < 40; ++i) machine.push("ns/model" + std::to_string(i % 7), small(i));
  std::size_t checkpoints = 0;
  std::vector<std::string> old_records;
  for (const auto& [path, bytes] : world.objects(0)) {
    const auto name = ObjectName::parse(path);
    if (name->type() == ObjectType::checkpoint) ++checkpoints;
    if (name->type() == ObjectType::log && *name->seq() <= 64) old_records.push_back(path);
  }
  ASSERT_GE(checkpoints, 1U);
  // Even without those records everything is there.
  for (std::size_t i = 0; i < 3; ++i) {
    for (const auto& path : old_records) world.inner(i).remove(*ObjectName::parse(path), {});
  }
  Machine other(world, Threads::one, 9);
  EXPECT_EQ(other.recover(machine.recovery_secret(), {0, 1, 2}).models, 7U);
  EXPECT_EQ(other.pull("ns/model4"), small(39));
}

TEST(Log, AStoreThatWentBackInTimeIsNamedAndNotBelieved) {
  World world(3);
  Machine machine(world, Threads::one);
  machine.create(k_copies);
  const auto before = world.objects(1);
  machine.push("ns/model", small(1));
  engine::catch_up(machine.pool(), test::k_all_news, {});
  for (const auto& [path, bytes] : world.objects(1)) {
    if (!before.contains(path)) world.inner(1).remove(*ObjectName::parse(path), {});
  }
  const auto sync = machine.pool().log().sync({});
  EXPECT_EQ(sync.rolled_back, std::vector<std::string>{"s1"});
  EXPECT_EQ(machine.pull("ns/model"), small(1));
}

TEST(Log, ADamagedRecordOnOneStoreIsReadFromAnother) {
  World world(3);
  Machine machine(world, Threads::one);
  machine.create(k_copies);
  machine.push("ns/model", small(1));
  for (const auto& [path, bytes] : world.objects(0)) {
    const auto name = ObjectName::parse(path);
    if (name->type() == ObjectType::log || name->type() == ObjectType::content)
      world.faults(0).flip_bit(*name, std::uint64_t{8} * 150);
  }
  Machine other(world, Threads::one, 3);
  EXPECT_EQ(other.recover(machine.recovery_secret(), {0, 1, 2}).models, 1U);
  EXPECT_EQ(other.pull("ns/model"), small(1));
}

}  // namespace
}  // namespace modelfloat
