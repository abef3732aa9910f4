#include "modelfloat/transfer/ask/inventory.h"

#include "support/temporary_folder.h"
#include "transfer/store_world.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/mf1/format.h"
#include "modelfloat/registry/sqlite/sqlite_registry.h"

namespace modelfloat::transfer {
namespace {

using registry::CopyState;
using test::StoreWorld;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

Hash256 hash(unsigned char number) { return Hash256{std::byte{number}}; }
ObjectName shard_name(unsigned char number) { return ObjectName::of(ObjectType::shard, hash(number)); }

// Three stores, of which the first two gave complete lists, and hand-made lists of them.
class InventoryTest : public testing::Test {
 protected:
  InventoryTest() {
    for (const auto& row : world_.rows()) registry_->put_store(row);
    stores_.emplace(world_.rows(), world_.context(io_));
  }
  const PoolStore* store(std::size_t index) const { return stores_->find(StoreWorld::id(index)); }
  // As many objects, of this size unless another is given.
  StoreListing listing(std::size_t index, const std::vector<unsigned char>& shards, bool complete = true) const {
    StoreListing listing{.store = store(index), .complete = complete};
    if (!complete) listing.trouble = "did not answer in time";
    for (const unsigned char shard : shards) listing.objects.push_back({shard_name(shard), whole_size(), {}});
    return listing;
  }
  std::uint64_t whole_size() const { return mf1::k_header_bytes + pack_.slice_bytes; }
  Inventory inventory(std::vector<StoreListing> listings) const {
    return {stores_->all(), std::move(listings), *registry_};
  }
  // A pack at 1+1 of a single object.
  Pack copies() const {
    Pack pack = pack_;
    pack.k = 1;
    pack.m = 1;
    pack.shards = {hash(9)};
    return pack;
  }

  test::TemporaryFolder folder_;
  std::unique_ptr<registry::Registry> registry_ = registry::open_sqlite_registry(folder_ / "registry.db");
  StoreWorld world_{3};
  InlineExecutor io_;
  std::optional<StoreSet> stores_;
  const Pack pack_{.id = hash(100), .k = 2, .m = 1, .slice_bytes = 1000, .shards = {hash(1), hash(2), hash(3)}};
};

TEST_F(InventoryTest, AShardThatNobodyListsInItsRightSizeIsMissing) {
  auto first = listing(0, {1, 2});
  first.objects[1].size_bytes = 12;
  const auto listed = inventory({first, listing(1, {1, 3}), listing(2, {})});
  EXPECT_TRUE(listed.complete());
  EXPECT_THAT(listed.holders(pack_, 0), ElementsAre(store(0), store(1)));
  EXPECT_THAT(listed.holders(pack_, 1), IsEmpty());
  EXPECT_THAT(listed.missing(pack_), ElementsAre(1));
}

TEST_F(InventoryTest, ACorruptCopyIsNoHolderWhateverTheListSays) {
  registry_->record_shard_copy(hash(1), StoreWorld::id(0), CopyState::corrupt);
  registry_->record_shard_copy(hash(2), StoreWorld::id(1), CopyState::missing);
  const auto listed = inventory({listing(0, {1, 2, 3}), listing(1, {2})});
  EXPECT_THAT(listed.holders(pack_, 0), IsEmpty());
  EXPECT_THAT(listed.holders(pack_, 1), ElementsAre(store(0), store(1))) << "a list shows what is there again";
  EXPECT_THAT(listed.missing(pack_), ElementsAre(0));
}

TEST_F(InventoryTest, CopiesOfOneObjectCountAsShards) {
  EXPECT_THAT(inventory({listing(0, {9}), listing(2, {9})}).missing(copies()), IsEmpty());
  EXPECT_THAT(inventory({listing(2, {9})}).missing(copies()), ElementsAre(1));
  EXPECT_THAT(inventory({}).missing(copies()), ElementsAre(0, 1));
}

TEST_F(InventoryTest, CopiesAreThoseThatAreListedAndThoseThatAreExpected) {
  registry_->add_shard_place(hash(1), StoreWorld::id(1));
  registry_->record_shard_copy(hash(1), StoreWorld::id(2), CopyState::corrupt);
  const auto listed = inventory({listing(0, {1}), listing(1, {}), listing(2, {1}, false)});
  const auto copies = listed.copies(hash(1));
  ASSERT_EQ(copies.size(), 3U);
  EXPECT_EQ(copies[0].store, store(0));
  EXPECT_EQ(copies[0].size_bytes, whole_size());
  EXPECT_EQ(copies[0].remembered, std::nullopt);
  EXPECT_EQ(copies[1].size_bytes, std::nullopt);
  EXPECT_EQ(copies[1].remembered, CopyState::whole);
  EXPECT_TRUE(copies[1].is_decided);
  EXPECT_EQ(copies[2].size_bytes, whole_size());
  EXPECT_EQ(copies[2].remembered, CopyState::corrupt);
  EXPECT_FALSE(copies[2].is_decided);
  EXPECT_THAT(listed.copies(hash(2)), IsEmpty());
}

TEST_F(InventoryTest, IsCompleteWhenEveryStoreOfThePoolIs) {
  const auto listed = inventory({listing(0, {}), listing(1, {1}, false)});
  EXPECT_FALSE(listed.complete());
  EXPECT_TRUE(listed.complete(*store(0)));
  EXPECT_FALSE(listed.complete(*store(1)));  // it failed
  EXPECT_FALSE(listed.complete(*store(2)));  // it was not asked
  EXPECT_EQ(listed.stores()[1].trouble, "did not answer in time");
  EXPECT_EQ(listed.stores()[2].trouble, "");
  EXPECT_TRUE(inventory({listing(2, {}), listing(1, {}), listing(0, {})}).complete());
}

TEST_F(InventoryTest, StrayIsWhatNoPackNames) {
  registry_->learn_pack(pack_, {});
  const auto listed = inventory({listing(0, {7, 1}), listing(1, {2}), listing(2, {8, 7}, false)});
  EXPECT_THAT(listed.stray(),
              ElementsAre(Pair(hash(7), ElementsAre(store(0), store(2))), Pair(hash(8), ElementsAre(store(2)))));
}

TEST_F(InventoryTest, ADocumentIsLackingOnlyWhereAllIsListed) {
  const ObjectName document = ObjectName::of(ObjectType::content, hash(5));
  auto first = listing(0, {5});  // a shard of the same hash is another object
  auto second = listing(1, {});
  second.objects.push_back({document, 77, {}});
  const auto listed = inventory({first, second, listing(2, {}, false)});
  const auto stores = listed.expected_everywhere(document);
  EXPECT_THAT(stores.having, ElementsAre(store(1)));
  EXPECT_THAT(stores.lacking, ElementsAre(store(0)));
  EXPECT_EQ(listed.listed_size(*store(1), document), 77U);
  EXPECT_EQ(listed.listed_size(*store(0), document), std::nullopt);
  EXPECT_EQ(listed.listed_size(*store(0), shard_name(5)), whole_size());
}

TEST_F(InventoryTest, AnObjectThatIsListedTwiceIsThereOnce) {
  const auto listed = inventory({listing(0, {1, 1, 1})});
  EXPECT_EQ(listed.stores()[0].shards.size(), 1U);
  EXPECT_EQ(listed.copies(hash(1)).size(), 1U);
}

TEST_F(InventoryTest, AStoreThatHasLeftThePoolIsLeftOut) {
  auto left = listing(2, {1});
  stores_->set_rows({StoreWorld::row(0), StoreWorld::row(1)});
  const auto listed = inventory({listing(0, {}), listing(1, {}), left});
  EXPECT_EQ(listed.stores().size(), 2U);
  EXPECT_TRUE(listed.complete());
  EXPECT_THAT(listed.copies(hash(1)), IsEmpty());
}

TEST_F(InventoryTest, IsTakenOfAllStoresThatAreOnline) {
  world_.inner(0).put(shard_name(1), Bytes(10), {});
  world_.inner(1).put(shard_name(1), Bytes(10), {});
  world_.faults(2).set_offline(true);
  stores_.emplace(world_.rows(), world_.context(io_));
  const auto listed = take_inventory(*stores_, *registry_, {"mf1/"}, {});
  ASSERT_EQ(listed.stores().size(), 3U);
  EXPECT_EQ(listed.copies(hash(1)).size(), 2U);
  EXPECT_TRUE(listed.expected_everywhere(ObjectName::marker()).lacking.empty());
  EXPECT_FALSE(listed.complete(*store(2)));
}

}  // namespace
}  // namespace modelfloat::transfer
