// When each copy was last proven right, and what is read next.
#include <algorithm>

#include "engine/test_pool.h"
#include "support/forwarding_store.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/engine/upkeep/repair.h"
#include "modelfloat/engine/upkeep/verify.h"

namespace modelfloat {
namespace {

using engine::Health;
using test::Files;
using test::k_survive_two;
using test::Machine;
using test::Threads;
using test::World;
using testing::Ge;
using testing::Optional;

constexpr std::uint64_t k_day = 86'400;

class CopyProofs : public testing::Test {
 protected:
  CopyProofs() {
    machine_.create(k_survive_two);
    machine_.push("ns/model", {{"m.bin", test::random_bytes(9'000'000, 7)}});
    machine_.push("ns/small", test::one_file(3));
  }
  std::optional<std::uint64_t> oldest_proof(const std::string& model = "ns/model") {
    return machine_.health(model).oldest_proof;
  }
  std::uint64_t now() { return unix_seconds(machine_.environment().clock.utc_now()); }
  void days_pass(int days) { machine_.clock().advance(std::chrono::hours(24 * days)); }
  void flip_a_bit_of_a_shard(std::size_t store) {
    for (const auto& [path, bytes] : world_.objects(store)) {
      if (!path.starts_with("mf1/shard/")) continue;
      Bytes wrong = bytes;
      wrong[wrong.size() / 2] ^= std::byte{1};
      const ObjectName name = ObjectName::parse(path).value();
      world_.inner(store).remove(name, {});
      world_.inner(store).put(name, wrong, {});
      return;
    }
  }

  World world_{6};
  Machine machine_{world_, Threads::one};
};

TEST_F(CopyProofs, ThereAreNoneBeforeAllWasRead) {
  EXPECT_EQ(oldest_proof(), std::nullopt);
  engine::verify(machine_.pool(), {}, {});
  EXPECT_EQ(oldest_proof(), std::nullopt) << "lists prove nothing";
  engine::verify(machine_.pool(), {.sample_percent = 50}, {});
  EXPECT_EQ(oldest_proof(), std::nullopt);
  const auto start = now();
  const auto report = engine::verify(machine_.pool(), {.read = true}, {});
  EXPECT_THAT(oldest_proof(), Optional(Ge(start)));
  EXPECT_THAT(oldest_proof("ns/small"), Optional(Ge(start)));
  EXPECT_THAT(report.models.at(0).oldest_proof, Optional(Ge(start)));
  EXPECT_EQ(report.models.at(0).domains_may_go, 2U);
}

TEST_F(CopyProofs, ASampleTakesTheOldestFirst) {
  const auto all = engine::verify(machine_.pool(), {.read = true}, {});
  for (int day = 1; day <= 4; ++day) {
    days_pass(1);
    const auto part = engine::verify(machine_.pool(), {.sample_percent = 25}, {});
    EXPECT_LT(part.bytes_read, all.bytes_read / 2);
    EXPECT_GT(part.bytes_read, 0U);
    EXPECT_TRUE(part.sound());
  }
  days_pass(1);
  engine::verify(machine_.pool(), {.sample_percent = 10}, {});
  EXPECT_GE(oldest_proof().value(), now() - 4 * k_day) << "each was read in the four days";
  engine::VerifyOptions young;
  young.sample_percent = 100;
  young.unproven_since = now() - 30 * k_day;
  EXPECT_EQ(engine::verify(machine_.pool(), young, {}).bytes_read, 0U);
  days_pass(1);
  young.unproven_since = now();
  young.budget_bytes = 1;
  EXPECT_LT(engine::verify(machine_.pool(), young, {}).bytes_read, 4'000'000U) << "one object";
}

TEST_F(CopyProofs, ATimeThatIsStillToComeProvesNothing) {
  const auto all = engine::verify(machine_.pool(), {.read = true}, {});
  ASSERT_TRUE(oldest_proof());
  std::vector<registry::CopyProof> proofs;
  for (std::size_t i = 0; i < world_.size(); ++i) {
    const StoreId store = machine_.pool().stores().find("s" + std::to_string(i))->id;
    for (const auto& [path, bytes] : world_.objects(i)) {
      if (path.starts_with("mf1/shard/")) proofs.push_back({*ObjectName::parse(path)->hash(), store});
    }
  }
  machine_.environment().registry.record_proofs(proofs, now() + 300 * k_day);  // the clock was wrong
  EXPECT_EQ(oldest_proof(), std::nullopt);
  const auto read = engine::verify(machine_.pool(), {.sample_percent = 100, .unproven_since = now()}, {}).bytes_read;
  EXPECT_GT(read, all.bytes_read / 2) << "all shards";
  EXPECT_TRUE(oldest_proof());
}

TEST_F(CopyProofs, ASampleFindsRot) {
  flip_a_bit_of_a_shard(2);
  days_pass(1);
  const auto start = now();
  const auto report = engine::verify(machine_.pool(), {.sample_percent = 100}, {});
  EXPECT_FALSE(report.sound());
  EXPECT_EQ(machine_.health().health, Health::degraded);
  EXPECT_EQ(machine_.health().domains_may_go, 1U);
  engine::repair(machine_.pool(), {}, {});
  EXPECT_EQ(machine_.health().health, Health::sound);
  EXPECT_THAT(oldest_proof(), Optional(Ge(start))) << "what repair wrote was read back";
}

// A store that computes checksums itself, as Drive does.
class WithChecksums final : public test::ForwardingStore {
 public:
  // `shown`: the algorithm of those that stat() shows; list() always has SHA-256.
  explicit WithChecksums(std::unique_ptr<store::Store> inner, std::string shown = "sha256")
      : ForwardingStore(std::move(inner)), shown_(std::move(shown)) {}
  store::StoreTraits traits() const override {
    auto traits = ForwardingStore::traits();
    traits.lists_checksums = true;
    return traits;
  }
  std::optional<store::ObjectInfo> stat(const ObjectName& name, const CallOptions& call) override {
    auto info = ForwardingStore::stat(name, call);
    if (info) info->checksum = shown_ == "sha256" ? checksum(name, call) : shown_ + ":1234";
    return info;
  }
  void list(std::string_view prefix, const store::ObjectSink& sink, const CallOptions& call) override {
    std::vector<store::ObjectInfo> all;
    ForwardingStore::list(prefix, [&](const store::ObjectInfo& info) { all.push_back(info); }, call);
    for (auto& info : all) {
      info.checksum = checksum(info.name, call);
      sink(info);
    }
  }

 private:
  std::string checksum(const ObjectName& name, const CallOptions& call) {
    return "sha256:" + to_hex(crypto::sha256(*ForwardingStore::get(name, {0, ByteRange::k_to_the_end}, call)));
  }

  const std::string shown_;
};

TEST(CopyProofsByChecksum, NeedNoDownload) {
  World world{6};
  world.wrap = [](std::unique_ptr<store::Store> inner, std::size_t) {
    return std::make_unique<WithChecksums>(std::move(inner));
  };
  Machine machine{world, Threads::one};
  machine.create(k_survive_two);
  machine.push("ns/model", {{"m.bin", test::random_bytes(9'000'000, 7)}});
  const auto now = [&] { return unix_seconds(machine.environment().clock.utc_now()); };
  EXPECT_TRUE(machine.health().oldest_proof.has_value()) << "the upload was confirmed by checksum";
  machine.clock().advance(std::chrono::hours(100));
  const auto start = now();
  auto report = engine::verify(machine.pool(), {}, {});
  EXPECT_EQ(report.bytes_read, 0U);
  EXPECT_THAT(machine.health().oldest_proof, Optional(Ge(start)));

  // The store notices that its bytes have changed, at the same size.
  for (const auto& [path, bytes] : world.objects(3)) {
    if (!path.starts_with("mf1/shard/")) continue;
    Bytes wrong = bytes;
    wrong[100] ^= std::byte{1};
    const ObjectName name = ObjectName::parse(path).value();
    world.inner(3).remove(name, {});
    world.inner(3).put(name, wrong, {});
    break;
  }
  report = engine::verify(machine.pool(), {}, {});
  ASSERT_EQ(report.damaged.size(), 1U);
  EXPECT_EQ(report.damaged[0].store, "s3");
  EXPECT_EQ(report.damaged[0].what, transfer::Damage::corrupt);
  EXPECT_EQ(engine::repair(machine.pool(), {}, {}).shards_written, 1U);
  EXPECT_TRUE(engine::verify(machine.pool(), {}, {}).sound());
}

// As S3 does.
TEST(CopyProofsByChecksum, OnlyOneAlgorithmIsComparedWithItself) {
  World world{6};
  world.wrap = [](std::unique_ptr<store::Store> inner, std::size_t) {
    return std::make_unique<WithChecksums>(std::move(inner), "crc32c");
  };
  Machine machine{world, Threads::one};
  machine.create(k_survive_two);
  machine.push("ns/model", {{"m.bin", test::random_bytes(9'000'000, 7)}});
  EXPECT_TRUE(engine::verify(machine.pool(), {}, {}).sound());
  machine.clock().advance(std::chrono::hours(100));
  EXPECT_TRUE(engine::verify(machine.pool(), {.read = true}, {}).sound());
  machine.clock().advance(std::chrono::hours(100));
  const auto start = unix_seconds(machine.environment().clock.utc_now());
  EXPECT_TRUE(engine::verify(machine.pool(), {}, {}).sound());
  EXPECT_THAT(machine.health().oldest_proof, Optional(Ge(start))) << "compared with what was listed when all was read";
}

}  // namespace
}  // namespace modelfloat
