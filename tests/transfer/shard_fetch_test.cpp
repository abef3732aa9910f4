#include "modelfloat/transfer/packs/shard_fetch.h"

#include <future>
#include <thread>

#include "support/fixed_random.h"
#include "support/temporary_folder.h"
#include "transfer/store_world.h"
#include <gtest/gtest.h>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/registry/sqlite/sqlite_registry.h"

namespace modelfloat::transfer {
namespace {

using test::Call;
using test::StoreWorld;

// A pack at 4+1 whose shard i lies on store i.
class ShardFetchTest : public testing::Test {
 protected:
  ShardFetchTest() {
    pack_.k = 4;
    pack_.m = 1;
    pack_.slice_bytes = 1000;
    for (std::size_t i = 0; i < pack_.shard_count(); ++i) {
      const Bytes shard = test::random_bytes(pack_.slice_bytes, i);
      pack_.shards.push_back(crypto::blake3(shard));
      world_.inner(i).put(ObjectName::of(ObjectType::shard, pack_.shards.back()), shard, {});
      registry_->put_store(StoreWorld::row(i));
      registry_->add_shard_place(pack_.shards.back(), StoreWorld::id(i));
    }
  }
  ~ShardFetchTest() override {
    for (std::size_t i = 0; i < pack_.shard_count(); ++i) world_.faults(i).go_on();
  }
  ShardFetch fetch() {
    return ShardFetch({*stores_, *registry_, {}, {}}, pack_,
                      [](const ShardCopy&, const ShardPart&, ByteSpan) { return true; });
  }
  ObjectName name(std::size_t index) const { return ObjectName::of(ObjectType::shard, pack_.shards[index]); }
  ShardPart whole() const { return {{0, pack_.slice_bytes}, {0, 1, 2, 3}, {}}; }

  test::TemporaryFolder folder_;
  std::unique_ptr<registry::Registry> registry_ = registry::open_sqlite_registry(folder_ / "registry.db");
  StoreWorld world_{5};
  Pack pack_;
  ThreadPool io_{16};
  std::optional<StoreSet> stores_;
};

// Known before or found now, on a store that is away or on none: the error names each shard that is
// not there.
TEST_F(ShardFetchTest, EveryShardThatCannotBeReadIsNamed) {
  for (const std::size_t gone : {0U, 1U, 2U}) world_.inner(gone).remove(name(gone), {});
  registry_->record_shard_copy(pack_.shards[1], StoreWorld::id(1), registry::CopyState::corrupt);
  registry_->set_shard_places(StoreWorld::id(2), {});
  world_.faults(3).set_offline(true);
  stores_.emplace(world_.rows(), world_.context(io_));
  ShardPart part = whole();
  ShardFetch one = fetch();
  one.wait_for_stores();
  one.add(part);
  ASSERT_FALSE(one.finish());
  const Error failure = one.failure(part);
  EXPECT_FALSE(failure.retry_after);  // the store that is away has too little
  const std::string error = failure.what();
  for (const std::string& said :
       {std::string("4 of its shards are needed and 1 can be read now"), std::string("shard 0 on s0 (missing)"),
        std::string("shard 1 on s1 (corrupt)"), "shard 2 on no store (" + name(2).path() + ")",
        std::string("shard 3 on s3 (offline)")}) {
    EXPECT_NE(error.find(said), std::string::npos) << error;
  }
  EXPECT_EQ(error.find("shard 4"), std::string::npos) << error;
}

TEST_F(ShardFetchTest, WhatOfflineStoresHaveIsWorthAnotherTry) {
  for (const std::size_t away : {0U, 3U}) world_.faults(away).set_offline(true);
  stores_.emplace(world_.rows(), world_.context(io_));
  ShardPart part = whole();
  ShardFetch one = fetch();
  one.wait_for_stores();
  one.add(part);
  ASSERT_FALSE(one.finish());
  EXPECT_EQ(one.failure(part).kind, ErrorKind::lost);
  EXPECT_TRUE(one.failure(part).retry_after);
}

// Nobody has looked since they came back, and no time has passed.
TEST_F(ShardFetchTest, StoresThatWereAwayAreLookedAtBeforeItFails) {
  for (const std::size_t away : {0U, 1U}) world_.faults(away).set_offline(true);
  stores_.emplace(world_.rows(), world_.context(io_));
  // So that the next look of their own is seconds away.
  for (int failed = 0; failed < 3; ++failed) {
    stores_->recheck(true);
    stores_->wait_for_checks({});
  }
  for (const std::size_t away : {0U, 1U}) world_.faults(away).set_offline(false);
  ShardPart part = whole();
  ShardFetch one = fetch();
  one.wait_for_stores();
  one.add(part);
  EXPECT_TRUE(one.finish());
}

// A store that hangs is waited for once, and not again by each fetch that asked it before anybody
// knew.
TEST_F(ShardFetchTest, OneWhoseTurnComesLaterAsksOthersMeanwhile) {
  stores_.emplace(world_.rows(), world_.context(io_));
  stores_->wait_until_decided({});
  world_.faults(0).stall(Call::get);
  ShardPart later_part = whole();
  ShardFetch later = fetch();
  later.wait_for_stores();
  later.add(later_part);
  ShardPart first_part = whole();
  ShardFetch first = fetch();
  first.add(first_part);
  ASSERT_TRUE(first.finish());
  EXPECT_FALSE(first_part.is_held(0));

  world_.faults(4).stall(Call::get);
  later.poll();
  world_.faults(4).wait_for_stalled(1);  // for ever, if nobody asked
  world_.faults(4).go_on();
  EXPECT_TRUE(later.finish());
  EXPECT_TRUE(later_part.is_held(4));
}

// The last answer that was awaited and the last store that was awaited come together, while another
// store hangs: a pull took half a minute.
TEST_F(ShardFetchTest, OneThatTurnsUpTogetherWithAnAnswerIsAsked) {
  world_.timeouts.hedge_floor = Milliseconds(60'000);  // nobody looks meanwhile
  // Who hangs is hopeless as soon as others have answered.
  world_.timeouts.peer_floor = Milliseconds(0);
  world_.timeouts.marker = Milliseconds(600'000);
  world_.faults(4).stall(Call::get);
  stores_.emplace(world_.rows(), world_.context(io_));
  ASSERT_TRUE(stores_->wait_until([&] { return stores_->online().size() == 4; }, {}));
  for (const std::size_t slow : {0U, 3U}) world_.faults(slow).stall(Call::get);
  ShardPart part = whole();
  ShardFetch one = fetch();
  one.wait_for_stores();
  one.add(part);
  auto finished = std::async(std::launch::async, [&] { return one.finish(); });
  for (const std::size_t slow : {0U, 3U}) {
    world_.faults(slow).wait_for_stalled(1);
    while (!stores_->find(StoreWorld::id(slow))->state->latency.is_slow()) std::this_thread::yield();
  }
  std::this_thread::sleep_for(Milliseconds(20));  // so that nothing but an answer is waited for

  world_.faults(4).go_on();
  ASSERT_TRUE(stores_->wait_until([&] { return stores_->online().size() == 5; }, {}));
  world_.faults(3).go_on();
  EXPECT_EQ(finished.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  world_.faults(0).go_on();
  EXPECT_TRUE(finished.get());
  EXPECT_TRUE(part.is_held(4));
}

}  // namespace
}  // namespace modelfloat::transfer
