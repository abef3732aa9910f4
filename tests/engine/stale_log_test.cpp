// What is done, and said, when the log cannot be read from enough stores.
#include "engine/test_pool.h"
#include "support/forwarding_store.h"
#include "support/record_hook.h"
#include "support/thrown.h"
#include <gtest/gtest.h>

#include "modelfloat/engine/upkeep/remove_model.h"
#include "modelfloat/engine/upkeep/remove_stores.h"
#include "modelfloat/engine/upkeep/verify.h"

namespace modelfloat {
namespace {

using test::Call;
using test::Files;
using test::k_copies;
using test::Machine;
using test::Threads;
using test::World;

Files some_file(std::uint64_t seed) { return {{"m.bin", test::random_bytes(1000, seed)}}; }

// Nothing is listed below the log of these stores; all else works.
class UnlistedLog final : public test::ForwardingStore {
 public:
  UnlistedLog(std::unique_ptr<store::Store> inner, const bool& is_unreadable)
      : ForwardingStore(std::move(inner)), is_unreadable_(is_unreadable) {}
  void list(std::string_view prefix, const store::ObjectSink& sink, const CallOptions& call) override {
    if (is_unreadable_ && prefix.starts_with("mf1/log")) throw Error(ErrorKind::denied, "mf1/log", "may not be read");
    ForwardingStore::list(prefix, sink, call);
  }

 private:
  const bool& is_unreadable_;
};

class StaleLog : public testing::Test {
 protected:
  StaleLog() {
    world_.wrap = [this](std::unique_ptr<store::Store> store, std::size_t index) {
      return std::make_unique<UnlistedLog>(std::move(store), unreadable_[index]);
    };
    machine_.create(k_copies);
  }

  void no_log_can_be_read(std::initializer_list<std::size_t> stores) {
    for (bool& one : unreadable_) one = false;
    for (const std::size_t index : stores) unreadable_[index] = true;
  }

  bool unreadable_[3] = {};
  World world_{3};
  Machine machine_{world_, Threads::one};
};

TEST_F(StaleLog, APushThatReadsNoLogIsRefusedBeforeItsFirstByte) {
  no_log_can_be_read({0, 1, 2});
  engine::PushOptions options;
  options.model = "ns/model";
  const Error error = test::thrown_by([&] { engine::PushSession(machine_.pool(), options, {}); }).value();
  EXPECT_EQ(error.kind, ErrorKind::offline);
  for (const char* expected : {"s0", "s1", "s2", "may not be read"})
    EXPECT_NE(std::string(error.what()).find(expected), std::string::npos) << error.what();
}

TEST_F(StaleLog, APushThatCannotReadTheLogAfterPreparedDoesNotCommit) {
  engine::PushOptions options;
  options.model = "ns/model";
  engine::PushSession session(machine_.pool(), options, {});
  const Bytes bytes = test::random_bytes(1000, 1);
  MemorySource source(bytes);
  session.add_file("m.bin", source);
  no_log_can_be_read({0, 1});
  const Error error = test::thrown_by([&] { session.commit(); }).value();
  EXPECT_EQ(error.kind, ErrorKind::offline);
  EXPECT_NE(std::string(error.what()).find("s1"), std::string::npos) << error.what();
  EXPECT_EQ(std::string(error.what()).find("s2"), std::string::npos) << error.what();
  no_log_can_be_read({});
  EXPECT_EQ(test::kind_thrown([&] { machine_.pull("ns/model"); }), ErrorKind::not_found);
  machine_.push("ns/model", some_file(1));
  EXPECT_EQ(machine_.pull("ns/model"), some_file(1));
}

TEST_F(StaleLog, APushThatCannotReadTheLogAfterCommittedSaysWhatIsNotKnown) {
  // The log becomes unreadable with the second record of the push, `committed`.
  unsigned records = 0;
  world_.wrap = [&](std::unique_ptr<store::Store> store, std::size_t index) {
    return std::make_unique<test::RecordHook>(std::make_unique<UnlistedLog>(std::move(store), unreadable_[index]),
                                              [&, index] {
                                                if (index == 0 && ++records == 2) no_log_can_be_read({0, 1, 2});
                                              });
  };
  machine_.reopen();
  const auto result = machine_.push("ns/model", some_file(1));
  EXPECT_NE(result.doubt.find("s0"), std::string::npos) << result.doubt;
  no_log_can_be_read({});
  EXPECT_EQ(machine_.pull("ns/model"), some_file(1));
  EXPECT_EQ(machine_.push("ns/model", some_file(2)).doubt, "");
}

TEST_F(StaleLog, APushOfWhatIsThereAlreadyReadsTheLog) {
  machine_.push("ns/model", some_file(1));
  Machine other(world_, Threads::one, 50);
  other.recover(machine_.recovery_secret(), {0, 1, 2});
  engine::PushOptions options;
  options.model = "ns/model";
  engine::PushSession session(machine_.pool(), options, {});
  const Bytes bytes = some_file(1).at("m.bin");
  MemorySource source(bytes);
  session.add_file("m.bin", source);
  EXPECT_TRUE(engine::remove_model(other.pool(), ModelRef::parse("ns/model"), {}).complete);  // while that push runs
  session.commit();
  EXPECT_EQ(machine_.pull("ns/model"), some_file(1));
  EXPECT_EQ(other.pull("ns/model"), some_file(1));
}

// The store that is away may have the record that removes it.
TEST_F(StaleLog, APushIsNotUndoneByARemovalThatAStoreBroughtBackLater) {
  machine_.push("ns/model", some_file(1));
  Machine other(world_, Threads::one, 50);
  other.recover(machine_.recovery_secret(), {0, 1, 2});
  world_.faults(0).set_offline(true);
  world_.faults(1).set_offline(true);
  other.reopen();
  EXPECT_FALSE(engine::remove_model(other.pool(), ModelRef::parse("ns/model"), {}).complete);
  world_.faults(0).set_offline(false);
  world_.faults(1).set_offline(false);
  world_.faults(2).set_offline(true);
  machine_.reopen();
  machine_.push("ns/model", some_file(1));
  world_.faults(2).set_offline(false);
  machine_.reopen();
  EXPECT_EQ(machine_.pull("ns/model"), some_file(1));
}

TEST_F(StaleLog, ARemovalThatReadsNoLogIsRefused) {
  machine_.push("ns/model", some_file(1));
  no_log_can_be_read({0, 1, 2});
  EXPECT_EQ(test::kind_thrown([&] { engine::remove_model(machine_.pool(), ModelRef::parse("ns/model"), {}); }),
            ErrorKind::offline);
  no_log_can_be_read({});
  EXPECT_EQ(machine_.pull("ns/model"), some_file(1));
}

TEST_F(StaleLog, ARemovalThatReadsTooLittleOfTheLogSaysSo) {
  machine_.push("ns/model", some_file(1));
  no_log_can_be_read({0, 1});
  EXPECT_FALSE(engine::remove_model(machine_.pool(), ModelRef::parse("ns/model"), {}).complete);
}

TEST_F(StaleLog, ARemovalOfAStoreThatReadsTooLittleOfTheLogSaysSo) {
  machine_.push("ns/model", some_file(1));
  no_log_can_be_read({0, 1});
  EXPECT_FALSE(engine::remove_stores(machine_.pool(), {"s2"}, {.force = true}, {}).durable);
}

TEST_F(StaleLog, VerifyIsNotSoundWhenItReadTooLittleOfTheLog) {
  machine_.push("ns/model", some_file(1));
  EXPECT_TRUE(engine::verify(machine_.pool(), {}, {}).sound());
  no_log_can_be_read({0, 1});
  const auto report = engine::verify(machine_.pool(), {}, {});
  EXPECT_FALSE(report.sound());
  ASSERT_EQ(report.doubts.size(), 1U);
  EXPECT_NE(report.doubts[0].find("s1"), std::string::npos) << report.doubts[0];
}

TEST_F(StaleLog, RecoverSaysWhetherItReadEnoughOfTheLog) {
  machine_.push("ns/model", some_file(1));
  Machine sure(world_, Threads::one, 50);
  EXPECT_TRUE(sure.recover(machine_.recovery_secret(), {0, 1}).log_is_fresh);
  Machine by_the_catalogue(world_, Threads::one, 52);
  EXPECT_TRUE(by_the_catalogue.recover(machine_.recovery_secret(), {1}).log_is_fresh) << "it names the others";
  no_log_can_be_read({0, 2});
  Machine unsure(world_, Threads::one, 51);
  EXPECT_FALSE(unsure.recover(machine_.recovery_secret(), {1}).log_is_fresh);
}

}  // namespace
}  // namespace modelfloat
