// What the log is believed to say when objects of it are junk, missing, or written by a copy of
// this home.
#include <algorithm>

#include "engine/test_pool.h"
#include "support/forwarding_store.h"
#include "support/thrown.h"
#include <gtest/gtest.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/engine/upkeep/remove_stores.h"
#include "modelfloat/engine/upkeep/verify.h"

namespace modelfloat {
namespace {

using engine::Settings;
using test::Call;
using test::Files;
using test::k_copies;
using test::Machine;
using test::one_file;
using test::Threads;
using test::World;
using test::writer_of;

// A record that changes nothing.
void write_record(Machine& machine) { machine.pool().log().append_if_possible({Untagged{"ns/none", "none"}}, {}); }

std::uint64_t gets(World& world) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < world.size(); ++i) sum += world.faults(i).calls(Call::get);
  return sum;
}

void remove_everywhere(World& world, const WriterId& writer, std::uint64_t first, std::uint64_t last) {
  for (std::size_t i = 0; i < world.size(); ++i) {
    for (const auto& [path, bytes] : world.objects(i)) {
      const auto name = ObjectName::parse(path);
      if (name->type() == ObjectType::log && name->writer() == writer && *name->seq() >= first && *name->seq() <= last)
        world.inner(i).remove(*name, {});
    }
  }
}

class LogIntegrity : public testing::Test {
 protected:
  LogIntegrity() {
    one_.create(k_copies);
    one_.push("ns/model", one_file(1));
  }
  World world_{3};
  Machine one_{world_, Threads::one};
};

// --- junk
// --------------------------------------------------------------------------------

TEST_F(LogIntegrity, JunkUnderANameOfOurChainMakesNoNewWriter) {
  const WriterId writer = writer_of(one_);
  const Bytes junk = test::random_bytes(300, 7);
  world_.inner(0).put(ObjectName::of_chain(ObjectType::log, writer, 255, crypto::blake3(junk)), junk, {});
  world_.inner(1).put(ObjectName::of_chain(ObjectType::log, writer, 256, Hash256{std::byte{7}}), junk, {});
  one_.pool().log().sync({});
  EXPECT_EQ(writer_of(one_), writer);
  one_.push("ns/model", one_file(2));
  EXPECT_EQ(one_.pull("ns/model"), one_file(2));
}

TEST_F(LogIntegrity, WhatDoesNotOpenIsNotFetchedAgain) {
  const WriterId other{std::byte{9}};
  const Bytes junk = test::random_bytes(300, 7);
  const auto opens_not = ObjectName::of_chain(ObjectType::log, other, 1, crypto::blake3(junk));
  world_.inner(0).put(opens_not, junk, {});
  world_.inner(1).put(ObjectName::of_chain(ObjectType::log, other, 2, Hash256{std::byte{7}}), junk, {});
  world_.inner(1).put(ObjectName::of_chain(ObjectType::checkpoint, other, 64, crypto::blake3(junk)), junk, {});
  one_.pool().log().sync({});
  const auto before = gets(world_);
  one_.pool().log().sync({});
  EXPECT_EQ(gets(world_), before);

  // Another program, or other keys, may open it.
  one_.environment().registry.record_unreadable({opens_not.path(), "0 1-1"});
  one_.pool().log().sync({});
  EXPECT_EQ(gets(world_), before + 1);
  // A copy that is damaged may be good on another store, and anywhere on another day.
  world_.inner(2).put(ObjectName::of_chain(ObjectType::log, other, 2, Hash256{std::byte{7}}), junk, {});
  one_.pool().log().sync({});
  EXPECT_EQ(gets(world_), before + 3);
  one_.clock().sleep_for(std::chrono::hours(24), {});
  one_.pool().log().sync({});
  EXPECT_GE(gets(world_), before + 5);  // and markers
  // verify tries all of them, and says so.
  const auto last = gets(world_);
  const auto report = engine::verify(one_.pool(), {}, {});
  EXPECT_GE(gets(world_), last + 4);
  EXPECT_EQ(report.doubts.size(), 3U);
  EXPECT_FALSE(report.sound());
}

TEST_F(LogIntegrity, JunkThatIsGoneIsForgotten) {
  const Bytes junk = test::random_bytes(300, 7);
  const auto name = ObjectName::of_chain(ObjectType::log, WriterId{std::byte{9}}, 1, crypto::blake3(junk));
  world_.inner(0).put(name, junk, {});
  EXPECT_FALSE(engine::verify(one_.pool(), {}, {}).sound());
  world_.inner(0).remove(name, {});
  EXPECT_TRUE(engine::verify(one_.pool(), {}, {}).sound());
}

// --- a copied home
// --------------------------------------------------------------------------------

TEST_F(LogIntegrity, ACopiedHomeThatWroteTheSameNumberMakesANewWriter) {
  Machine copy(world_, Threads::one, 50);
  copy.recover(one_.recovery_secret(), {0, 1, 2});
  const WriterId writer = writer_of(one_);
  one_.pool().log().sync({});
  Settings(copy.environment().registry).set_writer(writer);
  for (std::size_t i = 0; i < world_.size(); ++i) world_.faults(i).set_offline(true);
  one_.reopen();
  write_record(one_);
  for (std::size_t i = 0; i < world_.size(); ++i) world_.faults(i).set_offline(false);
  copy.reopen();
  write_record(copy);  // the same number

  one_.reopen();
  one_.push("ns/one", one_file(2));
  EXPECT_NE(writer_of(one_), writer);
  copy.push("ns/copy", one_file(3));
  EXPECT_NE(writer_of(copy), writer);
  for (Machine* machine : {&one_, &copy}) {
    EXPECT_EQ(machine->pull("ns/one"), one_file(2));
    EXPECT_EQ(machine->pull("ns/copy"), one_file(3));
  }
}

TEST_F(LogIntegrity, AnOldCopyFarBehindACheckpointMakesANewWriter) {
  Machine copy(world_, Threads::one, 50);
  copy.recover(one_.recovery_secret(), {0, 1, 2});
  const WriterId writer = writer_of(one_);
  Settings(copy.environment().registry).set_writer(writer);
  for (int i = 0; i < 70; ++i) write_record(copy);
  remove_everywhere(world_, writer, 1, 64);
  remove_everywhere(world_, writer, 65, 100);
  one_.pool().log().sync({});
  EXPECT_NE(writer_of(one_), writer);
}

// --- records that are missing
// --------------------------------------------------------------------------------

TEST_F(LogIntegrity, MissingRecordsAreReported) {
  for (int i = 0; i < 4; ++i) write_record(one_);
  const WriterId writer = writer_of(one_);
  const auto newest = one_.pool().log().state().heads.at(writer).seq;
  remove_everywhere(world_, writer, newest - 2, newest - 1);
  Machine other(world_, Threads::one, 50);
  other.recover(one_.recovery_secret(), {0, 1, 2});
  const auto report = engine::verify(other.pool(), {}, {});
  EXPECT_FALSE(report.sound());
  ASSERT_EQ(report.doubts.size(), 1U);
  const std::string expected = "records " + std::to_string(newest - 2) + " to " + std::to_string(newest - 1);
  EXPECT_NE(report.doubts[0].find(expected), std::string::npos) << report.doubts[0];
  EXPECT_NE(report.doubts[0].find(to_hex(writer)), std::string::npos) << report.doubts[0];
}

TEST_F(LogIntegrity, AMissingEndThatAnotherChainNamesIsReported) {
  const WriterId writer = writer_of(one_);
  Machine two(world_, Threads::one, 50);
  two.recover(one_.recovery_secret(), {0, 1, 2});
  write_record(one_);
  const auto newest = one_.pool().log().state().heads.at(writer).seq;
  two.pool().log().sync({});
  write_record(two);
  remove_everywhere(world_, writer, newest, newest);
  Machine three(world_, Threads::one, 51);
  three.recover(one_.recovery_secret(), {0, 1, 2});
  const auto doubts = three.pool().log().doubts();
  ASSERT_EQ(doubts.size(), 1U);
  EXPECT_NE(doubts[0].find("record " + std::to_string(newest) + " "), std::string::npos) << doubts[0];
}

TEST_F(LogIntegrity, WhatACheckpointStandsForIsNotMissing) {
  const WriterId writer = writer_of(one_);
  while (one_.pool().log().state().heads.at(writer).seq < 66) write_record(one_);
  remove_everywhere(world_, writer, 1, 64);
  Machine other(world_, Threads::one, 50);
  other.recover(one_.recovery_secret(), {0, 1, 2});
  EXPECT_TRUE(other.pool().log().doubts().empty());
  EXPECT_EQ(other.pull("ns/model"), one_file(1));
}

// A checkpoint that is hardly further than what is known is not worth reading, but for the records
// that are missing.
TEST_F(LogIntegrity, ACheckpointFillsAGapBelowIt) {
  const WriterId writer = writer_of(one_);
  const auto newest = [&] { return one_.pool().log().state().heads.at(writer).seq; };
  while (newest() < 60) write_record(one_);
  Machine two(world_, Threads::one, 50);
  two.recover(one_.recovery_secret(), {0, 1, 2});
  while (newest() < 62) write_record(one_);
  remove_everywhere(world_, writer, 61, 61);
  two.pool().log().sync({});
  EXPECT_EQ(two.pool().log().doubts().size(), 1U);
  while (newest() < 64) write_record(one_);
  two.pool().log().sync({});
  EXPECT_TRUE(two.pool().log().doubts().empty());
}

// --- where metadata is
// --------------------------------------------------------------------------------

TEST_F(LogIntegrity, AStoreThatJoinsAfterADocumentWasQueuedDoesNotCountAsHavingIt) {
  registry::Registry& registry = one_.environment().registry;
  engine::Pool& pool = one_.pool();
  const auto rows = registry.stores();
  registry.remove_store(rows[2].id);
  pool.stores().set_rows(registry.stores());
  const Bytes bytes = test::random_bytes(100, 1);
  const engine::NamedObject object{ObjectName::of(ObjectType::content, crypto::blake3(bytes)), bytes};
  const engine::AwaitedPuts awaited(registry, {&object, 1});
  pool.documents().enqueue({&object, 1});
  registry.put_store(rows[2]);
  pool.stores().set_rows(registry.stores());
  pool.documents().flush(transfer::WaitFor::all, {});
  EXPECT_TRUE(pool.documents().is_durable({&object, 1}, 2));
  EXPECT_FALSE(pool.documents().is_durable({&object, 1}, 3));
}

TEST_F(LogIntegrity, ConfirmationsAreForgottenWithThePush) {
  std::set<std::string> objects;
  for (const auto& [path, bytes] : world_.objects(0)) objects.insert(path);
  for (const std::string& path : objects) EXPECT_TRUE(one_.environment().registry.confirmed_puts(path).empty()) << path;
}

// Does something else once, before it takes a content.
class InterruptedStore final : public test::ForwardingStore {
 public:
  InterruptedStore(std::unique_ptr<store::Store> inner, std::function<void()> once)
      : ForwardingStore(std::move(inner)), once_(std::move(once)) {}
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& call) override {
    if (name.type() == ObjectType::content && once_) std::exchange(once_, {})();
    ForwardingStore::put(name, bytes, call);
  }

 private:
  std::function<void()> once_;
};

// What this home writes while a store is added goes to that store, too.
TEST(AddedStore, GetsWhatIsWrittenWhileItIsAdded) {
  World world(3);
  Machine machine(world, Threads::one);
  machine.create(k_copies);
  machine.push("ns/model", one_file(1));
  engine::remove_stores(machine.pool(), {"s2"}, {.force = true}, {});
  const auto stays = world.objects(2);
  for (const auto& [path, bytes] : stays) world.inner(2).remove(*ObjectName::parse(path), {});
  InterruptedStore store(world.open(World::url(2)), [&] { machine.push("ns/meanwhile", one_file(2)); });
  engine::add_store(machine.pool(), "s2", World::url(2), "domain2", 0, store, {});
  for (const auto& [path, bytes] : world.objects(0)) {
    const bool is_shard = ObjectName::parse(path)->type() == ObjectType::shard;
    EXPECT_TRUE(is_shard || path == "mf1/marker" || world.objects(2).contains(path)) << path;
  }
}

}  // namespace
}  // namespace modelfloat
