#include "modelfloat/store/wrap/breaker.h"

#include <thread>

#include "support/fake_clock.h"
#include "support/faulty_store.h"
#include "support/fixed_random.h"
#include "support/plain_call.h"
#include "support/store_suite.h"
#include <gtest/gtest.h>

#include "modelfloat/store/memory/memory_store.h"

namespace modelfloat::test {
namespace {

using namespace std::chrono_literals;

class Breaker : public testing::Test {
 protected:
  void SetUp() override { open(); }
  void open() {
    auto faulty = std::make_unique<FaultyStore>(*memory_, &counter_);
    faulty_ = faulty.get();
    store_ = store::make_breaker(std::move(faulty), "shelf", store::BreakerLimits(), ledger_, clock_, random_);
  }
  // What a stat brings, or nothing when it works.
  std::optional<Error> stat() {
    return error_of([&] { store_->stat(name_, k_no_deadline); });
  }
  std::optional<Error> put() {
    return error_of([&] { store_->put(name_, bytes_, k_no_deadline); });
  }
  std::optional<Error> get() {
    return error_of([&] { store_->get(name_, k_all, k_no_deadline); });
  }
  static std::optional<Error> error_of(const std::function<void()>& work) {
    try {
      work();
      return std::nullopt;
    } catch (const Error& error) {
      return error;
    }
  }
  // So many failures, one each second.
  void fail(ErrorKind kind, unsigned times) {
    for (unsigned i = 0; i < times; ++i) {
      faulty_->fail_next(Call::stat, kind);
      EXPECT_TRUE(stat());
      clock_.advance(1s);
    }
  }
  bool reaches_the_store() {
    const auto before = counter_.calls();
    stat();
    return counter_.calls() > before;
  }

  std::unique_ptr<store::Store> memory_ = store::make_memory_store();
  CallCounter counter_;
  FakeClock clock_;
  FixedRandom random_;
  store::MemoryLedger ledger_;
  FaultyStore* faulty_ = nullptr;
  std::unique_ptr<store::Store> store_;
  const ObjectName name_ = shard_name(1);
  const Bytes bytes_ = random_bytes(100);
};

TEST_F(Breaker, LeavesAFailingStoreAloneForAGrowingTime) {
  fail(ErrorKind::transient, 5);
  clock_.advance(-1s);
  std::optional<Milliseconds> before;
  for (int round = 0; round < 8; ++round) {
    const auto error = stat();
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, ErrorKind::offline);
    EXPECT_EQ(error->where, "shelf");
    ASSERT_TRUE(error->retry_after);
    EXPECT_LE(*error->retry_after, 75s);
    if (before && *before < 50s) {
      EXPECT_GT(*error->retry_after, *before * 1.5);
    }
    before = error->retry_after;
    EXPECT_FALSE(reaches_the_store());
    clock_.advance(*error->retry_after);
    faulty_->fail_next(Call::stat, ErrorKind::transient);
    EXPECT_TRUE(reaches_the_store());
  }
  clock_.advance(80s);
  EXPECT_FALSE(stat()) << "one call that works, and all goes on";
  EXPECT_FALSE(stat());
  fail(ErrorKind::transient, 4);
  EXPECT_FALSE(stat()) << "counted anew";
}

TEST_F(Breaker, ABurstOfFailuresIsNoOutage) {
  faulty_->fail_next(Call::stat, ErrorKind::transient, 50);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(stat()->kind, ErrorKind::transient);
  EXPECT_FALSE(stat());
}

TEST_F(Breaker, OneCallAloneTriesWhetherItIsBack) {
  fail(ErrorKind::transient, 5);
  clock_.advance(10s);
  faulty_->stall(Call::stat);
  std::jthread trying([&] { EXPECT_FALSE(stat()); });
  faulty_->wait_for_stalled(1);
  EXPECT_EQ(put()->kind, ErrorKind::offline) << "the others do not pile up behind it";
  faulty_->go_on();
  trying.join();
  EXPECT_FALSE(put());
}

TEST_F(Breaker, ATryThatIsCancelledIsLeftToTheNext) {
  fail(ErrorKind::transient, 5);
  clock_.advance(10s);
  faulty_->fail_next(Call::stat, ErrorKind::cancelled);
  EXPECT_EQ(stat()->kind, ErrorKind::cancelled);
  EXPECT_FALSE(stat());
}

TEST_F(Breaker, RefusedIsNotTheSameAsGone) {
  fail(ErrorKind::denied, 5);
  clock_.advance(-1s);
  EXPECT_EQ(stat()->kind, ErrorKind::denied);
  EXPECT_FALSE(reaches_the_store());
}

TEST_F(Breaker, AStoreThatRefusesToTakeDataMayBeRead) {
  for (int i = 0; i < 9; ++i) {
    faulty_->fail_next(Call::put, ErrorKind::denied);
    EXPECT_EQ(put()->kind, ErrorKind::denied);
    clock_.advance(1s);
  }
  EXPECT_FALSE(stat());
}

TEST_F(Breaker, WhatTheStoreAnswersIsNoFailure) {
  for (const ErrorKind kind :
       {ErrorKind::corrupt, ErrorKind::out_of_space, ErrorKind::not_found, ErrorKind::invalid, ErrorKind::cancelled}) {
    fail(kind, 9);
    EXPECT_TRUE(reaches_the_store());
  }
  fail(ErrorKind::offline, 9);
  EXPECT_TRUE(reaches_the_store()) << "a refusal that comes at once costs nothing";
}

TEST_F(Breaker, AWaitThatWasAskedForIsObeyedByAll) {
  faulty_->fail_next(Call::get, ErrorKind::rate_limited, 1, 60s);
  EXPECT_EQ(get()->kind, ErrorKind::rate_limited);
  const auto calls = counter_.calls();
  clock_.advance(59s);
  for (const auto& error : {stat(), put(), get()}) {
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, ErrorKind::rate_limited);
    EXPECT_EQ(error->retry_after, Milliseconds(1s));
  }
  EXPECT_EQ(counter_.calls(), calls);
  clock_.advance(1s);
  EXPECT_FALSE(put());
  EXPECT_FALSE(get());
}

TEST_F(Breaker, AQuotaParksItsOwnDirectionAndIsRememberedByTheNextRun) {
  EXPECT_FALSE(put());
  faulty_->fail_next(Call::get, ErrorKind::rate_limited, 1, 6h);
  EXPECT_EQ(get()->kind, ErrorKind::rate_limited);
  EXPECT_FALSE(put());
  EXPECT_FALSE(stat());
  open();
  EXPECT_EQ(get()->kind, ErrorKind::rate_limited);
  EXPECT_FALSE(put());
  clock_.advance(6h);
  EXPECT_FALSE(get());
}

TEST_F(Breaker, NoStoreIsLeftAloneForYears) {
  constexpr auto k_years = std::chrono::hours(57 * 365 * 24);
  EXPECT_FALSE(put());
  faulty_->fail_next(Call::get, ErrorKind::rate_limited, 1, k_years);
  EXPECT_EQ(get()->kind, ErrorKind::rate_limited);
  EXPECT_LE(*get()->retry_after, 24h);
  EXPECT_EQ(ledger_.pause(store::Traffic::downloads)->until, clock_.utc_now() + 24h);
  clock_.advance(24h);
  EXPECT_FALSE(get());
  ledger_.record_pause(store::Traffic::downloads,
                       {clock_.utc_now() + k_years, "kept from a time when the clock was wrong"});
  open();
  EXPECT_FALSE(get());
}

TEST_F(Breaker, AShortWaitIsForgottenWithTheProcess) {
  faulty_->fail_next(Call::get, ErrorKind::rate_limited, 1, 2s);
  get();
  EXPECT_TRUE(stat());
  EXPECT_FALSE(ledger_.pause(store::Traffic::all));
  open();
  EXPECT_FALSE(stat());
}

}  // namespace
}  // namespace modelfloat::test
