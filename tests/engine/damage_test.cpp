// What is found to be wrong on a store is remembered, until it is put right.

#include <algorithm>
#include <functional>
#include <mutex>
#include <vector>

#include "engine/test_pool.h"
#include <gtest/gtest.h>

#include "modelfloat/engine/catalogue/fragment_map.h"
#include "modelfloat/engine/catalogue/model_list.h"
#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/upkeep/remove_model.h"
#include "modelfloat/engine/upkeep/verify.h"

namespace modelfloat {
namespace {

using engine::Health;
using test::Files;
using test::Machine;
using test::Threads;
using test::World;

class DamageMemory : public testing::Test {
 protected:
  DamageMemory() {
    machine_.create({4, 2, 2});
    machine_.push("ns/model", files_);
    for (const auto& [path, bytes] : world_.objects(2)) {
      if (path.starts_with("mf1/shard/")) victim_ = path;
    }
    good_ = world_.objects(2).at(victim_);
  }

  void write(ByteSpan bytes) {
    const ObjectName name = ObjectName::parse(victim_).value();
    world_.inner(2).remove(name, {});
    world_.inner(2).put(name, bytes, {});
  }
  void flip_a_bit() {
    Bytes bad = good_;
    bad[bad.size() / 2] ^= std::byte{4};
    write(bad);
  }
  Health health() { return machine_.health().health; }
  engine::VerifyReport verify(bool read) { return engine::verify(machine_.pool(), {.read = read}, {}); }
  std::vector<transfer::Finding> corrupt_on_s2() const {
    return {{"s2", victim_, ObjectType::shard, transfer::Damage::corrupt}};
  }
  void each_shard(const std::function<void(const engine::ShardView&)>& visit) {
    const auto manifest = engine::open_manifest(machine_.pool(), ModelRef::parse("ns/model"), true, {});
    engine::map_fragments(
        machine_.pool(), manifest,
        [&](const engine::PackView& pack) { std::for_each(pack.shards.begin(), pack.shards.end(), visit); },
        [](const engine::FragmentView&) {}, {});
  }
  std::vector<std::string> states() {
    std::vector<std::string> found;
    each_shard([&](const engine::ShardView& shard) {
      if (shard.state != engine::CopyPresence::present) found.emplace_back(to_string(shard.state));
    });
    return found;
  }
  // "store state" of each copy of the shard on s2.
  std::vector<std::string> copies_of_victim() {
    std::vector<std::string> found;
    each_shard([&](const engine::ShardView& shard) {
      if (shard.object != victim_) return;
      for (const auto& copy : shard.stores) found.push_back(copy.store + " " + std::string(to_string(copy.state)));
    });
    return found;
  }

  const Files files_{{"m.bin", test::random_bytes(9'000'000, 41)}};
  World world_{6};
  Machine machine_{world_, Threads::one};
  std::string victim_;  // a shard on s2
  Bytes good_;
};

TEST_F(DamageMemory, WhatVerifyReadFindsCountsUntilItIsReadWhole) {
  flip_a_bit();
  EXPECT_EQ(health(), Health::sound);
  EXPECT_EQ(verify(true).damaged, corrupt_on_s2());
  machine_.reopen();
  EXPECT_EQ(health(), Health::degraded);
  EXPECT_EQ(states(), std::vector<std::string>{"corrupt"});
  const auto unread = verify(false);
  EXPECT_EQ(unread.damaged, corrupt_on_s2());
  EXPECT_EQ(unread.models.at(0).health, Health::degraded);

  write(good_);  // by somebody else; nobody has looked yet
  EXPECT_EQ(verify(false).damaged, corrupt_on_s2());
  EXPECT_TRUE(verify(true).sound());
  EXPECT_TRUE(verify(false).sound());
  EXPECT_EQ(health(), Health::sound);
  EXPECT_TRUE(states().empty());
}

TEST_F(DamageMemory, APushOfTheSameFilesMakesGoodWhatWasLost) {
  for (const std::size_t number : {0, 1, 2}) {
    for (const auto& [path, bytes] : world_.objects(number)) {
      if (path.starts_with("mf1/shard/")) world_.inner(number).remove(ObjectName::parse(path).value(), {});
    }
  }
  EXPECT_EQ(verify(false).models.at(0).health, Health::lost);
  const auto pushed = machine_.push("ns/model", files_);
  EXPECT_EQ(pushed.new_bytes, 9'000'000U);
  // The tag points to the new manifest of the revision, and nothing needs the old one any more.
  const auto report = verify(true);
  ASSERT_EQ(report.models.size(), 1U);
  EXPECT_EQ(report.models.at(0).health, Health::sound);
  EXPECT_TRUE(report.sound());
  EXPECT_EQ(machine_.pull("ns/model@" + pushed.revision), files_);
  EXPECT_EQ(engine::list_revisions(machine_.pool(), "ns/model").size(), 1U);
}

TEST_F(DamageMemory, APushDoesNotCountAPackWithACorruptShardAsStored) {
  flip_a_bit();
  EXPECT_EQ(machine_.push("ns/before", files_).new_bytes, 0U);  // nobody has noticed yet
  verify(true);
  const auto pushed = machine_.push("ns/after", files_);
  EXPECT_EQ(pushed.new_bytes, 9'000'000U);
  EXPECT_EQ(machine_.push("ns/once-more", files_).new_bytes, 0U);  // the new packs are whole
  // Without s2 and two more the old packs are lost, the new ones with s2 are not.
  EXPECT_EQ(machine_.health("ns/after").health, Health::sound);
  EXPECT_EQ(machine_.health("ns/before").health, Health::degraded);
}

TEST_F(DamageMemory, AReadThatConvictsALiarIsRememberedAndDoesNotAskItAgain) {
  for (std::size_t i = 0; i < 6; ++i) world_.faults(i).set_offline(i == 0 || i == 5);
  machine_.reopen();  // so that every shard on s2 is needed
  flip_a_bit();
  EXPECT_THROW(machine_.pull("ns/model"), Error);
  for (std::size_t i = 0; i < 6; ++i) world_.faults(i).set_offline(false);
  machine_.reopen();
  EXPECT_EQ(health(), Health::degraded);
  std::mutex mutex;
  std::vector<transfer::Finding> findings;
  const auto pulled = machine_.pull("ns/model", [&](const transfer::Finding& finding) {
    const std::lock_guard lock(mutex);
    findings.push_back(finding);
  });
  EXPECT_EQ(pulled, files_);
  EXPECT_TRUE(findings.empty());
}

TEST_F(DamageMemory, CopiesOfOneShardAreShownEachAsItIs) {
  flip_a_bit();
  for (const std::size_t other : {3U, 4U}) world_.inner(other).put(ObjectName::parse(victim_).value(), good_, {});
  EXPECT_EQ(verify(true).damaged, corrupt_on_s2());
  world_.faults(4).set_offline(true);
  EXPECT_EQ(copies_of_victim(), (std::vector<std::string>{"s3 present", "s4 offline", "s2 corrupt"}));
}

TEST_F(DamageMemory, AMissingShardIsRememberedUntilItIsListedAgain) {
  world_.inner(2).remove(ObjectName::parse(victim_).value(), {});
  EXPECT_EQ(verify(false).damaged.size(), 1U);
  EXPECT_EQ(health(), Health::degraded);
  EXPECT_EQ(states(), std::vector<std::string>{"missing"});
  const auto again = verify(true);
  ASSERT_EQ(again.damaged.size(), 1U);
  EXPECT_EQ(again.damaged[0].store, "s2");
  EXPECT_EQ(again.damaged[0].what, transfer::Damage::missing);
  write(good_);
  EXPECT_TRUE(verify(false).sound());
  EXPECT_EQ(health(), Health::sound);
}

TEST_F(DamageMemory, ACorruptShardStaysSoWhenItWasAwayForAWhile) {
  flip_a_bit();
  EXPECT_EQ(verify(true).damaged, corrupt_on_s2());
  const Bytes bad = world_.objects(2).at(victim_);
  world_.inner(2).remove(ObjectName::parse(victim_).value(), {});
  EXPECT_FALSE(verify(false).sound());
  write(bad);
  EXPECT_EQ(verify(false).damaged, corrupt_on_s2());
  EXPECT_EQ(health(), Health::degraded);
}

TEST_F(DamageMemory, AShardOfTheWrongLengthIsRememberedWithoutReading) {
  write(ByteSpan(good_).first(good_.size() - 64));
  EXPECT_EQ(verify(false).damaged, corrupt_on_s2());
  EXPECT_EQ(health(), Health::degraded);
  EXPECT_GT(machine_.push("ns/other", files_).new_bytes, 0U);
}

// One pack whose fragments are told of by two manifests, each of which knows a part.
TEST(ManifestIndex, FragmentsOfOnePackAreJoinedOverAllManifests) {
  const Bytes first = test::random_bytes(3'000'000, 1);
  const Bytes second = test::random_bytes(3'000'000, 2);
  World world(6);
  Machine one(world, Threads::one, 1);
  one.create({4, 2, 2});
  Machine two(world, Threads::one, 2);
  two.recover(one.recovery_secret(), {0, 1, 2, 3, 4, 5});
  ASSERT_EQ(one.push("ns/both", {{"a.bin", first}, {"b.bin", second}}).packs, 1U);
  one.push("ns/first", {{"a.bin", first}});
  one.push("ns/second", {{"b.bin", second}});
  engine::remove_model(one.pool(), ModelRef::parse("ns/both"), {});

  Machine three(world, Threads::one, 3);
  three.recover(one.recovery_secret(), {0, 1, 2, 3, 4, 5});
  // Two has followed what one did; three has brought everything back.
  EXPECT_EQ(two.push("ns/joined", {{"b.bin", second}, {"a.bin", first}, {"c.bin", Bytes(5)}}).new_bytes, 5U);
  EXPECT_EQ(three.push("ns/again", {{"b.bin", second}, {"a.bin", first}}).new_bytes, 0U);
}

}  // namespace
}  // namespace modelfloat
