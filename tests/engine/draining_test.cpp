// A store that is draining, by the log: it gets no shard, and all else is as before.
#include <algorithm>

#include "engine/test_pool.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/engine/catalogue/pool_status.h"
#include "modelfloat/engine/upkeep/drain.h"
#include "modelfloat/engine/upkeep/plan.h"
#include "modelfloat/engine/upkeep/remove_stores.h"
#include "modelfloat/engine/upkeep/repair.h"
#include "modelfloat/engine/upkeep/verify.h"

namespace modelfloat {
namespace {

using test::Files;
using test::k_survive_two;
using test::Machine;
using test::Threads;
using test::thrown_by;
using test::World;
using testing::HasSubstr;

class DrainingStores : public testing::Test {
 protected:
  DrainingStores() {
    machine_.create(k_survive_two);
    machine_.push("ns/before", before_);
  }
  void set_use(const std::string& name, StoreUse use) {
    engine::Pool& pool = machine_.pool();
    StoreAdded added = pool.log().state().stores.at(pool.stores().find(name)->id);
    added.use = use;
    pool.log().append({added}, {});
    engine::catch_up(pool, test::k_all_news, {});
  }
  // How many objects of this kind the store has.
  std::ptrdiff_t count(std::size_t store, const std::string& kind) {
    const auto objects = world_.objects(store);
    return std::count_if(objects.begin(), objects.end(),
                         [&](const auto& object) { return object.first.starts_with("mf1/" + kind + "/"); });
  }

  std::vector<std::string> paths_of_shards(std::size_t store) {
    std::vector<std::string> paths;
    for (const auto& [path, bytes] : world_.objects(store)) {
      if (path.starts_with("mf1/shard/")) paths.push_back(path);
    }
    return paths;
  }

  World world_{8};
  Machine machine_{world_, Threads::one};
  const Files before_{{"m.bin", test::random_bytes(9'000'000, 1)}};
  const Files after_{{"m.bin", test::random_bytes(9'000'000, 2)}};
};

TEST_F(DrainingStores, GetNoShardAndAllDocuments) {
  set_use("s0", StoreUse::draining);
  set_use("s1", StoreUse::other);
  std::ptrdiff_t shards[2];
  std::ptrdiff_t manifests[2];
  std::ptrdiff_t records[2];
  for (const std::size_t i : {0U, 1U}) {
    shards[i] = count(i, "shard");
    manifests[i] = count(i, "content");
    records[i] = count(i, "log");
  }
  machine_.push("ns/after", after_);
  for (const std::size_t i : {0U, 1U}) {
    EXPECT_EQ(count(i, "shard"), shards[i]);
    EXPECT_GT(count(i, "content"), manifests[i]);
    EXPECT_GT(count(i, "log"), records[i]);
  }
  EXPECT_EQ(machine_.pull("ns/after"), after_);
  EXPECT_EQ(machine_.health("ns/after").health, engine::Health::sound);
}

TEST_F(DrainingStores, AreReadAndCountAsHolders) {
  for (std::size_t i = 0; i < 4; ++i) set_use("s" + std::to_string(i), StoreUse::draining);
  EXPECT_EQ(machine_.health("ns/before").health, engine::Health::sound);
  EXPECT_TRUE(engine::verify(machine_.pool(), {.read = true}, {}).sound());
  for (const std::size_t away : {6U, 7U}) world_.faults(away).set_offline(true);  // then they are needed
  machine_.reopen();
  EXPECT_EQ(machine_.pull("ns/before"), before_);
  for (const std::size_t away : {6U, 7U}) world_.faults(away).set_offline(false);
}

TEST_F(DrainingStores, WhatIsThereIsNotStoredAgain) {
  set_use("s0", StoreUse::draining);
  EXPECT_EQ(machine_.push("ns/again", before_).new_bytes, 0U);
}

TEST_F(DrainingStores, AreNamedWhenTheOthersAreTooFew) {
  for (std::size_t i = 0; i < 4; ++i) set_use("s" + std::to_string(i), StoreUse::draining);
  world_.faults(3).set_offline(true);
  machine_.reopen();
  const auto refused = thrown_by([&] { machine_.push("ns/after", after_); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, ErrorKind::out_of_space);
  for (const char* expected : {"s0 (is draining", "s1 (is draining", "s2 (is draining", "s3 (is draining"})
    EXPECT_THAT(refused->what(), HasSubstr(expected));
  EXPECT_THAT(refused->what(), testing::Not(HasSubstr("s4 (")));
}

TEST_F(DrainingStores, DoNotCountAsBackSoonInAPause) {
  set_use("s0", StoreUse::draining);
  for (const std::size_t i : {1U, 2U}) set_use("s" + std::to_string(i), StoreUse::draining);
  world_.faults(0).fail_next(test::Call::put, ErrorKind::rate_limited, 100, Milliseconds{3'600'000});
  thrown_by([&] { machine_.push("ns/after", after_); });
  const auto refused = thrown_by([&] { machine_.push("ns/after", after_); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, ErrorKind::out_of_space) << refused->what();
}

TEST_F(DrainingStores, AreUsedAgainWhenTheLogSaysSo) {
  for (std::size_t i = 0; i < 4; ++i) set_use("s" + std::to_string(i), StoreUse::draining);
  for (std::size_t i = 0; i < 4; ++i) set_use("s" + std::to_string(i), StoreUse::in_use);
  machine_.push("ns/after", after_);
  EXPECT_EQ(machine_.pull("ns/after"), after_);
}

TEST_F(DrainingStores, AreShown) {
  set_use("s2", StoreUse::draining);
  const auto status = engine::pool_status(machine_.pool(), {});
  for (const auto& store : status.stores)
    EXPECT_EQ(store.use, store.name == "s2" ? StoreUse::draining : StoreUse::in_use) << store.name;
}

TEST_F(DrainingStores, WhatTheyHaveIsCopiedToTheOthers) {
  const auto had = static_cast<std::uint64_t>(count(2, "shard"));
  engine::DrainOptions options;
  options.dry_run = true;
  const auto would = engine::drain_store(machine_.pool(), "s2", options, {});
  EXPECT_EQ(machine_.pool().stores().find("s2")->use, StoreUse::in_use);
  const auto done = engine::drain_store(machine_.pool(), "s2", {}, {});
  EXPECT_EQ(done.shards_moved, had);
  EXPECT_EQ(done.left, 0U);
  EXPECT_EQ(would.shards_moved, done.shards_moved);
  EXPECT_EQ(would.bytes_moved, done.bytes_moved);
  EXPECT_EQ(machine_.pool().stores().find("s2")->use, StoreUse::draining);
  EXPECT_EQ(engine::drain_store(machine_.pool(), "s2", {}, {}).shards_moved, 0U) << "a second time";
  engine::remove_stores(machine_.pool(), {"s2"}, {.force = true}, {});
  for (const std::size_t away : {0U, 2U, 7U}) world_.faults(away).set_offline(true);
  machine_.reopen();
  EXPECT_EQ(machine_.pull("ns/before"), before_) << "two more may go";
  for (const std::size_t away : {0U, 2U, 7U}) world_.faults(away).set_offline(false);
}

// What it has is for repair to make again, if it does not come back.
TEST_F(DrainingStores, WhatAStoreHasThatIsAwayIsNotCopied) {
  const auto had = static_cast<std::uint64_t>(count(2, "shard"));
  const std::size_t away = count(3, "shard") > 0 ? 3 : 4;
  ASSERT_GT(count(away, "shard"), 0);
  world_.faults(away).set_offline(true);
  machine_.reopen();
  const auto done = engine::drain_store(machine_.pool(), "s2", {}, {});
  EXPECT_EQ(done.shards_moved, had);
  EXPECT_EQ(done.left, 0U);
  EXPECT_EQ(done.doubts.size(), 1U) << "is it coming back?";
  world_.faults(away).set_offline(false);
}

// Several copies of many shards: whichever two domains go, enough is left, however the copies lie.
TEST_F(DrainingStores, CopiesThatAreLeftBehindDoNoHarm) {
  for (std::size_t round = 0; round < 2 * world_.size(); ++round) {
    const std::string name = "s" + std::to_string(round % world_.size());
    const auto done = engine::drain_store(machine_.pool(), name, {}, {});
    EXPECT_EQ(done.left, 0U);
    EXPECT_EQ(done.packs_below_promise, 0U);
    engine::cancel_drain(machine_.pool(), name, {});
    const auto report = engine::verify(machine_.pool(), {}, {});
    EXPECT_TRUE(report.sound());
    EXPECT_EQ(report.models.at(0).health, engine::Health::sound);
    EXPECT_GE(report.models.at(0).domains_may_go, 2U);
    EXPECT_EQ(machine_.health("ns/before").health, engine::Health::sound);
    EXPECT_TRUE(engine::plan_without(machine_.pool(), {}, {}).at_risk.empty());
    EXPECT_EQ(engine::repair(machine_.pool(), {}, {}).shards_written, 0U);
  }
}

// Two of three data shards are away: nothing can be made of what is left.
TEST_F(DrainingStores, ADryRunDoesNotReadFromStoresThatAreAway) {
  std::vector<std::size_t> holders;
  for (std::size_t i = 0; i < world_.size(); ++i) {
    if (count(i, "shard") > 0) holders.push_back(i);
  }
  ASSERT_EQ(holders.size(), 6U);
  for (std::size_t i = 0; i < 3; ++i) world_.faults(holders[i]).set_offline(true);
  const auto lost = paths_of_shards(holders[3]);
  for (const auto& path : lost) world_.inner(holders[3]).remove(ObjectName::parse(path).value(), {});
  machine_.reopen();
  engine::DrainOptions options;
  options.dry_run = true;
  const auto name = "s" + std::to_string(holders[3]);
  const auto would = engine::drain_store(machine_.pool(), name, options, {});
  const auto did = engine::drain_store(machine_.pool(), name, {}, {});
  EXPECT_EQ(would.shards_moved, 0U);
  EXPECT_EQ(would.shards_moved, did.shards_moved);
  EXPECT_EQ(would.left, did.left);
  for (std::size_t i = 0; i < 3; ++i) world_.faults(holders[i]).set_offline(false);
}

// A dry run sees that there is no room, and does not count on the store itself.
TEST_F(DrainingStores, WhatHasNoPlaceIsToldBefore) {
  for (std::size_t i = 0; i < world_.size(); ++i) {
    if (i != 2) world_.faults(i).limit_space(0);
  }
  ASSERT_GT(count(2, "shard"), 0);
  engine::DrainOptions options;
  options.dry_run = true;
  const auto would = engine::drain_store(machine_.pool(), "s2", options, {});
  EXPECT_EQ(would.shards_moved, 0U);
  EXPECT_EQ(would.left, static_cast<std::uint64_t>(count(2, "shard")));
}

TEST_F(DrainingStores, WhatIsNotGivenBackIsLeftToMove) {
  std::string with_a_shard;
  for (std::size_t i = 0; i < world_.size(); ++i) {
    if (count(i, "shard") > 0) {
      with_a_shard = "s" + std::to_string(i);
    } else {
      world_.faults(i).flip_bits_everywhere(true);
    }
  }
  const auto done = engine::drain_store(machine_.pool(), with_a_shard, {}, {});
  EXPECT_EQ(done.left, 1U) << "the others do not have it";
}

TEST_F(DrainingStores, CanBeTakenBack) {
  engine::drain_store(machine_.pool(), "s2", {}, {});
  engine::cancel_drain(machine_.pool(), "s2", {});
  EXPECT_EQ(machine_.pool().stores().find("s2")->use, StoreUse::in_use);
  EXPECT_EQ(thrown_by([&] { engine::cancel_drain(machine_.pool(), "s2", {}); })->kind, ErrorKind::invalid);
  EXPECT_EQ(thrown_by([&] { engine::drain_store(machine_.pool(), "s9", {}, {}); })->kind, ErrorKind::not_found);
}

TEST_F(DrainingStores, StayDrainingWhereThePoolIsRecovered) {
  set_use("s2", StoreUse::draining);
  Machine other(world_, Threads::one, 9);
  other.recover(machine_.recovery_secret(), {0, 1, 3, 4});
  EXPECT_EQ(other.pool().stores().find("s2")->use, StoreUse::draining);
  EXPECT_EQ(other.pull("ns/before"), before_);
}

TEST_F(DrainingStores, StayDrainingWhenAnotherSettingIsChanged) {
  set_use("s2", StoreUse::draining);
  auto rows = machine_.pool().registry().stores();
  ASSERT_EQ(rows.at(2).name, "s2");
  rows[2].capacity_bytes = 1'000'000'000;
  engine::change_store(machine_.pool(), rows[2], {});
  EXPECT_EQ(machine_.pool().log().state().stores.at(rows[2].id).use, StoreUse::draining);
  const auto again = world_.open(World::url(2));
  engine::add_store(machine_.pool(), "s2", "memory:02", "another domain", 0, *again, {});  // it has moved
  EXPECT_EQ(machine_.pool().log().state().stores.at(rows[2].id).use, StoreUse::draining);
  EXPECT_EQ(machine_.pool().stores().find("s2")->use, StoreUse::draining);
}

}  // namespace
}  // namespace modelfloat
