// What naming, listing and judging models asks of the registry, and that a shortcut in it tells the
// same as the manifest.
#include "modelfloat/engine/catalogue/model_health.h"

#include <optional>
#include <random>
#include <set>

#include "engine/test_pool.h"
#include "support/fixed_random.h"
#include <gtest/gtest.h>

#include "modelfloat/engine/catalogue/model_list.h"
#include "modelfloat/engine/upkeep/verify.h"
#include "modelfloat/registry/sqlite/sqlite_registry.h"
#include "modelfloat/registry/sqlite/sqlite_registry_impl.h"

namespace modelfloat {
namespace {

using engine::Health;
using registry::CopyState;
using registry::LocatedPack;
using test::Machine;
using test::Threads;
using test::World;

// Counts what looks for the shards of models.
class WatchedRegistry final : public registry::SqliteRegistry {
 public:
  explicit WatchedRegistry(const std::filesystem::path& file) : SqliteRegistry(file, registry::k_lock_timeout) {}

  std::size_t looks = 0;         // at the packs of a manifest
  std::size_t single_looks = 0;  // at one shard, or one document
  bool knows_manifests = true;

  std::optional<std::vector<LocatedPack>> located_packs(const Hash256& manifest, std::uint64_t first,
                                                        std::size_t limit) override {
    ++looks;
    return knows_manifests ? SqliteRegistry::located_packs(manifest, first, limit) : std::nullopt;
  }
  std::vector<registry::ShardCopy> shard_copies(const Hash256& object) override {
    ++single_looks;
    return SqliteRegistry::shard_copies(object);
  }
  std::optional<Bytes> document(const std::string& object) override {
    ++single_looks;
    return SqliteRegistry::document(object);
  }
};

class ModelHealthTest : public testing::Test {
 protected:
  ModelHealthTest() {
    machine_.create(test::k_survive_two);
    machine_.push("ns/large", {{"m.bin", test::random_bytes(9'000'000, 1)}});
    machine_.push("ns/copies", {{"m.bin", test::random_bytes(900'000, 2)}}, Redundancy{1, 2});
    machine_.push("ns/small", {{"m.bin", test::random_bytes(900, 3)}});
    registry_.emplace(machine_.registry_file());
    pool_ = machine_.pool_with(*registry_);
    registry_->looks = registry_->single_looks = 0;  // opening the pool reads its log
  }

  std::vector<engine::ModelSummary> models() { return engine::list_models(*pool_, "", "", 10).models; }
  std::vector<std::pair<Health, std::uint64_t>> health(bool by_registry) {
    registry_->knows_manifests = by_registry;
    std::vector<std::pair<Health, std::uint64_t>> all;
    for (const auto& one : engine::health_of_models(*pool_, models(), engine::AskStores::no, {}))
      all.emplace_back(one.health, one.stores);
    return all;
  }
  std::vector<Hash256> shards() {
    std::vector<Hash256> objects;
    for (const auto& model : models()) {
      const auto packs = registry_->located_packs(model.manifest.content, 0, 100).value();
      for (const LocatedPack& located : packs) {
        objects.insert(objects.end(), located.pack.shards.begin(), located.pack.shards.end());
        // As if parity had been added later.
        const auto index = static_cast<std::uint8_t>(located.pack.shard_count());
        Hash256 later = located.pack.shards[0];
        later[0] ^= std::byte{1};
        registry_->add_stray_shards(std::vector{registry::StrayShard{later, located.pack.id, index}});
        objects.push_back(later);
      }
    }
    return objects;
  }

  World world_{6};
  Machine machine_{world_, Threads::one};
  std::optional<WatchedRegistry> registry_;
  std::unique_ptr<engine::Pool> pool_;
};

TEST_F(ModelHealthTest, NamingAndListingModelsLooksForNoShard) {
  EXPECT_EQ(engine::list_models(*pool_, "", "", 10).models.size(), 3U);
  const auto model = engine::find_model(*pool_, "ns/large").value();
  EXPECT_EQ(engine::find_model(*pool_, model.id)->name, "ns/large");
  EXPECT_EQ(engine::find_name(*pool_, model.id), "ns/large");
  EXPECT_EQ(engine::default_tag(*pool_, "ns/large"), "latest");
  EXPECT_EQ(engine::list_revisions(*pool_, "ns/large").size(), 1U);
  EXPECT_EQ(registry_->looks, 0U);
  EXPECT_EQ(registry_->single_looks, 0U);
}

TEST_F(ModelHealthTest, AModelIsJudgedByOneLookAtItsPacks) {
  const auto all = models();
  const auto health = engine::health_of_models(*pool_, all, engine::AskStores::yes, {});
  EXPECT_EQ(registry_->looks, all.size());
  EXPECT_EQ(registry_->single_looks, 0U);
  for (const auto& one : health) EXPECT_EQ(one.health, Health::sound);
  EXPECT_EQ(health.at(0).stores, 3U);
  EXPECT_EQ(health.at(1).stores, 6U);
  EXPECT_EQ(health.at(2).stores, 6U);
}

TEST_F(ModelHealthTest, TheRegistryTellsTheSameAsTheManifest) {
  const auto objects = shards();
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same states each time
  std::set<Health> seen;
  for (const std::size_t away : {0U, 1U, 3U, 5U}) {
    for (std::size_t i = 0; i < world_.size(); ++i) world_.faults(i).set_offline(i < away);
    pool_.reset();
    pool_ = machine_.pool_with(*registry_);
    const auto stores = registry_->stores();
    for (int round = 0; round < 60; ++round) {
      const auto& store = stores[random() % stores.size()].id;
      const auto state = static_cast<CopyState>(random() % 3);
      registry_->record_shard_copy(objects[random() % objects.size()], store, state);
      if (round % 20 == 19) registry_->set_shard_places(store, std::span(objects).subspan(random() % objects.size()));
      const auto told = health(true);
      ASSERT_EQ(told, health(false)) << away << " away, round " << round;
      for (const auto& one : told) seen.insert(one.first);
    }
  }
  EXPECT_GE(seen.size(), 3U);  // or the states are too much alike to prove anything
}

// All shards are there; two stores were found to fail together since.
TEST(ModelHealthByDomain, TooManyShardsInOneDomainAreDegraded) {
  World world(6);
  Machine machine(world, Threads::one);
  machine.create({4, 2, 2});
  machine.push("ns/model", {{"m.bin", test::random_bytes(1'000'000, 1)}});
  EXPECT_EQ(machine.health().health, engine::Health::sound);
  for (auto row : machine.pool().registry().stores()) {
    if (row.name != "s0" && row.name != "s1") continue;
    row.domain = "one disk";
    engine::change_store(machine.pool(), row, {});
  }
  EXPECT_EQ(machine.health().health, engine::Health::degraded);
  const auto report = engine::verify(machine.pool(), {}, {});
  ASSERT_EQ(report.models.size(), 1U);
  EXPECT_EQ(report.models[0].health, engine::Health::degraded);
}

}  // namespace
}  // namespace modelfloat
