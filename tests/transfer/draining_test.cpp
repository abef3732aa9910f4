// A store that is draining gets no new shard. All else is as before.
#include "support/fixed_random.h"
#include "support/thrown.h"
#include "transfer/store_world.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/transfer/packs/delivery.h"

namespace modelfloat::transfer {
namespace {

using test::Call;
using test::StoreWorld;
using testing::HasSubstr;

class Draining : public testing::Test {
 protected:
  void open(const std::vector<registry::StoreRow>& rows) {
    stores_.emplace(rows, world_.context(io_));
    stores_->wait_for_checks({});
  }
  // s0 and s1 of four.
  std::vector<registry::StoreRow> two_of_four() const {
    auto rows = world_.rows();
    rows[0].use = StoreUse::draining;
    rows[1].use = StoreUse::other;
    return rows;
  }
  // Copies of one object on two stores.
  ShardsToDeliver copies() const {
    const auto object = std::make_shared<const Bytes>(test::random_bytes(1000, 1));
    const Hash256 name = crypto::blake3(*object);
    Pack pack{.k = 1, .m = 1, .slice_bytes = 1000, .survive = 1, .shards = {name}};
    return {.pack = pack, .objects = {{0, object}, {1, object}}};
  }
  std::uint64_t puts(std::size_t store) { return world_.faults(store).calls(Call::put); }

  StoreWorld world_{4};
  ThreadPool io_{8};
  test::FixedRandom random_{7};
  std::optional<StoreSet> stores_;
};

TEST_F(Draining, AStoreHasNoRoomAndIsNotAsked) {
  world_.faults(1).set_offline(true);
  auto rows = two_of_four();
  rows[2].capacity_bytes = 10'000;
  open(rows);
  const Targets targets = ask_targets(*stores_, {});
  ASSERT_EQ(targets.stores.size(), 4U);
  for (const std::size_t i : {0U, 1U}) {
    EXPECT_EQ(targets.candidates[i].free_bytes, 0U);
    EXPECT_EQ(world_.faults(i).calls(Call::space), 0U);
  }
  EXPECT_LE(targets.candidates[2].free_bytes, 10'000U);
  EXPECT_GT(targets.candidates[2].free_bytes, 0U);
  EXPECT_NE(targets.candidates[3].free_bytes, 0U);
  EXPECT_THAT(stores_->find("s0")->state->put_trouble()->what(), HasSubstr("draining"));
  EXPECT_THAT(stores_->find("s1")->state->put_trouble()->what(), HasSubstr("does not know"));
  EXPECT_FALSE(stores_->find("s2")->state->put_trouble());
}

TEST_F(Draining, AStoreThatCouldNotBeMadeIsPassedOver) {
  world_.unmakable = true;
  open(two_of_four());
  EXPECT_EQ(ask_targets(*stores_, {}).stores.size(), 2U);
}

TEST_F(Draining, AStoreGetsNoShard) {
  open(two_of_four());
  Delivery delivery({*stores_, random_, {}}, ask_targets(*stores_, {}));
  delivery.start(copies());
  EXPECT_EQ(delivery.finish().size(), 2U);
  EXPECT_EQ(puts(0) + puts(1), 0U);
}

TEST_F(Draining, AStoreTakesNoShardInsteadOfOneThatFails) {
  open(two_of_four());
  world_.faults(3).fail_next(Call::put, ErrorKind::denied, 1'000'000);
  Delivery delivery({*stores_, random_, {}}, ask_targets(*stores_, {}));
  delivery.start(copies());
  EXPECT_EQ(delivery.wait(), DeliveryState::stuck);
  EXPECT_FALSE(delivery.readmit());
  EXPECT_EQ(puts(0) + puts(1), 0U);
}

// Its domain has a shard already.
TEST_F(Draining, AShardOnTheStoreCounts) {
  open(two_of_four());
  Delivery delivery({*stores_, random_, {}}, ask_targets(*stores_, {}));
  ShardsToDeliver shards = copies();
  shards.objects.pop_back();
  shards.lying.push_back({1, StoreWorld::id(0), StoreWorld::row(0).domain});
  delivery.start(shards);
  const auto places = delivery.finish();
  ASSERT_EQ(places.size(), 1U);
  EXPECT_NE(places[0].store, StoreWorld::id(1));
}

TEST_F(Draining, AStoreIsMadeAnewWhenItsUseChanges) {
  open(world_.rows());
  const PoolStore* before = stores_->find("s0");
  stores_->set_rows(two_of_four());
  stores_->wait_for_checks({});
  EXPECT_NE(stores_->find("s0"), before);
  EXPECT_EQ(stores_->find("s0")->use, StoreUse::draining);
  EXPECT_TRUE(stores_->find("s0")->is_online());
  EXPECT_EQ(stores_->online().size(), 4U);
}

}  // namespace
}  // namespace modelfloat::transfer
