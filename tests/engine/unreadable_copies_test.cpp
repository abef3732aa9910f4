// Copies that a store lists and does not give, and what was missing and is there again.
#include <memory>
#include <set>

#include "engine/test_pool.h"
#include "support/forwarding_store.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/engine/upkeep/repair.h"
#include "modelfloat/engine/upkeep/verify.h"

namespace modelfloat {
namespace {

using engine::Health;
using test::k_survive_two;
using test::Machine;
using test::Threads;
using test::World;
using transfer::Damage;

// What a store does not give, by path, and how it says so: an error, or that it is not there.
struct Refused {
  std::set<std::string> paths;
  std::optional<ErrorKind> error;  // of gets; nullopt: there is no such object
};

class RefusingStore final : public test::ForwardingStore {
 public:
  RefusingStore(std::unique_ptr<store::Store> inner, std::shared_ptr<Refused> refused)
      : ForwardingStore(std::move(inner)), refused_(std::move(refused)) {}
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& call) override {
    ForwardingStore::put(name, bytes, call);
    refused_->paths.erase(name.path());
  }
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& call) override {
    if (!refused_->paths.contains(name.path())) return ForwardingStore::get(name, range, call);
    if (refused_->error) throw Error(*refused_->error, name.path(), "cannot be read");
    return std::nullopt;
  }

 private:
  const std::shared_ptr<Refused> refused_;
};

class UnreadableCopies : public testing::Test {
 protected:
  UnreadableCopies() {
    world_.wrap = [this](std::unique_ptr<store::Store> inner, std::size_t index) -> std::unique_ptr<store::Store> {
      if (index != 2) return inner;
      return std::make_unique<RefusingStore>(std::move(inner), refused_);
    };
    machine_.create(k_survive_two);
    machine_.push("ns/model", {{"m.bin", test::random_bytes(9'000'000, 71)}});
    for (const auto& [path, bytes] : world_.objects(2)) {
      if (path.starts_with("mf1/shard/")) shard_ = path;
      if (path.starts_with("mf1/content/")) content_ = path;
    }
  }
  engine::VerifyReport verify(const engine::VerifyOptions& options = {}) {
    return engine::verify(machine_.pool(), options, {});
  }
  void remove(std::size_t store, const std::string& path) {
    world_.inner(store).remove(ObjectName::parse(path).value(), {});
  }

  const std::shared_ptr<Refused> refused_ = std::make_shared<Refused>();
  World world_{6};
  Machine machine_{world_, Threads::one};
  std::string shard_;    // on s2
  std::string content_;  // on all stores
};

// The disk cannot read it, or nobody may. It does not count, and repair writes it again.
TEST_F(UnreadableCopies, CountAsDamagedWhereTheStoreAnswers) {
  for (const ErrorKind kind : {ErrorKind::transient, ErrorKind::denied, ErrorKind::internal}) {
    *refused_ = {{shard_, content_}, kind};
    const auto report = verify({.read = true});
    ASSERT_EQ(report.damaged.size(), 2U);
    EXPECT_EQ(report.damaged[0], (transfer::Finding{"s2", content_, ObjectType::content, Damage::corrupt}));
    EXPECT_EQ(report.damaged[1], (transfer::Finding{"s2", shard_, ObjectType::shard, Damage::corrupt}));
    EXPECT_EQ(report.models.at(0).health, Health::degraded);
    EXPECT_EQ(report.models.at(0).domains_may_go, 1U);
    EXPECT_EQ(machine_.health().domains_may_go, 1U);
    const auto repaired = engine::repair(machine_.pool(), {}, {});
    EXPECT_EQ(repaired.shards_written, 1U);
    EXPECT_EQ(repaired.documents_written, 1U);
    EXPECT_TRUE(verify({.read = true}).sound());
  }
}

TEST_F(UnreadableCopies, CountAsAwayWhereTheStoreIs) {
  *refused_ = {{shard_, "mf1/marker"}, ErrorKind::transient};
  const auto report = verify({.read = true});
  ASSERT_EQ(report.damaged.size(), 1U);
  EXPECT_EQ(report.damaged[0].what, Damage::offline);
  refused_->paths.clear();
  EXPECT_TRUE(verify().sound()) << "nothing is remembered";
}

TEST_F(UnreadableCopies, AreNotReadInEverySample) {
  *refused_ = {{shard_}, ErrorKind::transient};
  std::uint64_t read = 0;
  for (int run = 0; run < 3; ++run) read += verify({.sample_percent = 34}).bytes_read;
  EXPECT_TRUE(machine_.health().oldest_proof.has_value()) << "all that can be read was read in three runs";
  EXPECT_GT(read, 0U);
}

// A store that lists and gives nothing is left, and the share is read from the others.
TEST_F(UnreadableCopies, OfAStoreThatDoesNotAnswerOthersAreReadInTheirPlace) {
  const std::uint64_t all = verify({.read = true}).bytes_read;
  *refused_ = {{"mf1/marker"}, ErrorKind::transient};
  for (const auto& [path, bytes] : world_.objects(2)) refused_->paths.insert(path);
  machine_.clock().advance(std::chrono::hours(24));
  EXPECT_GT(verify({.sample_percent = 50}).bytes_read, all / 3);
}

// A list shows a shard again that was missing: it counts at once, also for repair.
TEST_F(UnreadableCopies, WhatWasMissingAndIsListedAgainIsThere) {
  const Bytes good = world_.objects(2).at(shard_);
  remove(2, shard_);
  EXPECT_FALSE(verify().sound());
  EXPECT_EQ(machine_.health().health, Health::degraded);
  world_.inner(2).put(ObjectName::parse(shard_).value(), good, {});
  EXPECT_EQ(engine::repair(machine_.pool(), {}, {}).shards_written, 0U);
  EXPECT_EQ(machine_.health().health, Health::sound);
}

// The list is wrong, or an old one.
TEST_F(UnreadableCopies, WhatIsListedAndNotGivenIsWrittenAgain) {
  *refused_ = {{shard_}, std::nullopt};
  verify({.read = true});
  EXPECT_EQ(machine_.health().health, Health::degraded);
  EXPECT_EQ(engine::repair(machine_.pool(), {}, {}).shards_written, 1U);
  EXPECT_TRUE(verify({.read = true}).sound());
}

}  // namespace
}  // namespace modelfloat
