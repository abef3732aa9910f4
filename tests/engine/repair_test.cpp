// Shards and documents that are gone or damaged are written again.
#include "modelfloat/engine/upkeep/repair.h"

#include <algorithm>

#include "engine/test_pool.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/engine/upkeep/verify.h"

namespace modelfloat {
namespace {

using engine::Health;
using engine::RepairReport;
using test::Files;
using test::k_copies;
using test::k_survive_two;
using test::Machine;
using test::Threads;
using test::thrown_by;
using test::World;
using testing::ElementsAre;
using testing::IsEmpty;

class Repair : public testing::Test {
 protected:
  Repair() {
    machine_.create(k_survive_two);
    machine_.push("ns/model", files_);
    machine_.push("ns/small", test::one_file(3));
  }
  RepairReport repair(const engine::RepairOptions& options = {}) {
    machine_.reopen();
    return engine::repair(machine_.pool(), options, {});
  }
  bool is_sound() { return engine::verify(machine_.pool(), {.read = true}, {}).sound(); }
  // Removes what the store has under this prefix.
  void wipe(std::size_t store, std::string_view prefix = "mf1/") {
    for (const auto& [path, bytes] : world_.objects(store)) {
      if (path.starts_with(prefix) && path != "mf1/marker")
        world_.inner(store).remove(ObjectName::parse(path).value(), {});
    }
  }
  void flip_a_bit(std::size_t store, const std::string& path) {
    Bytes bytes = world_.objects(store).at(path);
    bytes[bytes.size() / 2] ^= std::byte{8};
    const ObjectName name = ObjectName::parse(path).value();
    world_.inner(store).remove(name, {});
    world_.inner(store).put(name, bytes, {});
  }
  std::vector<std::string> paths(std::size_t store, std::string_view prefix) {
    std::vector<std::string> found;
    for (const auto& [path, bytes] : world_.objects(store)) {
      if (path.starts_with(prefix)) found.push_back(path);
    }
    return found;
  }

  const Files files_{{"m.bin", test::random_bytes(9'000'000, 41)}};
  World world_{7};
  Machine machine_{world_, Threads::one};
};

TEST_F(Repair, NothingIsWrittenWhereAllIsThere) {
  const auto before = world_.stored_bytes();
  const RepairReport report = repair();
  EXPECT_GT(report.packs_checked, 0U);
  EXPECT_EQ(report.shards_written + report.documents_written + report.bytes_read + report.packs_below_promise, 0U);
  EXPECT_EQ(world_.stored_bytes(), before);
}

// What a store had is made again elsewhere, and the pool survives the loss of two more.
TEST_F(Repair, AStoreIsGoneForGood) {
  world_.faults(2).set_offline(true);
  const auto had = paths(2, "mf1/shard/").size();
  ASSERT_GT(had, 0U);
  const RepairReport report = repair();
  EXPECT_EQ(report.shards_written, had);
  EXPECT_EQ(report.packs_below_promise, 0U);
  EXPECT_THAT(report.unrepairable, IsEmpty());
  EXPECT_EQ(repair().shards_written, 0U) << "a second time there is nothing to do";
  for (const std::size_t more : {0U, 5U}) world_.faults(more).set_offline(true);
  machine_.reopen();
  EXPECT_EQ(machine_.pull("ns/model"), files_);
  for (std::size_t i = 0; i < world_.size(); ++i) world_.faults(i).set_offline(false);
}

// What else is missing is made again, and not beside what the awaited store has.
TEST_F(Repair, AStoreThatIsAwaitedIsNotReplaced) {
  machine_.reopen();
  const StoreId awaited = machine_.pool().stores().find("s2")->id;
  world_.faults(2).set_offline(true);
  ASSERT_FALSE(paths(2, "mf1/shard/").empty());
  EXPECT_EQ(repair({.awaited = {awaited}}).shards_written, 0U);
  const auto lost = paths(4, "mf1/shard/").size();
  ASSERT_GT(lost, 0U);
  wipe(4, "mf1/shard/");
  const RepairReport report = repair({.awaited = {awaited}});
  EXPECT_EQ(report.shards_written, lost);
  EXPECT_EQ(report.packs_below_promise, 0U);
  world_.faults(2).set_offline(false);
  EXPECT_EQ(repair().shards_written, 0U);
  EXPECT_TRUE(is_sound());
  // Awaited or not: of a store that is there, what it lacks is made again.
  wipe(2, "mf1/shard/");
  EXPECT_GT(repair({.awaited = {awaited}}).shards_written, 0U);
}

TEST_F(Repair, EachPackIsReadOnce) {
  world_.faults(2).set_offline(true);
  const RepairReport report = repair();
  ASSERT_GT(report.packs_repaired, 0U);
  const std::uint64_t shard = report.bytes_written / report.shards_written;
  EXPECT_LE(report.bytes_read, report.packs_repaired * 4 * shard);
  world_.faults(2).set_offline(false);
}

TEST_F(Repair, AStoreThatLostAllGetsItsShardsAndDocumentsBack) {
  const auto before = world_.objects(4);
  wipe(4, "mf1/shard/");
  wipe(4, "mf1/content/");
  wipe(4, "mf1/structure/");
  wipe(4, "mf1/log/");
  wipe(4, "mf1/slot/");
  const RepairReport report = repair();
  EXPECT_GT(report.documents_written, 0U);
  EXPECT_EQ(world_.objects(4), before) << "each in its place";
  EXPECT_TRUE(is_sound());
}

TEST_F(Repair, DamagedShardsAndDocumentsAreReplacedInPlace) {
  const std::size_t holder = paths(3, "mf1/shard/").empty() ? 4 : 3;
  const auto before = world_.objects(holder);
  const std::string shard = paths(holder, "mf1/shard/").front();
  const std::string content = paths(holder, "mf1/content/").front();
  flip_a_bit(holder, shard);
  flip_a_bit(holder, content);
  EXPECT_FALSE(is_sound());  // finds them, and they are remembered
  EXPECT_FALSE(engine::verify(machine_.pool(), {}, {}).sound());
  const RepairReport report = repair();
  EXPECT_EQ(report.shards_written, 1U);
  EXPECT_EQ(report.documents_written, 1U);
  EXPECT_EQ(world_.objects(holder), before);
  EXPECT_TRUE(is_sound());
}

// It came back after others were made; nothing needs it, and verify would tell of it again and again.
TEST_F(Repair, AWrongSpareCopyIsReplacedInPlace) {
  world_.faults(2).set_offline(true);
  ASSERT_GT(repair().shards_written, 0U);
  world_.faults(2).set_offline(false);
  const auto before = world_.objects(2);
  const std::string shard = paths(2, "mf1/shard/").front();
  flip_a_bit(2, shard);
  machine_.reopen();
  EXPECT_FALSE(is_sound());
  engine::RepairOptions options;
  options.dry_run = true;
  EXPECT_EQ(repair(options).shards_written, 1U);
  options.dry_run = false;
  options.budget_bytes = 1000;
  EXPECT_EQ(repair(options).doubts.size(), 1U);
  const RepairReport report = repair();
  EXPECT_EQ(report.shards_written, 1U);
  EXPECT_EQ(report.bytes_read, report.bytes_written);
  EXPECT_EQ(world_.objects(2), before);
  EXPECT_TRUE(is_sound());
}

TEST_F(Repair, ATruncatedDocumentIsSeenInTheListing) {
  const auto before = world_.objects(3);
  const std::string content = paths(3, "mf1/structure/").front();
  const ObjectName name = ObjectName::parse(content).value();
  world_.inner(3).remove(name, {});
  world_.inner(3).put(name, Bytes(10), {});
  EXPECT_EQ(repair().documents_written, 1U);
  EXPECT_EQ(world_.objects(3), before);
}

TEST_F(Repair, DryRunChangesNothing) {
  world_.faults(2).set_offline(true);
  wipe(5, "mf1/slot/");
  const auto before = world_.stored_bytes();
  engine::RepairOptions options;
  options.dry_run = true;
  const RepairReport would = repair(options);
  EXPECT_EQ(world_.stored_bytes(), before);
  const RepairReport did = repair();
  EXPECT_EQ(would.shards_written, did.shards_written);
  EXPECT_EQ(would.documents_written, did.documents_written);
  EXPECT_EQ(would.packs_repaired, did.packs_repaired);
  EXPECT_EQ(would.bytes_read, did.bytes_read);
  EXPECT_EQ(would.bytes_written, did.bytes_written);
  world_.faults(2).set_offline(false);
}

// As many stores are left as cannot keep the promise, one after the other becomes full.
TEST_F(Repair, DryRunLooksAtRoomAndSpread) {
  for (const std::size_t away : {2U, 3U}) world_.faults(away).set_offline(true);
  engine::RepairOptions options;
  options.dry_run = true;
  for (const std::uint64_t room : {UINT64_MAX, std::uint64_t{0}}) {
    if (room == 0) {
      for (std::size_t i = 0; i < world_.size(); ++i) world_.faults(i).limit_space(room);
    }
    const RepairReport would = repair(options);
    const RepairReport did = repair();
    EXPECT_EQ(would.shards_written, did.shards_written);
    EXPECT_EQ(would.shards_left, did.shards_left);
    EXPECT_EQ(would.packs_repaired, did.packs_repaired);
    EXPECT_EQ(would.packs_below_promise, did.packs_below_promise);
    for (std::size_t i = 0; i < 2; ++i) wipe(i, "mf1/shard/");
  }
  for (const std::size_t away : {2U, 3U}) world_.faults(away).set_offline(false);
}

TEST_F(Repair, NothingIsReadForPacksWithoutRoom) {
  world_.faults(2).set_offline(true);
  for (std::size_t i = 0; i < world_.size(); ++i) world_.faults(i).limit_space(0);
  const RepairReport report = repair();
  EXPECT_GT(report.packs_below_promise, 0U);
  EXPECT_EQ(report.bytes_read, 0U);
  EXPECT_EQ(report.doubts.size(), 1U);
  world_.faults(2).set_offline(false);
}

TEST_F(Repair, DryRunNamesWhatIsLost) {
  for (const std::size_t gone : {0U, 1U, 2U, 3U, 4U}) wipe(gone, "mf1/shard/");
  engine::RepairOptions options;
  options.dry_run = true;
  const RepairReport would = repair(options);
  EXPECT_TRUE(would.is_lost);
  EXPECT_EQ(would.shards_written, 0U);
  ASSERT_FALSE(would.unrepairable.empty());
  EXPECT_EQ(would.unrepairable.front().model, "ns/model");
}

TEST_F(Repair, TheBudgetIsKeptAndTheNextRunGoesOn) {
  for (std::uint64_t i = 0; i < 4; ++i)
    machine_.push("ns/m" + std::to_string(i), {{"m.bin", test::random_bytes(1'000'000, i)}});
  world_.faults(2).set_offline(true);
  engine::RepairOptions options;
  options.dry_run = true;
  const RepairReport whole = repair(options);
  ASSERT_GT(whole.packs_repaired, 1U);
  options.dry_run = false;
  options.budget_bytes = 15'000'000;  // the largest alone, or several small ones
  std::uint64_t repaired = 0;
  for (int runs = 0; runs < 10 && repaired < whole.packs_repaired; ++runs) {
    const RepairReport report = repair(options);
    EXPECT_LE(report.bytes_read + report.bytes_written, options.budget_bytes);
    EXPECT_EQ(report.packs_below_promise, whole.packs_repaired - repaired - report.packs_repaired);
    repaired += report.packs_repaired;
  }
  EXPECT_EQ(repaired, whole.packs_repaired);
  world_.faults(2).set_offline(false);
}

TEST_F(Repair, WhatCannotBeReadAnyMoreIsNamed) {
  for (const std::size_t gone : {0U, 1U, 2U, 3U, 4U}) wipe(gone, "mf1/shard/");
  const RepairReport report = repair();
  EXPECT_TRUE(report.is_lost);
  ASSERT_FALSE(report.unrepairable.empty());
  EXPECT_EQ(report.unrepairable.front().model, "ns/model");
  EXPECT_EQ(report.unrepairable.front().file, "m.bin");
}

TEST_F(Repair, WhatIsOnStoresThatAreAwayIsNotLost) {
  for (const std::size_t away : {0U, 1U, 2U, 3U, 4U}) world_.faults(away).set_offline(true);
  const RepairReport report = repair();
  EXPECT_FALSE(report.is_lost);
  EXPECT_FALSE(report.unrepairable.empty());
  for (const std::size_t away : {0U, 1U, 2U, 3U, 4U}) world_.faults(away).set_offline(false);
}

// With five stores, six shards cannot survive the loss of two. They are written all the same.
TEST_F(Repair, WithTooFewStoresAsMuchAsCanBeIsKept) {
  for (const std::size_t away : {2U, 3U}) world_.faults(away).set_offline(true);
  const RepairReport report = repair();
  EXPECT_GT(report.shards_written, 0U);
  EXPECT_GT(report.packs_below_promise, 0U);
  world_.faults(0).set_offline(true);
  machine_.reopen();
  EXPECT_EQ(machine_.pull("ns/model"), files_);
  for (const std::size_t away : {0U, 2U, 3U}) world_.faults(away).set_offline(false);
}

TEST_F(Repair, OnlyOneModelOnRequest) {
  machine_.push("ns/second", {{"m.bin", test::random_bytes(1'000'000, 42)}});
  const auto shard = [&](std::size_t store) { return paths(store, "mf1/shard/").size() == 2; };
  std::size_t store = 0;  // one that has shards of both
  while (!shard(store)) ++store;
  wipe(store, "mf1/shard/");
  engine::RepairOptions options;
  options.model = "ns/second";
  const RepairReport one = repair(options);
  EXPECT_EQ(one.packs_repaired, 1U);
  EXPECT_EQ(repair().packs_repaired, 1U) << "the other";
  options.model = "ns/none";
  const auto refused = thrown_by([&] { repair(options); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, ErrorKind::not_found);
}

TEST_F(Repair, AStoreThatFailsMeanwhileIsReplaced) {
  world_.faults(2).set_offline(true);
  world_.faults(6).fail_next(test::Call::put, ErrorKind::transient, 100);
  world_.faults(5).fail_next(test::Call::put, ErrorKind::transient, 1);
  const RepairReport report = repair();
  EXPECT_THAT(report.unrepairable, IsEmpty());
  world_.faults(0).set_offline(true);
  machine_.reopen();
  EXPECT_EQ(machine_.pull("ns/model"), files_);
  for (const std::size_t away : {0U, 2U}) world_.faults(away).set_offline(false);
}

// The store says that it took the shard, and gives other bytes back.
TEST_F(Repair, WhatWasWrittenIsReadBack) {
  const std::size_t holder = paths(1, "mf1/shard/").empty() ? 2 : 1;
  wipe(holder, "mf1/shard/");
  engine::catch_up(machine_.pool(), test::k_all_news, {});
  world_.faults(holder).flip_bits_everywhere(true);
  const RepairReport report = engine::repair(machine_.pool(), {}, {});
  world_.faults(holder).flip_bits_everywhere(false);
  EXPECT_EQ(report.shards_written, 1U);
  EXPECT_FALSE(report.doubts.empty());
  EXPECT_EQ(report.packs_below_promise, 1U);
}

TEST(RepairCopies, AreMadeAgain) {
  World world(4);
  Machine machine(world, Threads::one);
  machine.create(k_copies);
  const Files files{{"m.bin", test::random_bytes(3'000'000, 1)}};
  machine.push("ns/model", files);
  std::vector<std::size_t> holders;
  for (std::size_t i = 0; i < world.size(); ++i) {
    const auto objects = world.objects(i);
    if (std::any_of(objects.begin(), objects.end(),
                    [](const auto& one) { return one.first.starts_with("mf1/shard/"); }))
      holders.push_back(i);
  }
  ASSERT_EQ(holders.size(), 2U);
  world.faults(holders[0]).set_offline(true);
  machine.reopen();
  const RepairReport report = engine::repair(machine.pool(), {}, {});
  EXPECT_EQ(report.shards_written, report.packs_repaired);
  world.faults(holders[1]).set_offline(true);
  machine.reopen();
  EXPECT_EQ(machine.pull("ns/model"), files);
  for (const std::size_t away : holders) world.faults(away).set_offline(false);
}

// Killed at any call of any store: what is there stays, and the next run ends.
TEST(RepairCut, AtAnyCallNothingGetsWorse) {
  for (std::uint64_t at = 1;; at += 3) {
    World world(7);
    Machine machine(world, Threads::one);
    machine.create(k_survive_two);
    const Files files{{"m.bin", test::random_bytes(2'000'000, 7)}};
    machine.push("ns/model", files);
    world.faults(2).set_offline(true);
    machine.reopen();
    world.counter().start_over();
    world.counter().cut_at(at, test::Moment::after);
    thrown_by([&] { engine::repair(machine.pool(), {}, {}); });
    const bool was_cut = world.counter().calls() >= at;
    world.counter().start_over();
    machine.reopen();
    EXPECT_EQ(engine::repair(machine.pool(), {}, {}).packs_below_promise, 0U) << at;
    for (const std::size_t more : {0U, 5U}) world.faults(more).set_offline(true);
    machine.reopen();
    EXPECT_EQ(machine.pull("ns/model"), files) << at;
    for (std::size_t i = 0; i < world.size(); ++i) world.faults(i).set_offline(false);
    if (!was_cut) break;
  }
}

}  // namespace
}  // namespace modelfloat
