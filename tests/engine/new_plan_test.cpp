// A store that takes nothing any more, and no other that may stand in for it: the plan is made anew
// with those that are left.
#include <map>
#include <set>

#include "engine/test_pool.h"
#include <gtest/gtest.h>

#include "modelfloat/mf1/shard.h"

namespace modelfloat {
namespace {

using test::Call;
using test::Files;
using test::Machine;
using test::Threads;
using test::thrown_by;
using test::World;

constexpr PolicySet k_survive_one{0, 0, 1};
constexpr unsigned k_always = 1'000'000;
constexpr std::uint64_t k_shard_bytes = std::uint64_t{4} << 20;  // of a full pack of a small model

class NewPlan : public testing::TestWithParam<Threads> {
 protected:
  NewPlan() { machine_.create(k_survive_one); }

  void refuse_puts(std::size_t store) { world_.faults(store).fail_next(Call::put, ErrorKind::denied, k_always); }

  // Whichever of the others is lost, everything is there.
  void expect_kept_without(std::size_t broken, const std::string& name, const Files& files) {
    for (std::size_t lost = 0; lost < world_.size(); ++lost) {
      world_.faults(lost).set_offline(true);
      if (lost != broken) world_.faults(broken).set_offline(true);
      machine_.reopen();
      EXPECT_EQ(machine_.pull(name), files) << "without s" << lost;
      world_.faults(lost).set_offline(false);
      world_.faults(broken).set_offline(false);
    }
    machine_.reopen();
  }

  // No salt seals two packs: each has one shape, and one object for each shard.
  void expect_salts_are_used_once() {
    std::map<PackId, std::set<std::string>> shapes;
    std::map<std::pair<PackId, std::size_t>, std::set<std::string>> objects;
    for (std::size_t i = 0; i < world_.size(); ++i) {
      for (const auto& [path, bytes] : world_.objects(i)) {
        if (!path.starts_with("mf1/shard/")) continue;
        const mf1::ShardHeader header = mf1::parse_shard_header(bytes);
        const std::size_t index = header.k == 1 ? 0 : header.index;
        shapes[header.pack].insert(std::to_string(header.k) + "+" + std::to_string(header.m));
        objects[{header.pack, index}].insert(path);
      }
    }
    for (const auto& [salt, of_it] : shapes) EXPECT_EQ(of_it.size(), 1U);
    for (const auto& [shard, of_it] : objects) EXPECT_EQ(of_it.size(), 1U);
  }

  World world_{4};
  Machine machine_{world_, GetParam()};
};

TEST_P(NewPlan, AStoreThatTurnedReadOnlyDoesNotEndThePush) {
  const Files files{{"m.bin", test::random_bytes(20'000'000, 1)}};
  refuse_puts(2);
  machine_.push("ns/model", files);
  expect_kept_without(2, "ns/model", files);
  expect_salts_are_used_once();
}

// In the first pack, between two, in the last.
TEST_P(NewPlan, AStoreThatFillsUpInTheMiddleDoesNotEndThePush) {
  const Files files{{"m.bin", test::random_bytes(30'000'000, 2)}};
  for (const std::uint64_t shards : {0, 1, 2}) {
    World world(4);
    Machine machine(world, GetParam(), 10 + shards);
    machine.create(k_survive_one);
    world.faults(1).limit_space(shards * (k_shard_bytes + 1000) + 5000);
    const auto pushed = machine.push("ns/model", files);
    EXPECT_EQ(machine.pull("ns/model"), files) << shards;
    EXPECT_GT(pushed.packs, 2U);
    world.faults(3).set_offline(true);
    machine.reopen();
    EXPECT_EQ(machine.pull("ns/model"), files) << shards;
  }
}

TEST_P(NewPlan, AStoreThatGoesAwayInTheMiddleDoesNotEndThePush) {
  const Bytes first = test::random_bytes(15'000'000, 3);
  const Bytes second = test::random_bytes(15'000'000, 4);
  engine::PushOptions options;
  options.model = "ns/model";
  {
    engine::PushSession session(machine_.pool(), options, {});
    MemorySource source(first);
    session.add_file("a.bin", source);
    world_.faults(0).set_offline(true);
    MemorySource other(second);
    session.add_file("b.bin", other);
    session.commit();
  }
  world_.faults(0).set_offline(false);
  machine_.reopen();
  EXPECT_EQ(machine_.pull("ns/model"), (Files{{"a.bin", first}, {"b.bin", second}}));
  expect_salts_are_used_once();
}

TEST_P(NewPlan, TwoStoresFailOneAfterTheOther) {
  const Files files{{"m.bin", test::random_bytes(30'000'000, 5)}};
  world_.faults(1).limit_space(k_shard_bytes + 5000);
  refuse_puts(2);
  machine_.push("ns/model", files);
  EXPECT_EQ(machine_.pull("ns/model"), files);
  for (const std::size_t lost : {0U, 3U}) {
    world_.faults(lost).set_offline(true);
    machine_.reopen();
    EXPECT_EQ(machine_.pull("ns/model"), files) << "without s" << lost;
    world_.faults(lost).set_offline(false);
  }
}

// One put, by which it is seen that it still refuses: no pack is sealed for it.
TEST_P(NewPlan, AStoreThatRefusedAMomentAgoCostsTheNextPushNothing) {
  refuse_puts(2);
  machine_.push("ns/first", {{"m.bin", test::random_bytes(20'000'000, 6)}});
  for (const bool anew : {false, true}) {
    if (anew) machine_.reopen();
    const std::uint64_t stored = world_.stored_bytes();
    const auto pushed = machine_.push("ns/next", {{"m.bin", test::random_bytes(9'000'000, anew ? 8 : 7)}});
    EXPECT_EQ(pushed.packs, 2U);
    EXPECT_LT(world_.stored_bytes() - stored, 9'000'000U * 3 / 2 + 4 * 200'000U) << "something was put in vain";
  }
}

TEST_P(NewPlan, AStoreThatTakesDataAgainIsUsedAgain) {
  world_.faults(2).fail_next(Call::put, ErrorKind::denied, 2);
  machine_.push("ns/first", {{"m.bin", test::random_bytes(9'000'000, 9)}});
  machine_.push("ns/next", {{"m.bin", test::random_bytes(9'000'000, 10)}});
  std::size_t shards = 0;
  for (const auto& [path, bytes] : world_.objects(2)) shards += path.starts_with("mf1/shard/") ? 1 : 0;
  EXPECT_EQ(shards, 1U);
}

// --- when nothing else will do: what is missing, and what would help
// -----------------------------------------------------------

std::optional<Error> refused(Machine& machine, std::optional<Redundancy> redundancy = std::nullopt) {
  return thrown_by([&] { machine.push("ns/model", {{"m.bin", test::random_bytes(9'000'000, 20)}}, redundancy); });
}

TEST_P(NewPlan, WhatTheUserAskedForIsNotReplaced) {
  refuse_puts(2);
  const auto error = refused(machine_, Redundancy{3, 1});
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::denied) << error->what();
  EXPECT_NE(std::string(error->what()).find("3+1 that survives 1 needs 4 failure domains"), std::string::npos)
      << error->what();
  EXPECT_NE(std::string(error->what()).find("s2 ("), std::string::npos) << error->what();
}

TEST_P(NewPlan, StoresThatAreFullAreNamed) {
  for (const std::size_t i : {0U, 1U, 2U}) world_.faults(i).limit_space(5000);
  const auto error = refused(machine_);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::out_of_space) << error->what();
  for (const char* name : {"s0 (", "s1 (", "s2 ("})
    EXPECT_NE(std::string(error->what()).find(name), std::string::npos) << error->what();
}

TEST_P(NewPlan, WhereAStoreThatIsAwayWouldHelpTheErrorIsThatItIsAway) {
  for (const std::size_t i : {0U, 1U}) refuse_puts(i);
  world_.faults(2).set_offline(true);
  const auto error = refused(machine_);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::offline) << error->what();
  refuse_puts(2);
  world_.faults(2).set_offline(false);
  machine_.reopen();
  const auto later = refused(machine_);
  ASSERT_TRUE(later);
  EXPECT_EQ(later->kind, ErrorKind::denied) << later->what();
}

INSTANTIATE_TEST_SUITE_P(Threads, NewPlan, testing::Values(Threads::one, Threads::many),
                         [](const auto& param) { return param.param == Threads::one ? "OneThread" : "ManyThreads"; });

}  // namespace
}  // namespace modelfloat
