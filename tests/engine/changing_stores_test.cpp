// Stores that come, go, pause, lie or change hands while the pool is open.
#include <mutex>
#include <set>

#include "engine/test_pool.h"
#include "support/record_hook.h"
#include <gtest/gtest.h>

#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/catalogue/pool_status.h"
#include "modelfloat/engine/upkeep/drain.h"
#include "modelfloat/engine/upkeep/remove_stores.h"
#include "modelfloat/engine/upkeep/verify.h"

namespace modelfloat {
namespace {

using test::Call;
using test::Files;
using test::k_copies;
using test::k_survive_two;
using test::kind_thrown;
using test::Machine;
using test::Threads;
using test::World;

TEST(ChangingStores, OneThatComesBackIsUsedAgain) {
  World world(3);
  Machine machine(world, Threads::one);
  machine.create(k_copies);
  world.faults(0).set_offline(true);
  machine.reopen();
  EXPECT_EQ(engine::pool_status(machine.pool(), {}).domains_online, 2U);
  machine.push("ns/model", {{"m.bin", test::random_bytes(1000, 1)}});
  world.faults(0).set_offline(false);
  machine.clock().advance(Milliseconds{30'000});
  engine::catch_up(machine.pool(), test::k_all_news, {});
  EXPECT_EQ(engine::pool_status(machine.pool(), {}).domains_online, 3U);
  // And has what it missed.
  EXPECT_EQ(engine::pool_status(machine.pool(), {}).stores.at(0).queued, 0U);
}

// Nobody has looked since it came back, and no time has passed.
TEST(ChangingStores, APushLooksItselfBeforeItIsRefused) {
  World world(3);
  Machine machine(world, Threads::one);
  machine.create({1, 2, 2});
  const Files files{{"m.bin", test::random_bytes(1'000'000, 4)}};
  for (const std::size_t away : {0U, 1U}) world.faults(away).set_offline(true);
  machine.reopen();
  EXPECT_EQ(kind_thrown([&] { machine.push("ns/model", files); }), ErrorKind::offline);
  for (const std::size_t away : {0U, 1U}) world.faults(away).set_offline(false);
  machine.push("ns/model", files);
  EXPECT_EQ(machine.health().health, engine::Health::sound);
  EXPECT_EQ(machine.pull("ns/model"), files);
}

// What a store does not list yet, it has as far as is known.
TEST(ChangingStores, OneWhoseListIsLateIsNeededAllTheSame) {
  World world(4);
  Machine machine(world, Threads::one);
  machine.create({1, 1, 1});
  for (std::size_t i = 0; i < world.size(); ++i) world.faults(i).list_late(true);
  machine.push("ns/model", {{"m.bin", test::random_bytes(1'000'000, 4)}});
  std::vector<std::string> holders;
  for (std::size_t i = 0; i < world.size(); ++i) {
    for (const auto& [path, bytes] : world.objects(i)) {
      if (path.starts_with("mf1/shard/")) holders.push_back("s" + std::to_string(i));
    }
  }
  ASSERT_EQ(holders.size(), 2U);
  world.faults(std::stoul(holders[1].substr(1))).list_late(false);
  const auto refused = test::thrown_by([&] { engine::remove_stores(machine.pool(), {holders[0]}, {}, {}); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, ErrorKind::invalid) << refused->what();
  for (std::size_t i = 0; i < world.size(); ++i) world.faults(i).list_late(false);
}

// Damaged copies do not count: what only the leaving store has whole is copied first.
TEST(ChangingStores, DamagedDocumentsAreReplacedBeforeOneIsTakenOut) {
  World world(3);
  Machine machine(world, Threads::one);
  machine.create({1, 1, 1});
  const Files files{{"m.bin", test::random_bytes(1'000, 4)}};
  machine.push("ns/model", files);
  for (const std::size_t i : {1U, 2U}) {
    for (const auto& [path, bytes] : world.objects(i)) {
      if (path == "mf1/marker") continue;
      const ObjectName name = ObjectName::parse(path).value();
      world.inner(i).remove(name, {});
      world.inner(i).put(name, ByteSpan(bytes).first(bytes.size() / 2), {});
    }
  }
  engine::remove_stores(machine.pool(), {"s0"}, {}, {});
  world.faults(0).set_offline(true);
  Machine other(world, Threads::one, 2);
  other.recover(machine.recovery_secret(), {1, 2});
  EXPECT_EQ(other.pull("ns/model"), files);
  world.faults(0).set_offline(false);
}

// What another machine took out holds nothing any more, though its objects are still there.
TEST(ChangingStores, OneThatAnotherMachineTookOutDoesNotCount) {
  World world(4);
  Machine one(world, Threads::one, 1);
  one.create({2, 1, 1});
  one.push("ns/model", {{"m.bin", test::random_bytes(3'000'000, 4)}});
  Machine two(world, Threads::one, 2);
  two.recover(one.recovery_secret(), {0, 1, 2, 3});
  for (const std::string name : {"s0", "s1"}) {
    engine::drain_store(one.pool(), name, {}, {});
    engine::cancel_drain(one.pool(), name, {});
  }
  two.reopen();
  engine::verify(two.pool(), {}, {});
  engine::remove_stores(one.pool(), {"s0"}, {}, {});
  const auto refused = test::thrown_by([&] { engine::remove_stores(two.pool(), {"s1"}, {}, {}); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, ErrorKind::invalid) << refused->what();
}

TEST(ChangingStores, NoneIsTakenOutWhereAModelIsNotUnderstood) {
  World world(4);
  Machine machine(world, Threads::one);
  machine.create(k_copies);
  machine.push("ns/model", {{"m.bin", test::random_bytes(1'000'000, 4)}});
  for (std::size_t i = 0; i < world.size(); ++i) {
    for (const auto& [path, bytes] : world.objects(i)) {
      if (!path.starts_with("mf1/structure/")) continue;
      machine.environment().registry.forget_documents(std::vector<std::string>{path});
      world.inner(i).remove(ObjectName::parse(path).value(), {});
    }
  }
  const auto refused = test::thrown_by([&] { engine::remove_stores(machine.pool(), {"s0"}, {.force = true}, {}); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, ErrorKind::lost);
  EXPECT_EQ(refused->where, "ns/model");
}

TEST(ChangingStores, OneThatGoesIsNoticedByItsFirstCall) {
  World world(3);
  Machine machine(world, Threads::one);
  machine.create(k_copies);
  world.faults(2).set_offline(true);
  engine::catch_up(machine.pool(), test::k_all_news, {});
  EXPECT_FALSE(machine.pool().stores().find("s2")->is_online());
  EXPECT_EQ(engine::pool_status(machine.pool(), {}).domains_online, 2U);
}

// Other machines do not look there for news.
TEST(ChangingStores, ANewOneCountsOnceEnoughOfTheOthersKnowOfIt) {
  World world(3);
  Machine machine(world, Threads::one);
  machine.create(k_copies);
  engine::remove_stores(machine.pool(), {"s2"}, {.force = true}, {});
  machine.push("ns/first", {{"m.bin", test::random_bytes(1000, 3)}});
  world.faults(0).set_offline(true);
  machine.reopen();
  const auto again = world.open(World::url(2));
  engine::add_store(machine.pool(), "s2", World::url(2), "d2", 0, *again, {});
  const Files files{{"m.bin", test::random_bytes(1000, 4)}};
  const auto refused = test::thrown_by([&] { machine.push("ns/model", files); });
  ASSERT_TRUE(refused) << "only s1 and s2 have it, and others may not know of s2";
  EXPECT_EQ(refused->kind, ErrorKind::offline);
  EXPECT_NE(std::string(refused->what()).find("s2 does not count before"), std::string::npos) << refused->what();
  machine.reopen();
  EXPECT_TRUE(test::thrown_by([&] { machine.push("ns/model", files); })) << "another process knows it too";
  world.faults(0).set_offline(false);
  machine.reopen();
  machine.push("ns/model", files);
  world.faults(0).set_offline(true);
  machine.reopen();
  machine.push("ns/third", {{"m.bin", test::random_bytes(1000, 5)}});
  world.faults(0).set_offline(false);
}

TEST(ChangingStores, ANewOneCountsAtOnceWhenThoseThatAreGoneAreTakenOut) {
  World world(3);
  Machine machine(world, Threads::one);
  machine.create(k_copies);
  engine::remove_stores(machine.pool(), {"s2"}, {.force = true}, {});
  world.faults(0).set_offline(true);
  machine.reopen();
  const auto again = world.open(World::url(2));
  engine::add_store(machine.pool(), "s2", World::url(2), "d2", 0, *again, {});
  engine::remove_stores(machine.pool(), {"s0"}, {.force = true}, {});
  machine.push("ns/model", {{"m.bin", test::random_bytes(1000, 4)}});
}

// As Drive may.
TEST(ChangingStores, ARecordCountsWhereItIsListed) {
  World world(2);
  Machine machine(world, Threads::one);
  machine.create(k_copies);
  store::StoreTraits traits;
  traits.delayed_listing = true;
  world.faults(1).set_traits(traits);
  machine.reopen();
  world.faults(1).list_late(true);
  const Files files{{"m.bin", test::random_bytes(1000, 4)}};
  EXPECT_EQ(kind_thrown([&] { machine.push("ns/model", files); }), ErrorKind::offline);
  world.faults(1).list_late(false);
  machine.reopen();
  machine.push("ns/model", files);
  EXPECT_EQ(machine.pull("ns/model"), files);
}

// The machine that pushed it is gone before the third store had its documents.
TEST(ChangingStores, DocumentsThatOnlyLeavingStoresHaveAreCopiedFirst) {
  World world(3);
  Machine second(world, Threads::one, 2);
  {
    Machine first(world, Threads::one, 1);
    first.create(k_copies);
    second.recover(first.recovery_secret(), {0, 1, 2});
    world.faults(2).set_offline(true);
    first.reopen();
    first.push("ns/model", test::one_file(1));
  }
  world.faults(2).set_offline(false);
  second.reopen();
  engine::remove_stores(second.pool(), {"s0", "s1"}, {.force = true}, {});
  for (const std::size_t gone : {0U, 1U}) world.faults(gone).set_offline(true);
  second.reopen();
  EXPECT_EQ(second.pull("ns/model"), test::one_file(1));
  EXPECT_TRUE(engine::verify(second.pool(), {.read = true}, {}).sound());
  for (const std::size_t gone : {0U, 1U}) world.faults(gone).set_offline(false);
}

TEST(ChangingStores, NothingIsTakenOutThatAStayingStoreDoesNotTake) {
  World world(3);
  Machine machine(world, Threads::one, 1);
  machine.create(k_copies);
  Machine second(world, Threads::one, 2);
  second.recover(machine.recovery_secret(), {0, 1, 2});
  world.faults(2).set_offline(true);
  machine.reopen();
  machine.push("ns/model", test::one_file(1));
  world.faults(2).set_offline(false);
  world.faults(2).limit_space(0);
  second.reopen();
  const auto refused =
      test::thrown_by([&] { engine::remove_stores(second.pool(), {"s0", "s1"}, {.force = true}, {}); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, ErrorKind::offline);
  EXPECT_NE(second.pool().stores().find("s0"), nullptr);
}

TEST(ChangingStores, APushWhoseStoresAreTakenOutMeanwhileIsNotCommitted) {
  World world(7);
  Machine one(world, Threads::one, 1);
  one.create(k_survive_two);
  Machine two(world, Threads::one, 2);
  two.recover(one.recovery_secret(), {0, 1, 2, 3, 4, 5, 6});
  const Files files{{"m.bin", test::random_bytes(3'000'000, 5)}};
  engine::PushOptions options;
  options.model = "ns/model";
  engine::PushSession session(one.pool(), options, {});
  MemorySource source(files.at("m.bin"));
  session.add_file("m.bin", source);
  engine::remove_stores(two.pool(), {"s0", "s1", "s2"}, {.force = true}, {});
  EXPECT_EQ(kind_thrown([&] { session.commit(); }), ErrorKind::transient);
  EXPECT_FALSE(two.pool().log().state().tags.contains("ns/model"));
  engine::catch_up(one.pool(), test::k_all_news, {});
  EXPECT_EQ(one.pool().stores().all().size(), 4U);
}

// A push is committed after the removal has looked, and before others can read of it.
TEST(ChangingStores, AStoreThatAPushCountsOnMeanwhileStaysInThePool) {
  World world(7);
  Machine one(world, Threads::one, 1);
  one.create(k_survive_two);
  Machine two(world, Threads::one, 2);
  two.recover(one.recovery_secret(), {0, 1, 2, 3, 4, 5, 6});
  const Files files{{"m.bin", test::random_bytes(3'000'000, 5)}};
  bool armed = true;
  world.wrap = [&](std::unique_ptr<store::Store> store, std::size_t) {
    const auto push_once = [&] {
      if (std::exchange(armed, false)) one.push("ns/model", files);
    };
    return std::make_unique<test::RecordHook>(std::move(store), nullptr, push_once);
  };
  two.reopen();
  const auto refused =
      test::thrown_by([&] { engine::remove_stores(two.pool(), {"s0", "s1", "s2"}, {.force = true}, {}); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, ErrorKind::transient) << refused->what();
  for (Machine* machine : {&one, &two}) {
    machine->reopen();
    engine::catch_up(machine->pool(), test::k_all_news, {});
    EXPECT_EQ(machine->pool().stores().all().size(), 7U);
    EXPECT_EQ(machine->pull("ns/model"), files);
  }
}

TEST(ChangingStores, WhatAnotherHomeAddsAndTakesOutIsFollowed) {
  World world(4);
  Machine one(world, Threads::one, 1);
  one.create(k_copies);
  Machine two(world, Threads::one, 2);
  two.recover(one.recovery_secret(), {0, 1, 2, 3});
  engine::remove_stores(two.pool(), {"s3"}, {.force = true}, {});
  EXPECT_EQ(two.pool().stores().find("s3"), nullptr);
  ASSERT_NE(one.pool().stores().find("s3"), nullptr);
  engine::catch_up(one.pool(), test::k_all_news, {});
  EXPECT_EQ(one.pool().stores().find("s3"), nullptr);
  EXPECT_EQ(one.pool().registry().stores().size(), 3U);

  const auto again = world.open(World::url(3));
  engine::add_store(two.pool(), "s3", World::url(3), "domain3", 0, *again, {});
  EXPECT_NE(two.pool().stores().find("s3"), nullptr);
  engine::catch_up(one.pool(), test::k_all_news, {});
  ASSERT_NE(one.pool().stores().find("s3"), nullptr);
  EXPECT_TRUE(one.pool().stores().find("s3")->is_online());
  one.push("ns/model", {{"m.bin", test::random_bytes(1000, 3)}});
  EXPECT_EQ(two.pull("ns/model"), (Files{{"m.bin", test::random_bytes(1000, 3)}}));
}

// Names of stores that are said to have done wrong.
class Named {
 public:
  transfer::FindingSink sink() {
    return [this](const transfer::Finding& finding) {
      const std::lock_guard lock(mutex_);
      names_.insert(finding.store);
    };
  }
  std::set<std::string> names() {
    const std::lock_guard lock(mutex_);
    return names_;
  }

 private:
  std::mutex mutex_;
  std::set<std::string> names_;
};

class Choosy : public testing::TestWithParam<Threads> {
 protected:
  Choosy() {
    machine_.create(k_survive_two);
    machine_.push("ns/model", files_);
  }
  World world_{6};
  Machine machine_{world_, GetParam()};
  const Files files_{{"m.bin", test::random_bytes(3'000'000, 1)}};
};

TEST_P(Choosy, PausedStoresAreReadAroundAndNotBlamed) {
  Named named;
  for (const std::size_t i : {0U, 1U})
    world_.faults(i).fail_next(Call::get, ErrorKind::rate_limited, 1'000, Milliseconds{3'600'000});
  const auto before = world_.faults(0).calls(Call::get) + world_.faults(1).calls(Call::get);
  EXPECT_EQ(machine_.pull("ns/model", named.sink()), files_);
  EXPECT_EQ(machine_.pull("ns/model", named.sink()), files_);
  EXPECT_TRUE(named.names().empty());
  EXPECT_LE(world_.faults(0).calls(Call::get) + world_.faults(1).calls(Call::get),
            before + 4);  // asked once, they are left alone
}

TEST_P(Choosy, TooManyPausedStoresMeanLaterAndNotLost) {
  for (const std::size_t i : {0U, 1U, 2U})
    world_.faults(i).fail_next(Call::get, ErrorKind::rate_limited, 1'000, Milliseconds{3'600'000});
  EXPECT_EQ(kind_thrown([&] { machine_.pull("ns/model"); }), ErrorKind::rate_limited);
}

TEST_P(Choosy, ScarceDownloadsAreSparedWhereOthersDo) {
  store::StoreTraits scarce;
  scarce.downloads_are_scarce = true;
  for (const std::size_t i : {0U, 1U}) world_.faults(i).set_traits(scarce);
  machine_.reopen();
  machine_.pool().stores().wait_until_decided({});
  const auto before = world_.faults(0).calls(Call::get) + world_.faults(1).calls(Call::get);
  EXPECT_EQ(machine_.pull("ns/model"), files_);
  EXPECT_EQ(world_.faults(0).calls(Call::get) + world_.faults(1).calls(Call::get), before);
  world_.faults(2).set_offline(true);
  world_.faults(3).set_offline(true);
  EXPECT_EQ(machine_.pull("ns/model"), files_);  // nothing else is left
}

TEST_P(Choosy, ALiarIsNamedWhenARangeOrADocumentIsRead) {
  const auto manifest = engine::open_manifest(machine_.pool(), ModelRef::parse("ns/model"), true, {});
  for (std::size_t i = 0; i < 6; ++i) world_.faults(i).flip_bits_everywhere(i == 2 || i == 3);
  Named named;
  for (const std::uint64_t offset : {100'000U, 900'000U, 1'700'000U, 2'500'000U}) {
    Bytes got;
    engine::read_range(machine_.pool(), manifest, "m.bin", {offset, 1000}, [&](ByteSpan part) { append(got, part); },
                       {{}, named.sink()}, {});
    EXPECT_TRUE(equal(got, ByteSpan(files_.at("m.bin")).subspan(offset, 1000))) << offset;
  }
  for (const std::string& name : named.names()) EXPECT_TRUE(name == "s2" || name == "s3") << name;

  Machine other(world_, GetParam(), 9);
  for (std::size_t i = 0; i < 6; ++i) world_.faults(i).flip_bits_everywhere(false);
  other.recover(machine_.recovery_secret(), {0, 1, 2, 3, 4, 5});
  const Files more{{"n.bin", test::random_bytes(2'000'000, 5)}};
  machine_.push("ns/new", more);
  for (std::size_t i = 0; i < 6; ++i) world_.faults(i).flip_bits_everywhere(i < 2);
  EXPECT_EQ(other.pull("ns/new"), more);
}

INSTANTIATE_TEST_SUITE_P(Threads, Choosy, testing::Values(Threads::one, Threads::many),
                         [](const auto& param) { return param.param == Threads::one ? "OneThread" : "ManyThreads"; });

}  // namespace
}  // namespace modelfloat
