#include "modelfloat/transfer/packs/delivery.h"

#include <algorithm>
#include <map>
#include <set>

#include "support/fixed_random.h"
#include "support/thrown.h"
#include "transfer/store_world.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/crypto/hash.h"

namespace modelfloat::transfer {
namespace {

using test::Call;
using test::kind_thrown;
using test::StoreWorld;
using testing::HasSubstr;

constexpr unsigned k_always = 1'000'000;
constexpr std::size_t k_object_bytes = 1000;

// A pack at 4+2 that survives the loss of any two of the stores s0, s1, ..., each of a domain of
// its own.
class DeliveryTest : public testing::Test {
 protected:
  explicit DeliveryTest(std::size_t stores = 8) : world_(stores) {
    pack_ = {.k = 4, .m = 2, .slice_bytes = k_object_bytes, .survive = 2, .shards = {}};
    make_objects(pack_.shard_count());
  }
  ~DeliveryTest() override {
    for (std::size_t i = 0; i < world_.rows().size(); ++i) world_.faults(i).go_on();
  }
  void make_objects(std::size_t count) {
    objects_.clear();
    pack_.shards.clear();
    for (std::size_t i = 0; i < count; ++i) {
      objects_.push_back(std::make_shared<const Bytes>(test::random_bytes(k_object_bytes, i)));
      pack_.shards.push_back(crypto::blake3(*objects_.back()));
    }
  }
  // From here on the stores wait as the world says.
  Delivery& delivery() {
    if (!delivery_) {
      stores_.emplace(world_.rows(), world_.context(io_));
      stores_->wait_for_checks({});
      delivery_.emplace(DeliveryContext{*stores_, random_, {}}, ask_targets(*stores_, {}));
    }
    return *delivery_;
  }
  // Shard i lies on store i, but for these; they are to be delivered.
  ShardsToDeliver all_but(const std::set<std::size_t>& lost) {
    ShardsToDeliver shards{.pack = pack_, .objects = {}};
    for (std::size_t i = 0; i < pack_.shard_count(); ++i) {
      if (lost.contains(i)) {
        shards.objects.push_back({i, objects_[pack_.k == 1 ? 0 : i]});
      } else {
        shards.lying.push_back({i, StoreWorld::id(i), StoreWorld::row(i).domain});
      }
    }
    return shards;
  }
  bool has(std::size_t store, std::size_t shard) {
    return world_.inner(store).stat(ObjectName::of(ObjectType::shard, pack_.shard_name(shard)), {}).has_value();
  }
  std::uint64_t puts() {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < world_.rows().size(); ++i) sum += world_.faults(i).calls(Call::put);
    return sum;
  }
  // The numbers of the stores, each of which has what it should.
  std::vector<std::size_t> stores_of(const std::vector<ShardPlace>& places) {
    std::vector<std::size_t> numbers;
    for (const ShardPlace& place : places) {
      const auto number = std::to_integer<std::size_t>(place.store[1]);
      EXPECT_EQ(place.domain, StoreWorld::row(number).domain);
      EXPECT_TRUE(has(number, place.index)) << "shard " << place.index << " on s" << number;
      numbers.push_back(number);
    }
    return numbers;
  }
  static std::set<std::size_t> set_of(const std::vector<std::size_t>& numbers) {
    return {numbers.begin(), numbers.end()};
  }

  StoreWorld world_;
  ThreadPool io_{16};
  test::FixedRandom random_{7};
  Pack pack_;
  std::vector<std::shared_ptr<const Bytes>> objects_;
  std::optional<StoreSet> stores_;
  std::optional<Delivery> delivery_;
};

class DeliveryToSix : public DeliveryTest {
 protected:
  DeliveryToSix() : DeliveryTest(6) {}
};

TEST_F(DeliveryTest, AllShardsOfAPack) {
  delivery().start(all_but({0, 1, 2, 3, 4, 5}));
  const auto places = delivery().finish();
  ASSERT_EQ(places.size(), 6U);
  for (std::size_t i = 0; i < places.size(); ++i) EXPECT_EQ(places[i].index, i);
  EXPECT_EQ(set_of(stores_of(places)).size(), 6U);
  EXPECT_EQ(delivery().state(), DeliveryState::delivered);
  EXPECT_EQ(delivery().places(), places);
  EXPECT_EQ(delivery().put_bytes(), 6 * k_object_bytes);
  EXPECT_FALSE(delivery().is_still_read());
}

TEST_F(DeliveryTest, AFewShardsGoWhereNoOtherOfThePackLies) {
  delivery().start(all_but({2, 5}));
  const auto stores = stores_of(delivery().finish());
  ASSERT_EQ(stores.size(), 2U);
  EXPECT_NE(stores[0], stores[1]);
  for (const std::size_t store : stores) EXPECT_TRUE(store == 2 || store >= 5) << store;
  EXPECT_EQ(puts(), 2U) << "what lies is not put";
}

TEST_F(DeliveryTest, AStoreThatFailsIsReplaced) {
  for (const std::size_t i : {2U, 5U}) world_.faults(i).fail_next(Call::put, ErrorKind::denied, k_always);
  delivery().start(all_but({2, 5}));
  EXPECT_EQ(set_of(stores_of(delivery().finish())), (std::set<std::size_t>{6, 7}));
}

TEST_F(DeliveryTest, AStoreThatFailedGetsNoShardOfLaterPacks) {
  world_.faults(2).fail_next(Call::put, ErrorKind::denied, k_always);
  for (int i = 0; i < 20; ++i) {
    delivery().start(all_but({2}));
    EXPECT_NE(stores_of(delivery().finish()).front(), 2U);
  }
  EXPECT_EQ(world_.faults(2).calls(Call::put), 1U);
}

TEST_F(DeliveryToSix, AStoreThatTakesFarTooLongIsReplaced) {
  world_.faults(4).stall(Call::put);
  pack_.survive = 1;  // so that another may take a second shard
  delivery().start(all_but({4}));
  world_.faults(4).wait_for_stalled(1);
  EXPECT_EQ(delivery().poll(), DeliveryState::under_way);
  EXPECT_FALSE(delivery().is_still_read());
  world_.clock.advance(std::chrono::ceil<Milliseconds>(delivery().next_event() - world_.clock.steady_now()));
  const auto stores = stores_of(delivery().finish());
  ASSERT_EQ(stores.size(), 1U);
  EXPECT_NE(stores[0], 4U);
  EXPECT_TRUE(delivery().is_still_read());
  world_.faults(4).wait_for_none_stalled();
}

TEST_F(DeliveryTest, AStoreThatSaysThatItStoredAndDidNotIsReplaced) {
  for (const std::size_t i : {2U, 5U, 6U}) world_.faults(i).lose_puts(k_always);
  pack_.survive = 1;
  delivery().start(all_but({2}));
  EXPECT_EQ(stores_of(delivery().finish()), (std::vector<std::size_t>{7}));
}

TEST_F(DeliveryTest, CopiesGoToStoresThatHaveNone) {
  pack_ = {.k = 1, .m = 2, .slice_bytes = k_object_bytes, .survive = 2, .shards = {}};
  make_objects(1);
  for (const std::size_t i : {3U, 4U, 5U, 6U}) world_.faults(i).fail_next(Call::put, ErrorKind::denied, k_always);
  delivery().start(all_but({1, 2}));
  const auto stores = set_of(stores_of(delivery().finish()));
  EXPECT_EQ(stores.size(), 2U);
  for (const std::size_t store : stores) EXPECT_TRUE(store == 1 || store == 2 || store == 7) << store;
}

TEST_F(DeliveryToSix, IsStuckWhenNoPlaceIsLeft) {
  world_.faults(4).fail_next(Call::put, ErrorKind::denied, k_always);
  delivery().start(all_but({4, 5}));
  ASSERT_EQ(delivery().wait(), DeliveryState::stuck);
  EXPECT_THAT(delivery().why(), HasSubstr("s4 cannot take a shard"));
  EXPECT_FALSE(delivery().retry()) << "it asked for no moment";
  EXPECT_FALSE(delivery().readmit());
  const StoresLeft left = delivery().stores_left();
  ASSERT_EQ(left.failed.size(), 1U);
  const std::size_t failed = left.failed.begin()->first;
  EXPECT_EQ(left.targets.stores[failed]->name, "s4");
  EXPECT_EQ(left.targets.candidates[failed].free_bytes, 0U);
  EXPECT_EQ(left.failed.begin()->second.kind, ErrorKind::denied);

  delivery().give_up();  // another plan: what it needs is there
  EXPECT_EQ(delivery().state(), DeliveryState::idle);
  pack_.survive = 1;
  delivery().start(all_but({4, 5}));
  EXPECT_EQ(delivery().finish().size(), 2U);
}

TEST_F(DeliveryToSix, WhoHasNoOtherPlanGetsAnError) {
  world_.faults(4).fail_next(Call::put, ErrorKind::denied, k_always);
  delivery().start(all_but({4}));
  EXPECT_EQ(kind_thrown([&] { delivery().finish(); }), ErrorKind::out_of_space);
  EXPECT_EQ(delivery().state(), DeliveryState::idle);
  delivery().start(all_but({5}));  // the next pack
  EXPECT_EQ(stores_of(delivery().finish()), (std::vector<std::size_t>{5}));
}

TEST_F(DeliveryToSix, WhoAsksForAMomentAndIsNeededGetsIt) {
  world_.faults(4).fail_next(Call::put, ErrorKind::rate_limited, 1, Milliseconds(5'000));
  const SteadyTime begin = world_.clock.steady_now();
  delivery().start(all_but({4, 5}));
  EXPECT_EQ(set_of(stores_of(delivery().finish())), (std::set<std::size_t>{4, 5}));
  EXPECT_GE(world_.clock.steady_now() - begin, Milliseconds(5'000));
}

TEST_F(DeliveryToSix, StoresThatWereAlwaysTooFewAreNothingToPlanAnewFor) {
  ShardsToDeliver shards = all_but({4, 5});
  for (ShardPlace& place : shards.lying) place.domain = "d0";
  EXPECT_EQ(kind_thrown([&] { delivery().start(shards); }), ErrorKind::out_of_space);
  EXPECT_EQ(delivery().state(), DeliveryState::idle);
  EXPECT_EQ(puts(), 0U);
}

TEST_F(DeliveryToSix, AStoreThatTurnsOutTooFullMayBePlannedAround) {
  stores_.emplace(world_.rows(), world_.context(io_));
  stores_->wait_for_checks({});
  Targets targets = ask_targets(*stores_, {});
  targets.candidates[4].free_bytes = k_object_bytes - 1;
  delivery_.emplace(DeliveryContext{*stores_, random_, {}}, targets);
  delivery().start(all_but({4, 5}));
  ASSERT_EQ(delivery().state(), DeliveryState::stuck);
  EXPECT_EQ(delivery().stores_left().targets.candidates[4].free_bytes, 0U);
  EXPECT_FALSE(delivery().retry());
  EXPECT_EQ(puts(), 0U);
}

TEST_F(DeliveryTest, WhatMakesNoSenseIsRefused) {
  const auto refused = [&](const ShardsToDeliver& shards) {
    return kind_thrown([&] { delivery().start(shards); }) == ErrorKind::invalid;
  };
  EXPECT_TRUE(refused(all_but({}))) << "nothing to deliver";
  ShardsToDeliver twice = all_but({2, 5});
  twice.lying.push_back({2, StoreWorld::id(2), "d2"});
  EXPECT_TRUE(refused(twice));
  ShardsToDeliver foreign = all_but({2, 5});
  foreign.objects.push_back({6, objects_[0]});
  EXPECT_TRUE(refused(foreign));
  ShardsToDeliver too_few = all_but({2, 5});
  too_few.lying.pop_back();
  EXPECT_TRUE(refused(too_few));
  EXPECT_EQ(puts(), 0U);
}

// Five of six at 4+2 survive the loss of one.
TEST_F(DeliveryTest, NotAllShardsNeedBeThere) {
  pack_.survive = 1;
  ShardsToDeliver shards = all_but({2});
  shards.lying.pop_back();
  delivery().start(shards);
  EXPECT_EQ(stores_of(delivery().finish()).size(), 1U);
}

TEST_F(DeliveryTest, AShardGoesWhereItWasBefore) {
  for (int i = 0; i < 5; ++i) {
    ShardsToDeliver shards = all_but({1, 4});
    shards.objects[0].prefer = StoreWorld::id(7);
    delivery().start(shards);
    const auto stores = stores_of(delivery().finish());
    EXPECT_EQ(stores[0], 7U);
  }
}

// Beside shard 0, too much would be in one place; and a store without room takes nothing.
TEST_F(DeliveryTest, AShardDoesNotGoWhereItWasWhenThePackWouldSurviveLess) {
  ShardsToDeliver shards = all_but({1});
  shards.objects[0].prefer = StoreWorld::id(0);
  delivery().start(shards);
  EXPECT_NE(stores_of(delivery().finish())[0], 0U);
}

}  // namespace
}  // namespace modelfloat::transfer
