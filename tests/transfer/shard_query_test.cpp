#include "modelfloat/transfer/ask/shard_query.h"

#include "support/temporary_folder.h"
#include "transfer/store_world.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/mf1/format.h"
#include "modelfloat/registry/sqlite/sqlite_registry.h"

namespace modelfloat::transfer {
namespace {

using registry::CopyState;
using test::Call;
using test::StoreWorld;
using testing::ElementsAre;
using testing::IsEmpty;

Hash256 hash(unsigned char number) { return Hash256{std::byte{number}}; }

class ShardQueryTest : public testing::Test {
 protected:
  ShardQueryTest() {
    for (const auto& row : world_.rows()) registry_->put_store(row);
    connect();
  }
  void connect() {
    stores_.emplace(world_.rows(), world_.context(io_));
    query_.emplace(*stores_, *registry_, CallOptions{});
  }
  const PoolStore* store(std::size_t index) const { return stores_->find(StoreWorld::id(index)); }
  void put(std::size_t index, unsigned char shard, std::uint64_t bytes = mf1::k_header_bytes + k_slice_bytes) {
    world_.inner(index).put(ObjectName::of(ObjectType::shard, hash(shard)), Bytes(bytes), {});
  }
  void expect_at(std::size_t index, unsigned char shard) {
    registry_->add_shard_place(hash(shard), StoreWorld::id(index));
  }
  std::uint64_t stats(std::size_t index) { return world_.faults(index).calls(Call::stat); }
  Inventory ask(const Pack& pack) { return query_->ask({&pack, 1}); }

  static constexpr std::uint64_t k_slice_bytes = 1000;
  test::TemporaryFolder folder_;
  std::unique_ptr<registry::Registry> registry_ = registry::open_sqlite_registry(folder_ / "registry.db");
  StoreWorld world_{4};
  InlineExecutor io_;
  std::optional<StoreSet> stores_;
  std::optional<ShardQuery> query_;
  const Pack pack_{
      .id = hash(100), .k = 2, .m = 1, .slice_bytes = k_slice_bytes, .shards = {hash(1), hash(2), hash(3)}};
  const Pack copies_{.id = hash(101), .k = 1, .m = 1, .slice_bytes = k_slice_bytes, .shards = {hash(9)}};
};

TEST_F(ShardQueryTest, AsksWhereTheRegistryExpectsThem) {
  for (const unsigned char i : {0, 1, 2}) {
    put(i, i + 1);
    expect_at(i, i + 1);
  }
  const auto found = ask(pack_);
  EXPECT_THAT(found.missing(pack_), IsEmpty());
  EXPECT_THAT(found.holders(pack_, 1), ElementsAre(store(1)));
  EXPECT_FALSE(found.complete(*store(0)));
  for (const std::size_t i : {0U, 1U, 2U}) EXPECT_EQ(stats(i), 1U);
  EXPECT_EQ(stats(3), 0U);
  EXPECT_EQ(query_->most_calls(), 1U);
}

TEST_F(ShardQueryTest, AsksAllWhereNothingIsExpectedAndRemembersWhatIsFound) {
  put(0, 1);
  put(3, 2);
  put(3, 3);
  EXPECT_THAT(ask(pack_).missing(pack_), IsEmpty());
  EXPECT_EQ(query_->most_calls(), 3U);
  EXPECT_THAT(registry_->shard_places(hash(2)), ElementsAre(StoreWorld::id(3)));
}

TEST_F(ShardQueryTest, AsksTheOthersForWhatIsNotWhereItShouldBe) {
  for (const unsigned char i : {0, 1, 2}) expect_at(i, i + 1);
  put(0, 1);
  put(1, 2, 12);  // of the wrong size
  put(3, 2);
  const auto found = ask(pack_);
  EXPECT_THAT(found.holders(pack_, 1), ElementsAre(store(3)));
  EXPECT_THAT(found.missing(pack_), ElementsAre(2));
}

TEST_F(ShardQueryTest, ACopyThatIsKnownToBeDamagedIsNotAskedFor) {
  put(0, 9);
  put(1, 9);
  put(2, 9);
  registry_->record_shard_copy(hash(9), StoreWorld::id(0), CopyState::corrupt);
  expect_at(1, 9);
  const auto found = ask(copies_);
  EXPECT_EQ(stats(0), 0U);
  EXPECT_THAT(found.holders(copies_, 0), ElementsAre(store(1), store(2)));
  EXPECT_THAT(found.missing(copies_), IsEmpty());
}

TEST_F(ShardQueryTest, AStoreThatFailsIsNotAskedAgain) {
  for (const unsigned char i : {0, 1, 2}) {
    put(i, i + 1);
    expect_at(i, i + 1);
  }
  world_.faults(1).fail_next(Call::stat, ErrorKind::transient);
  const auto found = ask(pack_);
  EXPECT_THAT(found.missing(pack_), ElementsAre(1));
  EXPECT_NE(found.stores().at(1).trouble, "");
  EXPECT_EQ(found.stores().at(0).trouble, "");
  const auto before = stats(1);
  EXPECT_THAT(ask(pack_).missing(pack_), ElementsAre(1));
  EXPECT_EQ(stats(1), before);
}

TEST_F(ShardQueryTest, AStoreThatRefusesAShardIsAskedForOthers) {
  for (const unsigned char i : {0, 1, 2}) {
    put(1, i + 1);
    expect_at(1, i + 1);
  }
  world_.faults(1).fail_next(Call::stat, ErrorKind::denied);
  EXPECT_THAT(ask(pack_).missing(pack_), ElementsAre(0));
  EXPECT_THAT(ask(pack_).missing(pack_), IsEmpty());
}

TEST_F(ShardQueryTest, AStoreThatIsAwayIsNotAsked) {
  for (const unsigned char i : {0, 1, 2}) expect_at(i, i + 1);
  world_.faults(0).set_offline(true);
  connect();
  put(1, 2);
  put(2, 3);
  const auto found = ask(pack_);
  EXPECT_THAT(found.missing(pack_), ElementsAre(0));
  EXPECT_EQ(found.stores().at(0).trouble, "");
}

}  // namespace
}  // namespace modelfloat::transfer
