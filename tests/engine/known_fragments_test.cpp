// What a push asks the stores for to know that they have its fragments already.
#include "modelfloat/engine/push/known_fragments.h"

#include <map>
#include <memory>

#include "engine/test_pool.h"
#include "support/forwarding_store.h"
#include <gtest/gtest.h>

namespace modelfloat {
namespace {

using test::Call;
using test::Files;
using test::k_copies;
using test::Machine;
using test::Threads;
using test::World;

// A push asks for the shards that it counts on twice: before it counts on them, and once more when
// `prepared` is on the stores.
constexpr unsigned k_times = 2;

// What a store was asked about shards.
struct ShardCalls {
  std::map<ObjectName, unsigned> stats;
  unsigned listings = 0;
  unsigned puts = 0;
};

class CountedShards final : public test::ForwardingStore {
 public:
  CountedShards(std::unique_ptr<store::Store> inner, ShardCalls& calls)
      : ForwardingStore(std::move(inner)), calls_(calls) {}
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& call) override {
    if (name.type() == ObjectType::shard) ++calls_.puts;
    ForwardingStore::put(name, bytes, call);
  }
  std::optional<store::ObjectInfo> stat(const ObjectName& name, const CallOptions& call) override {
    if (name.type() == ObjectType::shard) ++calls_.stats[name];
    return ForwardingStore::stat(name, call);
  }
  void list(std::string_view prefix, const store::ObjectSink& sink, const CallOptions& call) override {
    if (prefix.starts_with("mf1/shard")) ++calls_.listings;
    ForwardingStore::list(prefix, sink, call);
  }

 private:
  ShardCalls& calls_;
};

class KnownFragmentsTest : public testing::Test {
 protected:
  explicit KnownFragmentsTest(std::size_t stores = 6, PolicySet policy = {4, 2, 2}) : world_(stores), calls_(stores) {
    world_.wrap = [this](std::unique_ptr<store::Store> store, std::size_t index) {
      return std::make_unique<CountedShards>(std::move(store), calls_[index]);
    };
    machine_.create(policy);
  }
  // Counts from now on.
  void start_over() {
    for (ShardCalls& one : calls_) one = {};
  }
  unsigned listings() const {
    unsigned sum = 0;
    for (const ShardCalls& one : calls_) sum += one.listings;
    return sum;
  }
  unsigned puts() const {
    unsigned sum = 0;
    for (const ShardCalls& one : calls_) sum += one.puts;
    return sum;
  }
  static unsigned stats(const ShardCalls& store) {
    unsigned sum = 0;
    for (const auto& [name, times] : store.stats) sum += times;
    return sum;
  }
  unsigned stats() const {
    unsigned sum = 0;
    for (const ShardCalls& one : calls_) sum += stats(one);
    return sum;
  }

  World world_;
  std::vector<ShardCalls> calls_;
  Machine machine_{world_, Threads::one};
  const Files files_{{"m.bin", test::random_bytes(3'000'000, 1)}};
};

TEST_F(KnownFragmentsTest, OnlyTheShardsOfItsPackAreAskedFor) {
  for (std::uint64_t seed = 10; seed < 15; ++seed)
    machine_.push("ns/other" + std::to_string(seed), {{"o.bin", test::random_bytes(3'000'000, seed)}});
  machine_.push("ns/model", files_);
  machine_.reopen();
  start_over();
  EXPECT_EQ(machine_.push("ns/again", files_).new_bytes, 0U);
  EXPECT_EQ(listings(), 0U);
  EXPECT_EQ(puts(), 0U);
  for (std::size_t i = 0; i < world_.size(); ++i) EXPECT_EQ(stats(calls_[i]), k_times) << "s" << i;
}

TEST_F(KnownFragmentsTest, NothingIsAskedForWhatIsNew) {
  machine_.push("ns/model", files_);
  start_over();
  machine_.push("ns/small", {{"s.bin", test::random_bytes(1'000, 2)}});
  EXPECT_EQ(listings() + stats() + puts(), 0U);
}

// What another machine has pushed lies this machine does not know where, but once.
TEST_F(KnownFragmentsTest, WhereAShardWasFoundIsRemembered) {
  Machine other(world_, Threads::one, 50);
  other.recover(machine_.recovery_secret(), {0, 1, 2, 3, 4, 5});
  machine_.push("ns/model", files_);
  start_over();
  EXPECT_EQ(other.push("ns/other", files_).new_bytes, 0U);
  EXPECT_EQ(listings(), 0U);
  EXPECT_EQ(stats(), 36U + 6U);
  other.reopen();
  start_over();
  EXPECT_EQ(other.push("ns/again", files_).new_bytes, 0U);
  EXPECT_EQ(listings(), 0U);
  EXPECT_EQ(stats(), k_times * 6U);
}

TEST_F(KnownFragmentsTest, AShardThatWasMovedIsFoundElsewhere) {
  World world(4);
  Machine machine(world, Threads::one, 7);
  machine.create({2, 1, 1});
  machine.push("ns/model", files_);
  std::size_t from = world.size();
  std::size_t to = world.size();
  for (std::size_t i = 0; i < world.size(); ++i) {
    bool has_one = false;
    for (const auto& [path, bytes] : world.objects(i)) has_one = has_one || path.starts_with("mf1/shard/");
    (has_one ? from : to) = i;
  }
  ASSERT_LT(to, world.size());
  for (const auto& [path, bytes] : world.objects(from)) {
    if (!path.starts_with("mf1/shard/")) continue;
    world.inner(to).put(*ObjectName::parse(path), bytes, {});
    world.inner(from).remove(*ObjectName::parse(path), {});
  }
  EXPECT_EQ(machine.push("ns/again", files_).new_bytes, 0U);
}

TEST_F(KnownFragmentsTest, AStoreThatDoesNotSayWhatItHasCountsAsNotHavingIt) {
  machine_.push("ns/model", files_);
  world_.faults(2).fail_next(Call::stat, ErrorKind::denied);
  testing::internal::CaptureStderr();
  EXPECT_EQ(machine_.push("ns/again", files_).new_bytes, files_.at("m.bin").size());
  EXPECT_NE(testing::internal::GetCapturedStderr().find("s2 does not say"), std::string::npos);
  EXPECT_EQ(machine_.pull("ns/again"), files_);
}

class ManyPacks : public KnownFragmentsTest {
 protected:
  ManyPacks() : KnownFragmentsTest(3, k_copies) {}
};

// Two copies each.
TEST_F(ManyPacks, EachPackIsAskedForOnceAndOnceMore) {
  const Files big{{"b.bin", test::random_bytes(45'000'000, 3)}};
  const auto packs = machine_.push("ns/big", big).packs;
  ASSERT_GT(packs, 8U);
  start_over();
  EXPECT_EQ(machine_.push("ns/again", big).new_bytes, 0U);
  EXPECT_EQ(listings(), 0U);
  EXPECT_EQ(stats(), packs * 2 * k_times);
}

TEST_F(ManyPacks, AfterSoManyPacksThatAListingIsQuickerAllAreListedOnce) {
  std::vector<PackId> ids;
  machine_.pool().registry().transaction([&] {
    for (unsigned i = 1; i <= 1'000; ++i) {
      Pack pack;
      pack.id[0] = std::byte{7};
      pack.id[1] = static_cast<std::byte>(i / 256);
      pack.id[2] = static_cast<std::byte>(i % 256);
      pack.k = pack.m = pack.survive = 1;
      pack.slice_bytes = 1024;
      pack.shards = {pack.id};
      ids.push_back(pack.id);
      machine_.pool().registry().learn_pack(pack, {});
    }
  });
  start_over();
  engine::KnownFragments known(machine_.pool(), 1, {});
  for (const PackId& id : ids) EXPECT_FALSE(known.is_good(id));
  for (const ShardCalls& one : calls_) {
    EXPECT_EQ(one.listings, 1U);
    EXPECT_GE(stats(one), 256U);
    EXPECT_LT(stats(one), 300U);
  }
}

}  // namespace
}  // namespace modelfloat
