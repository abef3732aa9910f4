// Stores, how they are opened, and how they do.
#include "support/registry_samples.h"
#include "support/registry_suite.h"

namespace modelfloat::registry {
namespace {

using namespace test;
using Names = std::vector<std::string>;

TEST_P(RegistrySuite, StoreSettingsAndSessionsStayUntilTheStoreGoes) {
  const auto store = sample_id<StoreId>(1);
  const auto other = sample_id<StoreId>(2);
  EXPECT_EQ(registry_->store_settings(store), std::nullopt);
  EXPECT_EQ(registry_->store_session(store), std::nullopt);
  const StoreSettingsRow row{store, "http://a", "http://b", "10M:off", Bytes(7, std::byte{0})};
  registry_->put_store_settings({store, "older", "", "", {}});
  registry_->put_store_settings(row);
  registry_->put_store_settings({other, "", "", "", {}});
  registry_->set_store_session(store, as_bytes("older"));
  registry_->set_store_session(store, Bytes(3, std::byte{0}));
  registry_->set_store_session(other, as_bytes("other"));
  reopen();
  EXPECT_EQ(registry_->store_settings(store), row);
  EXPECT_EQ(registry_->store_session(store), Bytes(3, std::byte{0}));
  registry_->set_store_session(store, {});
  EXPECT_EQ(registry_->store_session(store), std::nullopt);
  registry_->remove_store(store);
  EXPECT_EQ(registry_->store_settings(store), std::nullopt);
  EXPECT_TRUE(registry_->store_settings(other));
  EXPECT_EQ(registry_->store_session(other), to_bytes("other"));
  registry_->remove_store(other);
  EXPECT_EQ(registry_->store_session(other), std::nullopt);
}

TEST_P(RegistrySuite, HowStoresDoIsKeptUntilTheStoreGoes) {
  const auto store = sample_id<StoreId>(1);
  EXPECT_EQ(registry_->store_health(store), StoreHealthRow());
  EXPECT_EQ(registry_->store_use(store), StoreUseRow());
  EXPECT_TRUE(registry_->store_pauses(store).empty());
  const StoreHealthRow health{UtcTime(Milliseconds(5)),
                              "transient",
                              UtcTime(Milliseconds(7)),
                              {{"get", 1, 2, UINT64_MAX, 4, 5, 6}, {"put", 7, 8, 9, 10, 11, 12}}};
  registry_->put_store_health(store, {UtcTime(Milliseconds(1)), "", {}, {{"list", 1, 1, 1, 1, 1, 1}}});
  registry_->put_store_health(store, health);
  registry_->add_store_use(store, {20, 100, 1});
  registry_->add_store_use(store, {20, 50, 2});
  registry_->pause_store(store, {"uploads", UtcTime(Milliseconds(1)), "older"});
  registry_->pause_store(store, {"uploads", UtcTime(Milliseconds(9)), "full"});
  registry_->pause_store(store, {"all", UtcTime(Milliseconds(3)), "slow down"});
  reopen();
  EXPECT_EQ(registry_->store_health(store), health);
  EXPECT_EQ(registry_->store_use(store), (StoreUseRow{20, 150, 3}));
  EXPECT_EQ(registry_->store_pauses(store),
            (std::vector<StorePauseRow>{{"all", UtcTime(Milliseconds(3)), "slow down"},
                                        {"uploads", UtcTime(Milliseconds(9)), "full"}}));
  registry_->add_store_use(store, {21, 4, 0});
  EXPECT_EQ(registry_->store_use(store), (StoreUseRow{21, 4, 0}));
  registry_->remove_store(store);
  EXPECT_EQ(registry_->store_health(store), StoreHealthRow());
  EXPECT_EQ(registry_->store_use(store), StoreUseRow());
  EXPECT_TRUE(registry_->store_pauses(store).empty());
}

TEST_P(RegistrySuite, StoresAreOrderedByNameAndReplacedById) {
  const StoreRow disk{
      sample_id<StoreId>(1), "disk", "local:/mnt/disk", "disk", 0, UtcTime(Milliseconds(1'700'000'000'123))};
  StoreRow cloud{sample_id<StoreId>(2),    "cloud", "s3:https://host/bucket", "company", UINT64_MAX,
                 UtcTime(Milliseconds(-5))};
  registry_->put_store(disk);
  registry_->put_store(cloud);
  EXPECT_EQ(registry_->stores(), (std::vector{cloud, disk}));
  cloud.name = "zulu";
  cloud.capacity_bytes = 7;
  cloud.use = StoreUse::draining;
  registry_->put_store(cloud);
  reopen();
  EXPECT_EQ(registry_->stores(), (std::vector{disk, cloud}));
  const StoreRow twin{sample_id<StoreId>(3), "disk", "local:/other", "disk", 0, {}};
  EXPECT_EQ(error_of([&] { registry_->put_store(twin); }), ErrorKind::invalid);
  EXPECT_EQ(registry_->stores(), (std::vector{disk, cloud}));
}

TEST_P(RegistrySuite, TheUseOfAStoreIsKept) {
  StoreRow row{sample_id<StoreId>(1), "disk", "local:/mnt/disk", "disk", 0, {}};
  for (const StoreUse use : {StoreUse::draining, StoreUse::other, StoreUse::in_use}) {
    row.use = use;
    registry_->put_store(row);
    reopen();
    EXPECT_EQ(registry_->stores(), std::vector{row});
  }
}

TEST_P(RegistrySuite, RemovedStoreTakesItsRowsAlong) {
  const auto gone = sample_id<StoreId>(1);
  const auto stays = sample_id<StoreId>(2);
  for (const StoreId& store : {gone, stays}) {
    registry_->put_store({store, "store " + std::to_string(std::to_integer<int>(store[12])), "local:/x", "d", 0, {}});
    registry_->add_shard_place(sample_hash(1), store);
    registry_->record_listed(store, Names{"mf1/log/a"});
    registry_->queue_puts(std::vector<QueuedPut>{{store, "mf1/marker", to_bytes("x")}});
  }
  registry_->remove_store(gone);
  registry_->remove_store(gone);
  EXPECT_EQ(registry_->stores().size(), 1U);
  EXPECT_EQ(registry_->shard_places(sample_hash(1)), std::vector{stays});
  EXPECT_TRUE(registry_->listed(gone).empty());
  EXPECT_EQ(registry_->listed(stays).size(), 1U);
  ASSERT_EQ(registry_->queued_puts().size(), 1U);
  EXPECT_EQ(registry_->queued_puts()[0].store, stays);
}

}  // namespace
}  // namespace modelfloat::registry
