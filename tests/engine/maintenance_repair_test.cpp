// A pool is repaired with its maintenance key alone, from a home that has no pool.
#include "modelfloat/engine/upkeep/maintenance_repair.h"

#include <algorithm>

#include "engine/test_pool.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/engine/upkeep/verify.h"
#include "modelfloat/mf1/document.h"
#include "modelfloat/mf1/marker.h"
#include "modelfloat/mf1/shard.h"

namespace modelfloat {
namespace {

using engine::MaintenanceOptions;
using engine::MaintenanceStore;
using engine::RepairReport;
using mf1::MaintenanceKey;
using test::Files;
using test::k_survive_two;
using test::Machine;
using test::Threads;
using test::thrown_by;
using test::World;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<MaintenanceStore> all_stores(const World& world) {
  std::vector<MaintenanceStore> stores;
  for (std::size_t i = 0; i < world.size(); ++i) stores.push_back({World::url(i), World::url(i), 0});
  return stores;
}

// Each run has a new, empty registry, as the program has.
RepairReport maintain(World& world, const MaintenanceKey& key, MaintenanceOptions options = {},
                      std::optional<std::vector<MaintenanceStore>> stores = std::nullopt) {
  Machine helper(world, Threads::one, 99);
  options.timeouts = test::short_timeouts();
  return engine::repair_with_maintenance_key(helper.environment(), key, stores ? *stores : all_stores(world),
                                             [&](const std::string& url) { return world.open(url); }, options, {});
}

class Maintenance : public testing::Test {
 protected:
  Maintenance() : Maintenance(6) {}
  explicit Maintenance(std::size_t stores) : world_(stores) {
    machine_.create(k_survive_two);
    machine_.push("ns/model", files_);
    machine_.push("ns/small", test::one_file(3));
    key_.emplace(machine_.pool().keys());
  }

  RepairReport maintain(const MaintenanceOptions& options = {},
                        std::optional<std::vector<MaintenanceStore>> stores = std::nullopt) {
    return modelfloat::maintain(world_, *key_, options, std::move(stores));
  }
  bool is_sound() {
    machine_.reopen();
    return engine::verify(machine_.pool(), {.read = true}, {}).sound();
  }
  void wipe(std::size_t store, std::string_view prefix = "mf1/") {
    for (const auto& [path, bytes] : world_.objects(store)) {
      if (path.starts_with(prefix) && path != "mf1/marker")
        world_.inner(store).remove(ObjectName::parse(path).value(), {});
    }
  }
  void replace(std::size_t store, const std::string& path, const Bytes& bytes) {
    const ObjectName name = ObjectName::parse(path).value();
    world_.inner(store).remove(name, {});
    world_.inner(store).put(name, bytes, {});
  }
  void flip_a_bit(std::size_t store, const std::string& path) {
    Bytes bytes = world_.objects(store).at(path);
    bytes[bytes.size() / 2] ^= std::byte{8};
    replace(store, path, bytes);
  }
  std::string first_path(std::size_t store, std::string_view prefix) {
    for (const auto& [path, bytes] : world_.objects(store)) {
      if (path.starts_with(prefix)) return path;
    }
    return {};
  }
  // How many stores have it.
  std::size_t copies(const std::string& path) {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < world_.size(); ++i) sum += world_.objects(i).count(path);
    return sum;
  }
  std::set<std::string> all_paths() {
    std::set<std::string> paths;
    for (std::size_t i = 0; i < world_.size(); ++i) {
      for (const auto& [path, bytes] : world_.objects(i)) paths.insert(std::to_string(i) + path);
    }
    return paths;
  }
  // Under the name that fits its bytes.
  std::string plant(std::size_t store, ObjectType type, const Bytes& bytes) {
    const ObjectName name = type == ObjectType::log ? ObjectName::of_chain(type, WriterId{}, 1, crypto::blake3(bytes))
                                                    : ObjectName::of(type, crypto::blake3(bytes));
    world_.inner(store).put(name, bytes, {});
    return name.path();
  }

  const Files files_{{"m.bin", test::random_bytes(9'000'000, 41)}};
  World world_;
  Machine machine_{world_, Threads::one};
  std::optional<MaintenanceKey> key_;
};

TEST_F(Maintenance, WritesNothingWhereAllIsThere) {
  const auto before = world_.stored_bytes();
  const RepairReport report = maintain();
  EXPECT_GT(report.packs_checked, 0U);
  EXPECT_EQ(report.shards_written + report.documents_written + report.bytes_read + report.packs_below_promise, 0U);
  EXPECT_THAT(report.doubts, IsEmpty());
  EXPECT_EQ(world_.stored_bytes(), before);
}

TEST_F(Maintenance, TwoStoresThatLostAllGetTheirShareBack) {
  std::map<std::string, std::size_t> before;
  for (std::size_t i = 0; i < world_.size(); ++i) {
    for (const auto& [path, bytes] : world_.objects(i)) ++before[path];
  }
  for (const std::size_t lost : {1U, 4U}) wipe(lost);
  const RepairReport report = maintain();
  EXPECT_GT(report.shards_written, 0U);
  EXPECT_EQ(report.packs_below_promise, 0U);
  EXPECT_THAT(report.doubts, IsEmpty());
  for (const auto& [path, count] : before) {
    if (path.ends_with(".txt") || path.ends_with(".py")) continue;  // texts for people
    EXPECT_EQ(copies(path), count) << path;
  }
  EXPECT_TRUE(is_sound());
  for (const std::size_t more : {0U, 5U}) world_.faults(more).set_offline(true);
  machine_.reopen();
  EXPECT_EQ(machine_.pull("ns/model"), files_);
  EXPECT_EQ(machine_.pull("ns/small"), test::one_file(3));
  for (const std::size_t more : {0U, 5U}) world_.faults(more).set_offline(false);
}

TEST_F(Maintenance, AnotherMachineCanRecoverFromWhatWasWritten) {
  for (const std::size_t lost : {1U, 4U}) wipe(lost);
  maintain();
  for (const std::size_t lost : {0U, 2U, 3U, 5U}) wipe(lost, "mf1/log/");
  for (const std::size_t lost : {0U, 2U, 3U, 5U}) wipe(lost, "mf1/slot/");
  for (const std::size_t lost : {0U, 2U, 3U, 5U}) wipe(lost, "mf1/content/");
  for (const std::size_t lost : {0U, 2U, 3U, 5U}) wipe(lost, "mf1/structure/");
  Machine other(world_, Threads::one, 9);
  EXPECT_EQ(other.recover(machine_.recovery_secret(), {0, 1, 2, 3, 4, 5}).models, 2U);
  EXPECT_EQ(other.pull("ns/model"), files_);
}

TEST_F(Maintenance, RemovesNothingAndADryRunWritesNothing) {
  for (const std::size_t lost : {1U, 4U}) wipe(lost);
  const auto before = all_paths();
  const auto bytes_before = world_.stored_bytes();
  MaintenanceOptions options;
  options.repair.dry_run = true;
  const RepairReport would = maintain(options);
  EXPECT_EQ(all_paths(), before);
  EXPECT_EQ(world_.stored_bytes(), bytes_before);
  const RepairReport did = maintain();
  EXPECT_EQ(would.shards_written, did.shards_written);
  EXPECT_EQ(would.documents_written, did.documents_written);
  EXPECT_EQ(would.bytes_read, did.bytes_read);
  EXPECT_EQ(would.bytes_written, did.bytes_written);
  const auto after = all_paths();
  EXPECT_TRUE(std::includes(after.begin(), after.end(), before.begin(), before.end()));
}

TEST_F(Maintenance, WithReadEveryDamagedCopyIsReplacedInPlace) {
  const auto before = world_.objects(3);
  for (const char* prefix : {"mf1/shard/", "mf1/content/", "mf1/structure/", "mf1/log/", "mf1/slot/"}) {
    ASSERT_NE(first_path(3, prefix), "") << prefix;
    flip_a_bit(3, first_path(3, prefix));
  }
  MaintenanceOptions options;
  options.read = true;
  const RepairReport report = maintain(options);
  EXPECT_EQ(report.shards_written, 1U);
  EXPECT_EQ(report.documents_written, 4U);
  EXPECT_EQ(report.packs_below_promise, 0U);
  EXPECT_EQ(world_.objects(3), before);
  EXPECT_TRUE(is_sound());
}

TEST_F(Maintenance, TruncatedObjectsAreSeenInTheListing) {
  const auto before = world_.objects(3);
  for (const char* prefix : {"mf1/content/", "mf1/structure/", "mf1/log/"}) {
    const std::string path = first_path(3, prefix);
    Bytes bytes = world_.objects(3).at(path);
    bytes.resize(10);
    replace(3, path, bytes);
  }
  replace(3, first_path(3, "mf1/shard/"), Bytes(10));
  const RepairReport report = maintain();
  EXPECT_EQ(report.documents_written, 3U);
  EXPECT_EQ(report.shards_written, 1U);
  EXPECT_EQ(world_.objects(3), before);
}

// Nobody remembers the damage after the run, so it is mended in the same one.
TEST_F(Maintenance, DamageThatIsFoundWhileOthersAreMadeIsMendedToo) {
  wipe(1, "mf1/shard/");
  const auto before = world_.objects(3);
  flip_a_bit(3, first_path(3, "mf1/shard/"));
  const RepairReport report = maintain();
  EXPECT_EQ(report.packs_below_promise, 0U);
  EXPECT_EQ(world_.objects(3), before);
  EXPECT_TRUE(is_sound());
}

TEST_F(Maintenance, ObjectsOfAnotherPoolAreNotCopied) {
  World elsewhere(6);
  Machine stranger(elsewhere, Threads::one, 77);
  stranger.create(k_survive_two);
  stranger.push("ns/model", files_);
  std::vector<std::string> planted;
  for (const std::size_t store : {0U, 1U, 2U, 3U}) {
    for (const auto& [path, bytes] : elsewhere.objects(0)) {
      if (path == "mf1/marker" || path.ends_with(".txt") || path.ends_with(".py")) continue;
      world_.inner(store).put(ObjectName::parse(path).value(), bytes, {});
      if (store == 0) planted.push_back(path);
    }
  }
  ASSERT_GE(planted.size(), 5U);
  wipe(4);
  const RepairReport report = maintain();
  for (const std::string& path : planted) EXPECT_EQ(copies(path), 4U) << path;
  EXPECT_THAT(report.doubts, Contains(HasSubstr("another pool")));
  EXPECT_EQ(report.packs_below_promise, 0U);
  EXPECT_EQ(maintain().shards_written, 0U);
}

TEST_F(Maintenance, BytesUnderAWrongNameAreNotCopied) {
  const Bytes structure = world_.objects(0).at(first_path(0, "mf1/structure/"));
  for (const ObjectType type : {ObjectType::structure, ObjectType::content, ObjectType::slot})
    world_.inner(2).put(ObjectName::of(type, Hash256{}), structure, {});
  const RepairReport report = maintain();
  for (const ObjectType type : {ObjectType::structure, ObjectType::content, ObjectType::slot})
    EXPECT_EQ(copies(ObjectName::of(type, Hash256{}).path()), 1U);
  EXPECT_EQ(report.documents_written, 0U);
  EXPECT_THAT(report.doubts, Contains(HasSubstr("do not fit")));
}

// A header can be copied by anybody. On every store, the object would make the pool read-only.
TEST_F(Maintenance, WhatMayBeJunkOfTheLogIsNotSpread) {
  Bytes forged = world_.objects(0).at(first_path(0, "mf1/log/"));
  forged[70] ^= std::byte{1};  // in the commitment: it looks like a record under a key that is not here
  std::string path;
  for (const std::size_t store : {0U, 1U}) path = plant(store, ObjectType::log, forged);
  const RepairReport report = maintain();
  EXPECT_EQ(copies(path), 2U);
  EXPECT_THAT(report.doubts, Contains(HasSubstr("only a machine with the pool's key can tell")));
  machine_.reopen();
  engine::catch_up(machine_.pool(), test::k_all_news, {});
  EXPECT_EQ(machine_.pool().log().why_read_only(), "");
  // On more domains than may be lost it is not junk any more, and a key may come that opens it.
  plant(2, ObjectType::log, forged);
  maintain();
  EXPECT_EQ(copies(path), 6U);
}

TEST_F(Maintenance, WithTheKeyOfAnotherEpochNothingIsTouched) {
  wipe(1);
  test::FixedRandom random(5);
  const mf1::Keyring other_root(machine_.pool().keys().pool_id(), 1, crypto::SecretKey::random(random));
  const auto before = all_paths();
  const RepairReport report = modelfloat::maintain(world_, MaintenanceKey(other_root));
  EXPECT_EQ(all_paths(), before);
  EXPECT_EQ(report.packs_checked, 0U);
  EXPECT_THAT(report.doubts, Contains(HasSubstr("key export --maintenance")));
  EXPECT_THAT(report.doubts, Contains(HasSubstr("no structure of a model was found")));
}

TEST_F(Maintenance, AStructureOfANewerEpochIsNamedAndTheRestIsRepaired) {
  mf1::Keyring newer = machine_.pool().keys();
  test::FixedRandom random(5);
  newer.add_root(2, crypto::SecretKey::random(random));
  const Bytes cbor = mf1::open_structure(world_.objects(0).at(first_path(0, "mf1/structure/")), *key_);
  const auto sealed = mf1::seal_document(ObjectType::structure, cbor, newer, crypto::Suite::chacha20_poly1305, random);
  const std::string path = plant(0, ObjectType::structure, sealed.object);
  wipe(1);
  const RepairReport report = maintain();
  EXPECT_EQ(copies(path), 1U);
  EXPECT_THAT(report.doubts, Contains(HasSubstr("key export --maintenance")));
  EXPECT_TRUE(is_sound());
}

TEST_F(Maintenance, AKeyOfAnotherPoolIsRefused) {
  World elsewhere(1);
  Machine stranger(elsewhere, Threads::one, 77);
  stranger.create({1, 0, 0});
  const auto before = all_paths();
  const auto refused = thrown_by([&] { modelfloat::maintain(world_, MaintenanceKey(stranger.pool().keys())); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, ErrorKind::denied);
  EXPECT_EQ(all_paths(), before);
}

TEST_F(Maintenance, AStoreWithoutAMarkerOfThePoolIsLeftOut) {
  replace(1, "mf1/marker", mf1::make_marker({{std::byte{7}}, StoreId{}}));
  world_.inner(2).remove(ObjectName::marker(), {});
  const auto first = world_.objects(1);
  const auto second = world_.objects(2);
  wipe(3);
  const RepairReport report = maintain();
  EXPECT_THAT(report.doubts, Contains(HasSubstr("memory:1 is left out: it is a store of the pool 0700000000000000")));
  EXPECT_THAT(report.doubts, Contains(HasSubstr("memory:2 is left out: it has no marker")));
  EXPECT_EQ(world_.objects(1), first);
  EXPECT_EQ(world_.objects(2), second);
}

TEST_F(Maintenance, OneStoreGivenTwiceCountsOnce) {
  wipe(1);
  auto stores = all_stores(world_);
  stores.erase(stores.begin() + 1);
  replace(1, "mf1/marker", world_.objects(0).at("mf1/marker"));  // as another way to the same place looks
  stores.push_back({World::url(1), "elsewhere", 0});
  const RepairReport report = maintain({}, stores);
  EXPECT_THAT(report.doubts, Contains(HasSubstr("the same store as memory:0")));
  EXPECT_EQ(first_path(1, "mf1/shard/"), "");
}

TEST_F(Maintenance, WithoutAnyStoreItIsRefused) {
  for (std::size_t i = 0; i < world_.size(); ++i) world_.faults(i).set_offline(true);
  const auto refused = thrown_by([&] { maintain(); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, ErrorKind::offline);
  for (std::size_t i = 0; i < world_.size(); ++i) world_.faults(i).set_offline(false);
}

TEST_F(Maintenance, WhatCannotBeRebuiltIsNamedByItsPack) {
  for (const std::size_t gone : {0U, 1U, 2U}) wipe(gone, "mf1/shard/");
  const RepairReport report = maintain();
  EXPECT_TRUE(report.is_lost);
  ASSERT_FALSE(report.unrepairable.empty());
  EXPECT_EQ(report.unrepairable.front().model + report.unrepairable.front().file, "");
  EXPECT_NE(report.unrepairable.front().pack, PackId{});
  world_.faults(3).set_offline(true);
  EXPECT_FALSE(maintain().is_lost) << "a store that is away may have it";
  world_.faults(3).set_offline(false);
}

class MaintenanceOfSeven : public Maintenance {
 protected:
  MaintenanceOfSeven() : Maintenance(7) {}
};

TEST_F(MaintenanceOfSeven, AStoreThatIsAwayIsTakenForGone) {
  std::size_t away = 0;
  while (first_path(away, "mf1/shard/").empty()) ++away;
  world_.faults(away).set_offline(true);
  const RepairReport report = maintain();
  EXPECT_GT(report.shards_written, 0U);
  EXPECT_EQ(report.packs_below_promise, 0U);
  EXPECT_THAT(report.doubts, IsEmpty());
  std::vector<std::size_t> more;
  for (std::size_t i = 0; more.size() < 2; ++i) {
    if (i != away) more.push_back(i);
  }
  for (const std::size_t gone : more) world_.faults(gone).set_offline(true);
  machine_.reopen();
  EXPECT_EQ(machine_.pull("ns/model"), files_);
  for (std::size_t i = 0; i < world_.size(); ++i) world_.faults(i).set_offline(false);
}

// By their domains, as they are given, no store can take a second shard.
TEST_F(MaintenanceOfSeven, DomainsAreThoseThatAreGiven) {
  std::size_t away = 0;
  while (first_path(away, "mf1/shard/").empty()) ++away;
  std::size_t spare = 0;
  while (!first_path(spare, "mf1/shard/").empty()) ++spare;
  wipe(away, "mf1/shard/");
  auto stores = all_stores(world_);
  std::size_t third = 0;
  while (third == away || third == spare) ++third;
  // What `third` has may be lost together with both stores that have room.
  stores[away].domain = stores[spare].domain = stores[third].domain = "one room";
  stores[(third + 1) % 7].domain = stores[third].domain;
  const RepairReport report = maintain({}, stores);
  EXPECT_GT(report.packs_below_promise, 0U);
}

TEST_F(MaintenanceOfSeven, TheBudgetIsKeptAndTheNextRunGoesOn) {
  for (std::uint64_t i = 0; i < 4; ++i)
    machine_.push("ns/m" + std::to_string(i), {{"m.bin", test::random_bytes(1'000'000, i)}});
  wipe(2, "mf1/shard/");
  wipe(3, "mf1/shard/");
  MaintenanceOptions options;
  options.repair.dry_run = true;
  const RepairReport whole = maintain(options);
  ASSERT_GT(whole.packs_repaired, 1U);
  options.repair.dry_run = false;
  options.repair.budget_bytes = 16'000'000;  // the largest alone, or several small ones
  std::uint64_t repaired = 0;
  for (int runs = 0; runs < 10 && repaired < whole.packs_repaired; ++runs) {
    const RepairReport report = maintain(options);
    EXPECT_LE(report.bytes_read + report.bytes_written, options.repair.budget_bytes);
    EXPECT_EQ(report.packs_below_promise, whole.packs_repaired - repaired - report.packs_repaired);
    repaired += report.packs_repaired;
  }
  EXPECT_EQ(repaired, whole.packs_repaired);
  EXPECT_TRUE(is_sound());
}

TEST(MaintenanceOfCopies, TheyAreMadeAgain) {
  World world(4);
  Machine machine(world, Threads::one);
  machine.create(test::k_copies);
  const Files files{{"m.bin", test::random_bytes(3'000'000, 1)}};
  machine.push("ns/model", files);
  const MaintenanceKey key(machine.pool().keys());
  std::size_t holder = 0;
  const auto has_shards = [&](std::size_t store) {
    const auto objects = world.objects(store);
    return std::any_of(objects.begin(), objects.end(),
                       [](const auto& one) { return one.first.starts_with("mf1/shard/"); });
  };
  while (!has_shards(holder)) ++holder;
  world.faults(holder).set_offline(true);
  const RepairReport report = maintain(world, key);
  EXPECT_GT(report.shards_written, 0U);
  EXPECT_EQ(report.shards_written, report.packs_repaired);
  std::size_t other = 0;
  while (other == holder || !has_shards(other)) ++other;
  world.faults(other).set_offline(true);
  machine.reopen();
  EXPECT_EQ(machine.pull("ns/model"), files);
  for (const std::size_t away : {holder, other}) world.faults(away).set_offline(false);
}

// Killed at any call of any store: what is there stays, and the next run ends.
TEST(MaintenanceCut, AtAnyCallNothingGetsWorse) {
  for (std::uint64_t at = 1;; at += 3) {
    World world(6);
    Machine machine(world, Threads::one);
    machine.create(k_survive_two);
    const Files files{{"m.bin", test::random_bytes(2'000'000, 7)}};
    machine.push("ns/model", files);
    const MaintenanceKey key(machine.pool().keys());
    std::map<std::size_t, std::map<std::string, Bytes>> before;
    for (const std::size_t lost : {1U, 4U}) {
      for (const auto& [path, bytes] : world.objects(lost)) {
        if (path != "mf1/marker") world.inner(lost).remove(ObjectName::parse(path).value(), {});
      }
    }
    for (std::size_t i = 0; i < world.size(); ++i) before[i] = world.objects(i);
    world.counter().start_over();
    world.counter().cut_at(at, test::Moment::after);
    thrown_by([&] { maintain(world, key); });
    const bool was_cut = world.counter().calls() >= at;
    world.counter().start_over();
    for (std::size_t i = 0; i < world.size(); ++i) {
      const auto now = world.objects(i);
      for (const auto& [path, bytes] : before[i]) ASSERT_EQ(now.at(path), bytes) << at;
    }
    const RepairReport report = maintain(world, key);
    EXPECT_EQ(report.packs_below_promise, 0U) << at;
    EXPECT_THAT(report.doubts, IsEmpty()) << at;
    for (const std::size_t more : {0U, 5U}) world.faults(more).set_offline(true);
    machine.reopen();
    EXPECT_EQ(machine.pull("ns/model"), files) << at;
    for (const std::size_t more : {0U, 5U}) world.faults(more).set_offline(false);
    if (!was_cut) break;
  }
}

}  // namespace
}  // namespace modelfloat
