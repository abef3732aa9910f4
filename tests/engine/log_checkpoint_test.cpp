// Checkpoints in parts, what of the log is deleted behind them, and forks below them.
#include <algorithm>

#include "engine/test_pool.h"
#include "support/forwarding_store.h"
#include "support/thrown.h"
#include <gtest/gtest.h>

#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/engine/upkeep/repair.h"
#include "modelfloat/engine/upkeep/verify.h"
#include "modelfloat/mf1/document.h"
#include "modelfloat/mf1/log_codec.h"

namespace modelfloat {
namespace {

using engine::Settings;
using test::Files;
using test::k_copies;
using test::Machine;
using test::one_file;
using test::Threads;
using test::World;
using test::writer_of;

constexpr auto k_a_day = std::chrono::hours(25);

void write_records(Machine& machine, std::size_t count) {
  for (; count > 0; --count) machine.pool().log().append({Untagged{"ns/none", std::to_string(count)}}, {});
}

class LogCheckpoint : public testing::Test {
 protected:
  LogCheckpoint() {
    one_.create(k_copies);
    one_.push("ns/model", one_file(1));
  }
  std::set<ObjectName> listed(ObjectType type, std::size_t store = 0) {
    std::set<ObjectName> names;
    for (const auto& [path, bytes] : world_.objects(store)) {
      const auto name = ObjectName::parse(path);
      if (name->type() == type) names.insert(*name);
    }
    return names;
  }
  // Takes the object from every store, and returns its bytes.
  Bytes take(const ObjectName& name) {
    const Bytes bytes = world_.objects(0).at(name.path());
    for (std::size_t i = 0; i < world_.size(); ++i) world_.inner(i).remove(name, {});
    return bytes;
  }
  Files models_of(Machine& machine) {
    Files found;
    for (const auto& [content, live] : machine.pool().log().state().manifests) found[live.model] = {};
    return found;
  }

  World world_{3};
  Machine one_{world_, Threads::one};
};

TEST_F(LogCheckpoint, WhatIsCoveredIsDeletedADayLater) {
  Machine other(world_, Threads::one, 50);
  other.recover(one_.recovery_secret(), {0, 1, 2});
  write_records(one_, 200);
  ASSERT_GE(listed(ObjectType::log).size(), 200U);
  one_.pool().log().sync({});
  EXPECT_GE(listed(ObjectType::log).size(), 200U);
  one_.clock().advance(k_a_day);
  for (int i = 0; i < 3; ++i) one_.pool().log().sync({});
  for (std::size_t store = 0; store < world_.size(); ++store) {
    EXPECT_LE(listed(ObjectType::log, store).size(), 130U) << store;
    EXPECT_EQ(listed(ObjectType::checkpoint, store).size(), 2U) << store;
    EXPECT_LE(listed(ObjectType::part, store).size(), 6U) << store;
  }

  // One that had listed them, and one that had not, see the same and have no doubt.
  Machine third(world_, Threads::one, 60);
  third.recover(one_.recovery_secret(), {0, 1, 2});
  for (Machine* machine : {&one_, &other, &third}) {
    const auto sync = machine->pool().log().sync({});
    EXPECT_TRUE(sync.rolled_back.empty());
    EXPECT_TRUE(machine->pool().log().doubts().empty());
    EXPECT_EQ(machine->pull("ns/model"), one_file(1));
    EXPECT_TRUE(engine::verify(machine->pool(), {}, {}).sound());
  }
  EXPECT_EQ(one_.pool().log().state().tags, third.pool().log().state().tags);
}

// Calls back before parts are listed.
class PartsHook final : public test::ForwardingStore {
 public:
  PartsHook(std::unique_ptr<store::Store> inner, std::function<void()> before_parts)
      : ForwardingStore(std::move(inner)), before_parts_(std::move(before_parts)) {}
  void list(std::string_view prefix, const store::ObjectSink& sink, const CallOptions& call) override {
    if (prefix.starts_with("mf1/part/")) before_parts_();
    ForwardingStore::list(prefix, sink, call);
  }

 private:
  const std::function<void()> before_parts_;
};

// Its checkpoint has old parts anew, under their numbers.
TEST_F(LogCheckpoint, APartThatAnotherProcessWritesMeanwhileIsNotDeleted) {
  for (int i = 0; i < 40; ++i) one_.push("ns/gone" + std::to_string(i), one_file(100 + i));
  write_records(one_, 150);
  const auto other = one_.pool_of_another_process();
  bool armed = false;
  world_.wrap = [&](std::unique_ptr<store::Store> store, std::size_t) {
    return std::make_unique<PartsHook>(std::move(store), [&] {
      if (!std::exchange(armed, false)) return;
      std::vector<Hash256> gone;
      for (const auto& [content, live] : other->log().state().manifests) {
        if (live.model.starts_with("ns/gone")) other->log().append({Removed{live.model, {content}}}, {});
      }
      for (int i = 0; i < 128; ++i) other->log().append({Untagged{"ns/none", "x"}}, {});
    });
  };
  one_.reopen();
  one_.pool().log().sync({});
  one_.clock().advance(k_a_day);
  armed = true;
  one_.pool().log().sync({});
  ASSERT_FALSE(armed) << "nothing was to be deleted";
  for (const auto& row : one_.environment().registry.checkpoints()) {
    if (!listed(ObjectType::checkpoint)
             .contains(ObjectName::of_chain(ObjectType::checkpoint, row.writer, row.seq, row.hash)))
      continue;
    for (const ChainHead& part : mf1::checkpoint_from_cbor(row.cbor).parts) {
      EXPECT_TRUE(
          listed(ObjectType::part).contains(ObjectName::of_chain(ObjectType::part, row.writer, part.seq, part.hash)))
          << row.seq;
    }
  }
  world_.wrap = {};
  Machine third(world_, Threads::one, 60);
  third.recover(one_.recovery_secret(), {0, 1, 2});
  EXPECT_TRUE(third.pool().log().doubts().empty());
  EXPECT_EQ(third.pull("ns/model"), one_file(1));
}

TEST_F(LogCheckpoint, NothingIsDeletedWhileAPartIsNotOnEveryStore) {
  write_records(one_, 200);
  world_.inner(2).remove(*listed(ObjectType::part).rbegin(), {});
  const auto before = listed(ObjectType::log).size();
  one_.pool().log().sync({});
  one_.clock().advance(k_a_day);
  one_.pool().log().sync({});
  EXPECT_EQ(listed(ObjectType::log).size(), before);
  EXPECT_FALSE(engine::verify(one_.pool(), {}, {}).sound());
  one_.reopen();
  EXPECT_GT(engine::repair(one_.pool(), {}, {}).documents_written, 0U);
  EXPECT_TRUE(engine::verify(one_.pool(), {}, {}).sound());
  one_.pool().log().sync({});
  EXPECT_LT(listed(ObjectType::log).size(), before);
}

TEST_F(LogCheckpoint, NothingIsDeletedWhileAStoreDoesNotListTheCheckpoint) {
  write_records(one_, 200);
  const auto newest = *listed(ObjectType::checkpoint).rbegin();
  for (const ObjectName& name : listed(ObjectType::checkpoint)) world_.inner(2).remove(name, {});
  const auto before = listed(ObjectType::log).size();
  one_.pool().log().sync({});
  one_.clock().advance(k_a_day);
  one_.pool().log().sync({});
  EXPECT_EQ(listed(ObjectType::log).size(), before);
  EXPECT_EQ(newest.type(), ObjectType::checkpoint);
}

TEST_F(LogCheckpoint, PartsAreSharedWithTheCheckpointBefore) {
  for (std::uint64_t i = 0; i < 4; ++i) {
    write_records(one_, 64);
    one_.push("ns/model" + std::to_string(i), one_file(10 + i));
  }
  std::vector<Checkpoint> checkpoints;
  for (const auto& row : one_.environment().registry.checkpoints())
    checkpoints.push_back(mf1::checkpoint_from_cbor(row.cbor));
  ASSERT_GE(checkpoints.size(), 3U);
  const auto& parts = checkpoints.back().parts;
  const auto& earlier = checkpoints[checkpoints.size() - 2].parts;
  // The larger part in front stays, or it was joined with what is new when that was half as large.
  EXPECT_TRUE(parts.size() == 1 || parts.front() == earlier.front());
  EXPECT_LE(parts.size(), 3U);
}

// The registry of a writer keeps entries and names in place of what its checkpoint stands for.
TEST_F(LogCheckpoint, AWriterSeesTheSameAfterItsCheckpoint) {
  one_.push("ns/gone", one_file(2));
  engine::PoolLog& log = one_.pool().log();
  PoolState before = log.state();
  std::vector<Hash256> gone;
  for (const auto& [content, live] : before.manifests) {
    if (live.model == "ns/gone") gone.push_back(content);
  }
  log.append({Removed{"ns/gone", gone}}, {});
  before = log.state();
  write_records(one_, 64);
  const PoolState after = log.state();
  EXPECT_EQ(after.manifests, before.manifests);
  EXPECT_EQ(after.tags, before.tags);
  EXPECT_EQ(after.stores, before.stores);
  EXPECT_FALSE(one_.environment().registry.names_without_records().empty());
  one_.reopen();
  EXPECT_EQ(one_.pool().log().state().tags, before.tags);
  EXPECT_EQ(one_.pull("ns/model"), one_file(1));
}

// A reader that takes a checkpoint also reads the records that it does not name, whatever their
// number: those of a copy of the home.
TEST_F(LogCheckpoint, TheOtherBranchOfAForkBelowItCounts) {
  const WriterId writer = writer_of(one_);
  Machine copy(world_, Threads::one, 50);
  copy.recover(one_.recovery_secret(), {0, 1, 2});
  Settings(copy.environment().registry).set_writer(writer);
  const auto before = listed(ObjectType::log);
  copy.push("ns/theirs", one_file(3));
  std::map<ObjectName, Bytes> hidden;
  for (const ObjectName& name : listed(ObjectType::log)) {
    if (!before.contains(name)) hidden[name] = take(name);
  }
  ASSERT_FALSE(hidden.empty());
  write_records(one_, 130);
  for (const auto& [name, bytes] : hidden) {
    for (std::size_t i = 0; i < world_.size(); ++i) world_.inner(i).put(name, bytes, {});
  }

  Machine third(world_, Threads::one, 60);
  third.recover(one_.recovery_secret(), {0, 1, 2});
  EXPECT_EQ(third.pull("ns/theirs"), one_file(3));
  EXPECT_EQ(third.pull("ns/model"), one_file(1));
  // And whoever finds another branch of its chain goes on under another id.
  one_.pool().log().sync({});
  EXPECT_NE(writer_of(one_), writer);
  EXPECT_EQ(one_.pull("ns/theirs"), one_file(3));
}

// Another chain knows more of ours than this home: it is an old copy.
TEST_F(LogCheckpoint, ANumberThatOthersKnowOfOurChainMakesANewWriter) {
  const WriterId writer = writer_of(one_);
  LogRecord record;
  record.writer = WriterId{std::byte{9}};
  record.seq = 1;
  record.heads[writer] = {1000, Hash256{std::byte{1}}};
  const auto sealed = mf1::seal_document(ObjectType::log, mf1::to_cbor(record), one_.pool().keys(),
                                         crypto::preferred_suite(), one_.environment().random);
  const auto name = ObjectName::of_chain(ObjectType::log, record.writer, 1, sealed.hash);
  for (std::size_t i = 0; i < world_.size(); ++i) world_.inner(i).put(name, sealed.object, {});
  one_.pool().log().sync({});
  EXPECT_NE(writer_of(one_), writer);
}

TEST_F(LogCheckpoint, APartThatIsMissingIsReportedAndTheRestCounts) {
  for (std::uint64_t i = 0; i < 20; ++i) one_.push("ns/m" + std::to_string(i), one_file(100 + i));
  write_records(one_, 64);
  const auto records = listed(ObjectType::log);
  const ObjectName newest = *listed(ObjectType::checkpoint).rbegin();
  for (const ObjectName& name : records) {
    if (*name.seq() <= *newest.seq()) take(name);
  }
  for (const ObjectName& name : listed(ObjectType::part)) take(name);
  Machine other(world_, Threads::one, 50);
  other.recover(one_.recovery_secret(), {0, 1, 2});
  EXPECT_FALSE(other.pool().log().doubts().empty()) << "records are missing, and nothing stands for them";
}

}  // namespace
}  // namespace modelfloat
