// Stores that list all but a folder: what they list is used, what they don't is not taken for gone.
#include <algorithm>
#include <mutex>
#include <set>

#include "engine/test_pool.h"
#include "support/forwarding_store.h"
#include <gtest/gtest.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/engine/push/known_fragments.h"
#include "modelfloat/engine/upkeep/verify.h"

namespace modelfloat {
namespace {

using test::Files;
using test::k_copies;
using test::kind_thrown;
using test::Machine;
using test::World;

// Below these folders nothing is listed, and the listing ends with an Error.
class BadFolders {
 public:
  void add(std::string folder) {
    const std::lock_guard lock(mutex_);
    folders_.insert(std::move(folder));
  }
  bool has(std::string_view path) const {
    const std::lock_guard lock(mutex_);
    return std::any_of(folders_.begin(), folders_.end(), [&](const auto& folder) { return path.starts_with(folder); });
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::string> folders_;
};

class HalfListed final : public test::ForwardingStore {
 public:
  HalfListed(std::unique_ptr<store::Store> inner, const BadFolders& bad)
      : ForwardingStore(std::move(inner)), bad_(bad) {}
  void list(std::string_view prefix, const store::ObjectSink& sink, const CallOptions& call) override {
    bool complete = true;
    ForwardingStore::list(
        prefix,
        [&](const store::ObjectInfo& info) {
          if (!bad_.has(info.name.path())) return sink(info);
          complete = false;
        },
        call);
    if (!complete) throw Error(ErrorKind::denied, "mf1", "cannot open a folder");
  }

 private:
  const BadFolders& bad_;
};

class BadFolder : public testing::Test {
 protected:
  BadFolder() {
    world_.wrap = [this](std::unique_ptr<store::Store> inner, std::size_t) {
      return std::make_unique<HalfListed>(std::move(inner), bad_);
    };
  }
  // The folders of one type that hold objects, on the first store.
  std::set<std::string> folders(std::string_view type) {
    std::set<std::string> found;
    for (const auto& [path, bytes] : world_.objects(0)) {
      if (path.starts_with("mf1/" + std::string(type) + "/")) found.insert(path.substr(0, path.rfind('/') + 1));
    }
    return found;
  }

  BadFolders bad_;
  World world_{3};
  Machine machine_{world_};
  const Files files_{{"m.bin", test::random_bytes(3'000'000, 1)}};
};

TEST_F(BadFolder, TheLogIsReadFromWhatIsListedAndIsNotFresh) {
  machine_.create(k_copies);
  const auto before = folders("log");
  Machine other(world_, test::Threads::many, 2);
  other.recover(machine_.recovery_secret(), {0, 1, 2});
  const auto both = folders("log");
  machine_.push("ns/model", files_);
  for (const auto& folder : both) {
    if (!before.contains(folder)) bad_.add(folder);  // the other's own chain
  }
  const auto sync = other.reopen().log().sync({});
  EXPECT_FALSE(sync.fresh);
  EXPECT_EQ(sync.stores_read, 0U);
  EXPECT_TRUE(sync.rolled_back.empty()) << "what is not listed was taken for gone";
  EXPECT_EQ(other.pull("ns/model"), files_);
}

TEST_F(BadFolder, VerifyTakesNothingForMissingThatIsNotListed) {
  machine_.create(k_copies);
  machine_.push("ns/model", files_);
  machine_.push("ns/other", {{"o.bin", test::random_bytes(3'000'000, 2)}});
  const auto shards = folders("shard");
  ASSERT_GT(shards.size(), 1U);
  bad_.add(*shards.begin());
  bad_.add(*folders("content").begin());
  machine_.reopen();
  const auto report = engine::verify(machine_.pool(), {.read = true}, {});
  EXPECT_GT(report.bytes_read, files_.at("m.bin").size() / 2) << "what is listed was not read";
  for (const auto& finding : report.damaged) EXPECT_EQ(finding.what, transfer::Damage::offline) << finding.object;
  EXPECT_FALSE(report.damaged.empty());
}

TEST_F(BadFolder, APushCountsWhatIsListedAsStored) {
  machine_.create(k_copies);
  machine_.push("ns/model", files_);
  std::set<std::string> others = folders("shard");
  machine_.push("ns/other", {{"o.bin", test::random_bytes(3'000'000, 2)}});
  for (const auto& folder : folders("shard")) {
    if (!others.contains(folder)) bad_.add(folder);
  }
  machine_.reopen();
  EXPECT_EQ(machine_.push("ns/again", files_).new_bytes, 0U);
}

TEST_F(BadFolder, RecoverFindsTheSlotsThatAreListed) {
  machine_.create(k_copies);
  machine_.push("ns/model", files_);
  const auto slots = folders("slot");
  ASSERT_FALSE(slots.empty());
  bad_.add(*folders("shard").begin());
  Machine other(world_, test::Threads::many, 2);
  other.recover(machine_.recovery_secret(), {0, 1, 2});
  EXPECT_EQ(other.pull("ns/model"), files_);
}

}  // namespace
}  // namespace modelfloat
