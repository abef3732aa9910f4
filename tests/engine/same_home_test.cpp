// Two programs that run in one home at the same time.
#include <utility>

#include "engine/test_pool.h"
#include "support/forwarding_store.h"
#include <gtest/gtest.h>

#include "modelfloat/engine/upkeep/verify.h"

namespace modelfloat {
namespace {

using test::Machine;
using test::Threads;
using test::World;

// Does something else once a listing with this prefix is made, before its caller hears of it.
class ListedEarlier final : public test::ForwardingStore {
 public:
  ListedEarlier(std::unique_ptr<store::Store> inner, const std::function<void(std::string_view prefix)>& listed)
      : ForwardingStore(std::move(inner)), listed_(listed) {}
  void list(std::string_view prefix, const store::ObjectSink& sink, const CallOptions& call) override {
    ForwardingStore::list(prefix, sink, call);
    listed_(prefix);
  }

 private:
  const std::function<void(std::string_view prefix)>& listed_;
};

class SameHome : public testing::Test {
 protected:
  SameHome() {
    world_.wrap = [this](std::unique_ptr<store::Store> store, std::size_t index) -> std::unique_ptr<store::Store> {
      if (index > 0) return store;
      return std::make_unique<ListedEarlier>(std::move(store), listed_);
    };
    machine_.create(test::k_copies);
    machine_.push("ns/model", {{"m.bin", test::random_bytes(3'000'000, 1)}});
    other_ = machine_.pool_of_another_process();
  }

  // In the middle of what the first program does: when it has listed this on one store.
  void other_writes_after_listing(std::string_view wanted) {
    listed_ = [this, wanted](std::string_view prefix) {
      if (prefix != wanted || std::exchange(has_written_, true)) return;
      other_->log().append({Untagged{"ns/none", "none"}}, {});
      other_->log().sync({});
    };
  }

  std::function<void(std::string_view)> listed_ = [](std::string_view) {};
  bool has_written_ = false;
  World world_{3};
  Machine machine_{world_, Threads::one};
  std::unique_ptr<engine::Pool> other_;
};

TEST_F(SameHome, WhatTheOtherWritesDuringAListingIsNoRollback) {
  other_writes_after_listing("mf1/log/");
  EXPECT_TRUE(machine_.pool().log().sync({}).rolled_back.empty());
  EXPECT_TRUE(has_written_);
  EXPECT_TRUE(machine_.pool().log().sync({}).rolled_back.empty());
}

TEST_F(SameHome, WhatTheOtherWritesDuringVerifyIsNotMissing) {
  other_writes_after_listing("mf1/");
  const auto report = engine::verify(machine_.pool(), {}, {});
  EXPECT_TRUE(has_written_);
  EXPECT_TRUE(report.sound()) << (report.damaged.empty() ? "" : report.damaged.front().object);
}

}  // namespace
}  // namespace modelfloat
