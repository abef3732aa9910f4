// Settings, tokens, transactions, and several handles on one registry.
#include "support/registry_suite.h"

#include <atomic>
#include <latch>
#include <thread>

#include "support/registry_samples.h"

namespace modelfloat::test {

void RegistrySuite::SetUp() {
  if (!GetParam().missing.empty()) GTEST_SKIP() << GetParam().missing;
  home_ = GetParam().make();
  registry_ = home_->open();
}

void RegistrySuite::reopen() {
  registry_.reset();
  registry_ = home_->open();
}

std::string name_of_registry(const testing::TestParamInfo<RegistryCase>& info) { return info.param.name; }

}  // namespace modelfloat::test

namespace modelfloat::registry {
namespace {

using namespace test;

TEST_P(RegistrySuite, SettingsKeepAnyBytes) {
  EXPECT_EQ(registry_->setting("pool"), std::nullopt);
  const Bytes zeros(5, std::byte{0});
  registry_->set_setting("pool", zeros);
  registry_->set_setting("empty", {});
  registry_->set_setting("changed", as_bytes("a long value, the first one"));
  registry_->set_setting("changed", as_bytes("short"));
  Bytes big(3'000'000);
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<std::byte>(i * 7 / 3);
  registry_->set_setting("big", big);
  reopen();
  EXPECT_EQ(registry_->setting("pool"), zeros);
  EXPECT_EQ(registry_->setting("empty"), Bytes());
  EXPECT_EQ(registry_->setting("changed"), to_bytes("short"));
  EXPECT_EQ(registry_->setting("big"), big);
  EXPECT_EQ(registry_->setting("Pool"), std::nullopt);
}

TEST_P(RegistrySuite, TokensAreFoundByHash) {
  const TokenRow later{"aa", sample_hash(1), "read", UtcTime(Milliseconds(2000))};
  const TokenRow earlier{"bb", sample_hash(2), "admin", UtcTime(Milliseconds(1000))};
  registry_->add_token(later);
  registry_->add_token(earlier);
  reopen();
  EXPECT_EQ(registry_->tokens(), (std::vector{earlier, later}));
  EXPECT_EQ(registry_->find_token(sample_hash(2)), earlier);
  EXPECT_EQ(registry_->find_token(sample_hash(3)), std::nullopt);
  EXPECT_EQ(error_of([&] { registry_->add_token({"aa", sample_hash(4), "read", {}}); }), ErrorKind::invalid);
  EXPECT_TRUE(registry_->remove_token("aa"));
  EXPECT_FALSE(registry_->remove_token("aa"));
  EXPECT_EQ(registry_->find_token(sample_hash(1)), std::nullopt);
}

TEST_P(RegistrySuite, TransactionIsUndoneWhenItThrows) {
  struct Stop {};
  registry_->set_setting("a", as_bytes("before"));
  EXPECT_THROW(registry_->transaction([&] {
    registry_->set_setting("a", as_bytes("inside"));
    add(*registry_, sample_pack(1));
    EXPECT_EQ(registry_->setting("a"), to_bytes("inside"));
    throw Stop{};
  }),
               Stop);
  EXPECT_EQ(registry_->setting("a"), to_bytes("before"));
  EXPECT_EQ(registry_->pack(sample_pack(1).pack.id), std::nullopt);
  registry_->transaction([&] { registry_->set_setting("a", as_bytes("after")); });
  reopen();
  EXPECT_EQ(registry_->setting("a"), to_bytes("after"));
}

TEST_P(RegistrySuite, NestedTransactionIsPartOfTheOuterOne) {
  EXPECT_THROW(registry_->transaction([&] {
    registry_->transaction([&] { registry_->set_setting("inner", as_bytes("1")); });
    throw Error(ErrorKind::cancelled, "test", "stop");
  }),
               Error);
  EXPECT_EQ(registry_->setting("inner"), std::nullopt);
}

TEST_P(RegistrySuite, NestedTransactionThatThrowsIsUndoneAlone) {
  registry_->transaction([&] {
    registry_->set_setting("outer", as_bytes("1"));
    EXPECT_THROW(registry_->transaction([&] {
      registry_->set_setting("inner", as_bytes("1"));
      throw Error(ErrorKind::cancelled, "test", "stop");
    }),
                 Error);
    EXPECT_EQ(registry_->setting("inner"), std::nullopt);
    registry_->set_setting("outer too", as_bytes("1"));
  });
  EXPECT_NE(registry_->setting("outer"), std::nullopt);
  EXPECT_NE(registry_->setting("outer too"), std::nullopt);
  EXPECT_EQ(registry_->setting("inner"), std::nullopt);
}

TEST_P(RegistrySuite, ClearForgetsEverything) {
  registry_->set_setting("a", as_bytes("1"));
  registry_->put_store({sample_id<StoreId>(1), "disk", "local:/x", "d", 0, {}});
  registry_->add_token({"aa", sample_hash(1), "read", {}});
  registry_->put_revision(sample_revision(1, "acme/m"));
  registry_->keep_document("mf1/content/aa", as_bytes("sealed"));
  add(*registry_, sample_pack(1));
  registry_->clear();
  reopen();
  EXPECT_EQ(registry_->setting("a"), std::nullopt);
  EXPECT_TRUE(registry_->stores().empty());
  EXPECT_TRUE(registry_->tokens().empty());
  EXPECT_TRUE(registry_->models("", "", SIZE_MAX).empty());
  EXPECT_EQ(registry_->document("mf1/content/aa"), std::nullopt);
  EXPECT_EQ(registry_->pack(sample_pack(1).pack.id), std::nullopt);
  EXPECT_TRUE(registry_->find_fragment(sample_pack(1).fragments[0].id).empty());
}

TEST_P(RegistrySuite, WhatOneHandleWritesAnotherReads) {
  const auto other = home_->open();
  EXPECT_EQ(other->setting("a"), std::nullopt);
  registry_->set_setting("a", as_bytes("1"));
  EXPECT_EQ(other->setting("a"), to_bytes("1"));
  other->set_setting("a", as_bytes("2"));
  EXPECT_EQ(registry_->setting("a"), to_bytes("2"));
}

TEST_P(RegistrySuite, OthersDoNotSeeAnUnfinishedTransaction) {
  const auto other = home_->open();
  registry_->transaction([&] {
    registry_->set_setting("a", as_bytes("1"));
    std::jthread([&] { EXPECT_EQ(registry_->setting("a"), std::nullopt); }).join();
    EXPECT_EQ(other->setting("a"), std::nullopt);
  });
  EXPECT_NE(registry_->setting("a"), std::nullopt);
  EXPECT_NE(other->setting("a"), std::nullopt);
}

TEST_P(RegistrySuite, ManyThreadsWriteAndReadAtOnce) {
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 6; ++t) {
      threads.emplace_back([&, t] {
        for (std::uint64_t i = 0; i < 20; ++i) {
          const SamplePack sample = sample_pack(100 * t + i);
          registry_->transaction([&] {
            add(*registry_, sample);
            registry_->set_setting("thread " + std::to_string(t), as_bytes(std::to_string(i)));
          });
          if (!is_whole(*registry_, sample)) ++wrong;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(registry_->shard_count(sample_id<StoreId>(0)), 120U);
}

// As the log does it: each process reads where the chain ends, and writes the record that follows.
TEST_P(RegistrySuite, TwoProcessesNeverTakeTheSameNumber) {
  constexpr std::uint64_t k_records = 40;
  const auto append = [](Registry& registry, std::uint64_t first_hash) {
    return error_of([&] {
      for (std::uint64_t i = 0; i < k_records; ++i) {
        registry.transaction([&] {
          const auto names = registry.log_names();
          std::this_thread::yield();  // the other one may come in here, if it can
          const LogRow row{{}, names.empty() ? 1 : names.back().seq + 1, sample_hash(first_hash + i), {}};
          registry.add_log_records({&row, 1});
        });
      }
    });
  };
  const auto other = home_->open();
  std::optional<ErrorKind> here;
  std::optional<ErrorKind> there;
  {
    const std::jthread one([&] { here = append(*registry_, 0); });
    const std::jthread two([&] { there = append(*other, k_records); });
  }
  EXPECT_EQ(here, std::nullopt);
  EXPECT_EQ(there, std::nullopt);
  const auto names = registry_->log_names();
  EXPECT_EQ(names.size(), 2 * k_records);
  for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(names[i].seq, i + 1);
}

TEST_P(RegistrySuite, WhatATransactionHasReadStaysTrueUntilItEnds) {
  const auto other = home_->open();
  registry_->set_setting("a", as_bytes("before"));
  std::atomic<bool> has_written = false;
  std::latch is_writing(1);
  std::jthread writer;
  registry_->transaction([&] {
    EXPECT_EQ(registry_->setting("a"), to_bytes("before"));
    writer = std::jthread([&] {
      is_writing.count_down();
      EXPECT_EQ(error_of([&] { other->set_setting("a", as_bytes("after")); }), std::nullopt);
      has_written = true;
    });
    is_writing.wait();
    // Time enough for one who may write: many times what a write takes.
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(registry_->setting("a"), to_bytes("before"));
    EXPECT_FALSE(has_written);
    registry_->set_setting("b", registry_->setting("a").value());
  });
  writer.join();
  EXPECT_EQ(registry_->setting("a"), to_bytes("after"));
  EXPECT_EQ(registry_->setting("b"), to_bytes("before"));
}

}  // namespace
}  // namespace modelfloat::registry
