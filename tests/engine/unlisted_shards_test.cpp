// What this machine has not heard of is not taken for lost: what another machine pushed, an old or
// copied registry, stores that are away.

#include <set>
#include <string>
#include <vector>

#include "engine/test_pool.h"
#include <gtest/gtest.h>

#include "modelfloat/engine/catalogue/fragment_map.h"
#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/upkeep/remove_model.h"
#include "modelfloat/engine/upkeep/remove_stores.h"
#include "modelfloat/engine/upkeep/verify.h"

namespace modelfloat {
namespace {

using engine::Health;
using test::Call;
using test::Files;
using test::kind_thrown;
using test::Machine;
using test::Threads;
using test::thrown_by;
using test::World;

Health health(Machine& machine, const std::string& model = "ns/model") { return machine.health(model).health; }

// The states of all shards of the model, as `show` and the API tell them.
std::multiset<std::string> shard_states(Machine& machine) {
  const auto manifest = engine::open_manifest(machine.pool(), ModelRef::parse("ns/model"), true, {});
  std::multiset<std::string> states;
  engine::map_fragments(
      machine.pool(), manifest,
      [&](const engine::PackView& pack) {
        for (const auto& shard : pack.shards) states.emplace(to_string(shard.state));
      },
      [](const engine::FragmentView&) {}, {});
  return states;
}

std::multiset<std::string> all(std::size_t count, const std::string& state) {
  std::multiset<std::string> states;
  for (std::size_t i = 0; i < count; ++i) states.insert(state);
  return states;
}

// One makes the pool, other joins, one pushes: other's registry knows the pack and none of its
// places.
class UnlistedShards : public testing::Test {
 protected:
  explicit UnlistedShards(std::size_t stores = 6, PolicySet policy = {4, 2, 2}) : world_(stores) {
    one_.create(policy);
    std::vector<std::size_t> numbers;
    for (std::size_t i = 0; i < stores; ++i) numbers.push_back(i);
    other_.recover(one_.recovery_secret(), numbers);
    one_.push("ns/model", files_);
    engine::catch_up(other_.pool(), test::k_all_news, {});
  }
  // By store: the shards there. The model has one pack.
  std::vector<std::pair<std::size_t, std::string>> shards() {
    std::vector<std::pair<std::size_t, std::string>> found;
    for (std::size_t i = 0; i < world_.size(); ++i) {
      for (const auto& [path, bytes] : world_.objects(i)) {
        if (path.starts_with("mf1/shard/")) found.emplace_back(i, path);
      }
    }
    return found;
  }
  void lose(std::size_t store) {
    for (const auto& [holder, path] : shards()) {
      if (holder == store) world_.inner(store).remove(*ObjectName::parse(path), {});
    }
  }
  void reopen_without(Machine& machine, const std::vector<std::size_t>& away) {
    for (const std::size_t i : away) world_.faults(i).set_offline(true);
    machine.reopen();
  }

  const Files files_{{"m.bin", test::random_bytes(3'000'000, 61)}};
  World world_;
  Machine one_{world_, Threads::one, 1};
  Machine other_{world_, Threads::one, 2};
};

TEST_F(UnlistedShards, WhatAnotherMachinePushedIsSoundInListings) {
  EXPECT_EQ(other_.health().health, Health::sound);
  EXPECT_EQ(other_.health().stores, 6U);
  EXPECT_EQ(health(other_), Health::sound);
}

TEST_F(UnlistedShards, WhatAnotherMachinePushedIsPresentInTheMap) {
  EXPECT_EQ(shard_states(other_), all(6, "present"));
}

TEST_F(UnlistedShards, WhatWasFoundIsRememberedAndNotListedAgain) {
  EXPECT_EQ(health(other_), Health::sound);
  other_.reopen();
  other_.pool().stores().wait_until_decided({});
  const auto before = world_.faults(0).calls(Call::list);
  EXPECT_EQ(health(other_), Health::sound);
  EXPECT_EQ(world_.faults(0).calls(Call::list), before);
}

TEST_F(UnlistedShards, APullOfASoundModelDoesNotMakeItDegraded) {
  EXPECT_EQ(other_.pull("ns/model"), files_);
  EXPECT_EQ(health(other_), Health::sound);
}

TEST_F(UnlistedShards, StoresThatCannotBeListedLeaveItUnknown) {
  for (std::size_t i = 0; i < 6; ++i) world_.faults(i).fail_next(Call::list, ErrorKind::transient, 1000);
  EXPECT_EQ(health(other_), Health::unknown);
  EXPECT_EQ(shard_states(other_), all(6, "unknown"));
}

TEST_F(UnlistedShards, OnlyWhatNoStoreListsIsLost) {
  for (const std::size_t i : {0U, 1U, 2U}) lose(i);
  EXPECT_EQ(health(other_), Health::lost);
  EXPECT_EQ(shard_states(other_).count("missing"), 3U);
}

TEST_F(UnlistedShards, WhatMayLieOnStoresThatAreAwayIsNotLost) {
  reopen_without(other_, {0, 1, 2});
  EXPECT_EQ(health(other_), Health::offline);
  EXPECT_EQ(shard_states(other_).count("missing"), 0U);
  EXPECT_EQ(shard_states(other_).count("present"), 3U);
  for (std::size_t i = 0; i < 6; ++i) world_.faults(i).set_offline(false);
  other_.reopen();
  EXPECT_EQ(health(other_), Health::sound);
}

// What is known to lie on stores that are away is not lost either; what is found to be gone besides
// may be too much.
TEST_F(UnlistedShards, WhatLiesOnStoresThatAreAwayIsOfflineUntilTooMuchElseIsGone) {
  reopen_without(one_, {0, 1, 2});
  EXPECT_EQ(health(one_), Health::offline);
  EXPECT_EQ(shard_states(one_).count("offline"), 3U);
  for (const std::size_t i : {3U, 4U, 5U}) lose(i);
  engine::verify(one_.pool(), {}, {});
  EXPECT_EQ(health(one_), Health::lost);
}

TEST_F(UnlistedShards, VerifyDoesNotCallMissingWhatMayLieOnAStoreThatIsAway) {
  reopen_without(other_, {0, 1, 2});
  const auto report = engine::verify(other_.pool(), {}, {});
  EXPECT_EQ(report.models.at(0).health, Health::offline);
  EXPECT_FALSE(report.readable());
  for (const auto& finding : report.damaged) EXPECT_EQ(finding.what, transfer::Damage::offline) << finding.object;
}

TEST_F(UnlistedShards, VerifyOfAStoreThatHangsWhileItIsReadDoesNotCallItLost) {
  engine::verify(other_.pool(), {}, {});
  for (const std::size_t i : {0U, 1U, 2U}) world_.faults(i).fail_next(Call::get, ErrorKind::offline, 1000);
  EXPECT_EQ(engine::verify(other_.pool(), {.read = true}, {}).models.at(0).health, Health::offline);
}

TEST_F(UnlistedShards, WhatOnceWasLostIsLookedForAgain) {
  const auto kept = world_.objects(3);
  for (const std::size_t i : {3U, 4U, 5U}) lose(i);
  engine::verify(one_.pool(), {}, {});
  EXPECT_EQ(health(one_), Health::lost);
  // By its owner.
  for (const auto& [path, bytes] : kept) world_.inner(3).put(*ObjectName::parse(path), bytes, {});
  one_.reopen();
  EXPECT_EQ(health(one_), Health::degraded);
}

TEST_F(UnlistedShards, AShardOfTheWrongLengthIsNotTakenForOneThatIsThere) {
  const auto [store, path] = shards().front();
  const Bytes whole = world_.objects(store).at(path);
  lose(store);
  world_.inner(store).put(*ObjectName::parse(path), ByteSpan(whole).first(whole.size() - 1), {});
  EXPECT_EQ(health(other_), Health::degraded);
  EXPECT_EQ(shard_states(other_).count("corrupt"), 1U);
}

class UnlistedCopies : public UnlistedShards {
 protected:
  UnlistedCopies() : UnlistedShards(3, {1, 1, 1}) {}
};

TEST_F(UnlistedCopies, AreFoundOneForEachStore) {
  EXPECT_EQ(health(other_), Health::sound);
  EXPECT_EQ(shard_states(other_), all(2, "present"));
}

TEST_F(UnlistedCopies, TheSecondIsLookedForWhenAReadHasFoundTheFirst) {
  EXPECT_EQ(other_.pull("ns/model"), files_);
  EXPECT_EQ(health(other_), Health::sound);
  lose(shards().front().first);
  Machine third(world_, Threads::one, 3);
  third.recover(one_.recovery_secret(), {0, 1, 2});
  EXPECT_EQ(health(third), Health::degraded);
}

// --- taking a store out
// --------------------------------------------------------------------------------

class TakingAStoreOut : public UnlistedShards {
 protected:
  TakingAStoreOut() : UnlistedShards(7) {
    std::set<std::size_t> holders;
    for (const auto& [store, path] : shards()) holders.insert(store);
    holders_.assign(holders.begin(), holders.end());
    for (std::size_t i = 0; i < 7; ++i) {
      if (!holders.contains(i)) spare_ = i;
    }
  }
  static std::string name(std::size_t store) { return "s" + std::to_string(store); }

  std::vector<std::size_t> holders_;
  std::size_t spare_ = 0;
};

TEST_F(TakingAStoreOut, IsDecidedByListsWhereNothingIsKnown) {
  const auto removal = engine::remove_stores(other_.pool(), {name(holders_[0])}, {.force = true}, {});
  EXPECT_EQ(removal.models_at_risk, std::vector<std::string>{"ns/model"});
  EXPECT_TRUE(engine::remove_stores(other_.pool(), {name(spare_)}, {.force = true}, {}).models_at_risk.empty());
}

TEST_F(TakingAStoreOut, IsRefusedWhenWhatIsBelievedToLieElsewhereIsGone) {
  lose(holders_[1]);
  lose(holders_[2]);
  EXPECT_EQ(kind_thrown([&] { engine::remove_stores(one_.pool(), {name(holders_[0])}, {.force = true}, {}); }),
            ErrorKind::invalid);
  EXPECT_NE(one_.pool().stores().find(name(holders_[0])), nullptr);
}

TEST_F(TakingAStoreOut, CannotBeDecidedWhileStoresAreAwayThatMayHaveTheRest) {
  reopen_without(one_, {holders_[1], holders_[2]});
  EXPECT_EQ(kind_thrown([&] { engine::remove_stores(one_.pool(), {name(holders_[0])}, {.force = true}, {}); }),
            ErrorKind::offline);
  EXPECT_NE(one_.pool().stores().find(name(holders_[0])), nullptr);
}

TEST_F(TakingAStoreOut, WorksForOneThatIsGoneForGood) {
  reopen_without(one_, {holders_[0]});
  const auto removal = engine::remove_stores(one_.pool(), {name(holders_[0])}, {.force = true}, {});
  EXPECT_EQ(removal.models_at_risk, std::vector<std::string>{"ns/model"});
}

TEST_F(TakingAStoreOut, ThatHasNothingOfALostModelIsNotRefused) {
  for (const std::size_t i : {0U, 1U, 2U}) lose(holders_[i]);
  EXPECT_TRUE(engine::remove_stores(one_.pool(), {name(spare_)}, {.force = true}, {}).models_at_risk.empty());
}

TEST_F(TakingAStoreOut, DoesNotCountAShardOfTheWrongLengthOrOneThatIsKnownToBeCorrupt) {
  const auto [store, path] = shards().at(1);
  const Bytes whole = world_.objects(store).at(path);
  lose(store);
  world_.inner(store).put(*ObjectName::parse(path), ByteSpan(whole).first(whole.size() - 1), {});
  one_.pool().registry().record_shard_copy(*ObjectName::parse(shards().at(2).second)->hash(),
                                           one_.pool().stores().find(name(shards().at(2).first))->id,
                                           registry::CopyState::corrupt);
  EXPECT_EQ(kind_thrown([&] { engine::remove_stores(one_.pool(), {name(holders_[0])}, {.force = true}, {}); }),
            ErrorKind::invalid);
}

TEST_F(TakingAStoreOut, IsRefusedWhileTooFewStoresAnswerToKnowAllModels) {
  one_.push("ns/later", {{"m.bin", test::random_bytes(3'000'000, 62)}});
  std::vector<std::size_t> away;
  for (std::size_t i = 1; i < 7; ++i) away.push_back(i);
  reopen_without(other_, away);  // it has not read of the later model
  EXPECT_EQ(kind_thrown([&] { engine::remove_stores(other_.pool(), {"s3"}, {.force = true}, {}); }),
            ErrorKind::offline);
}

TEST_F(TakingAStoreOut, IsPossibleWhenAllOthersAnswer) {
  World two(2);
  Machine machine(two, Threads::one, 10);
  machine.create({1, 0, 0});
  two.faults(1).set_offline(true);  // for good
  machine.reopen();
  EXPECT_NO_THROW(engine::remove_stores(machine.pool(), {"s1"}, {.force = true}, {}));
}

TEST_F(TakingAStoreOut, ThoseThatAreGoneForGoodLeaveTogether) {
  // In documents, which every store has.
  const Files small{{"m.bin", test::random_bytes(1000, 63)}};
  World five(5);
  Machine machine(five, Threads::one, 10);
  machine.create({0, 0, 1});
  machine.push("ns/small", small);
  machine.push("ns/large", {{"m.bin", test::random_bytes(3'000'000, 64)}});
  for (const std::size_t gone : {3U, 4U}) five.faults(gone).set_offline(true);
  machine.reopen();
  const auto alone = thrown_by([&] { engine::remove_stores(machine.pool(), {"s3"}, {.force = true}, {}); });
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->kind, ErrorKind::offline);
  EXPECT_NE(std::string(alone->what()).find("store rm s3 s4"), std::string::npos) << alone->what();

  const auto unreadable = thrown_by([&] { engine::remove_stores(machine.pool(), {"s3", "s4"}, {.force = true}, {}); });
  ASSERT_TRUE(unreadable);
  EXPECT_EQ(unreadable->kind, ErrorKind::invalid);
  EXPECT_NE(std::string(unreadable->what()).find("ns/large"), std::string::npos) << unreadable->what();
  engine::remove_model(machine.pool(), ModelRef::parse("ns/large"), {});
  engine::remove_stores(machine.pool(), {"s3", "s4"}, {.force = true}, {});
  machine.reopen();
  machine.push("ns/more", {{"m.bin", test::random_bytes(3'000'000, 65)}});
  EXPECT_EQ(machine.pull("ns/small"), small);
  EXPECT_EQ(machine.pull("ns/more"), (Files{{"m.bin", test::random_bytes(3'000'000, 65)}}));
}

TEST_F(UnlistedShards, AModelThatTooFewStoresTellOfIsNotCalledUnknown) {
  one_.push("ns/later", {{"m.bin", test::random_bytes(1000, 62)}});
  reopen_without(other_, {1, 2, 3, 4, 5});
  const auto ref = ModelRef::parse("ns/latest");
  EXPECT_EQ(kind_thrown([&] { engine::open_manifest(other_.pool(), ref, false, {}); }), ErrorKind::offline);
  EXPECT_EQ(kind_thrown([&] { engine::remove_model(other_.pool(), ModelRef::parse("ns/latest"), {}); }),
            ErrorKind::offline);
  EXPECT_EQ(kind_thrown([&] { engine::verify(other_.pool(), {.model = "ns/latest"}, {}); }), ErrorKind::offline);
}

}  // namespace
}  // namespace modelfloat
