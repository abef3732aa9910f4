#include "modelfloat/store/wrap/retrying.h"

#include "support/fake_clock.h"
#include "support/faulty_store.h"
#include "support/fixed_random.h"
#include "support/plain_call.h"
#include "support/store_suite.h"
#include <gtest/gtest.h>

#include "modelfloat/base/error.h"
#include "modelfloat/store/memory/memory_store.h"

namespace modelfloat::test {
namespace {

using store::retry_delay;
using store::RetryLimits;
using namespace std::chrono_literals;

TEST(RetryDelay, DoublesUpToTheLongestAndIsAllJitter) {
  const RetryLimits limits{100, 200ms, 1000ms, 60s};
  EXPECT_EQ(retry_delay(1, limits, std::nullopt, 0.5), 100ms);
  EXPECT_EQ(retry_delay(2, limits, std::nullopt, 0.5), 200ms);
  EXPECT_EQ(retry_delay(3, limits, std::nullopt, 0.5), 400ms);
  EXPECT_EQ(retry_delay(4, limits, std::nullopt, 0.5), 500ms);
  EXPECT_EQ(retry_delay(99, limits, std::nullopt, 0.5), 500ms);
  EXPECT_EQ(retry_delay(3, limits, std::nullopt, 0.0), 0ms);
  EXPECT_EQ(retry_delay(3, limits, std::nullopt, 0.999), 799ms);
}

TEST(RetryDelay, GivesUpAfterTheLastAttempt) {
  const RetryLimits limits{3, 200ms, 1000ms, 60s};
  EXPECT_TRUE(retry_delay(2, limits, std::nullopt, 0.5));
  EXPECT_FALSE(retry_delay(3, limits, std::nullopt, 0.5));
  EXPECT_FALSE(retry_delay(1, RetryLimits{1, 200ms, 1000ms, 60s}, std::nullopt, 0.5));
}

TEST(RetryDelay, NeverComesBackBeforeThePeerSaid) {
  const RetryLimits limits{5, 200ms, 1000ms, 60s};
  EXPECT_EQ(retry_delay(1, limits, 7s, 0.0), 7s);
  EXPECT_EQ(retry_delay(1, limits, 7s, 0.5), 7100ms);
  EXPECT_EQ(retry_delay(1, limits, -7s, 0.5), 100ms);
  EXPECT_FALSE(retry_delay(1, limits, 61s, 0.0)) << "waiting that long is for the caller to decide";
}

class Retrying : public testing::Test {
 protected:
  template <typename Work>
  ErrorKind kind_of(Work work) {
    try {
      work();
    } catch (const Error& error) {
      return error.kind;
    }
    ADD_FAILURE() << "no Error was thrown";
    return ErrorKind::internal;
  }

  std::unique_ptr<store::Store> memory_ = store::make_memory_store();
  CallCounter counter_;
  FakeClock clock_;
  FixedRandom random_;
  FaultyStore* faulty_ = nullptr;
  std::unique_ptr<store::Store> store_ = [this] {
    auto faulty = std::make_unique<FaultyStore>(*memory_, &counter_);
    faulty_ = faulty.get();
    return store::make_retrying(std::move(faulty), RetryLimits{4, 100ms, 10s, 60s}, clock_, random_);
  }();
  const ObjectName name_ = shard_name(1);
  const Bytes bytes_ = random_bytes(100);
};

TEST_F(Retrying, TriesAgainWhatMayWorkTheNextTime) {
  for (const ErrorKind kind : {ErrorKind::transient, ErrorKind::rate_limited, ErrorKind::timed_out}) {
    faulty_->fail_next(Call::put, kind, 3);
    faulty_->fail_next(Call::get, kind, 3);
    store_->put(name_, bytes_, k_no_deadline);
    EXPECT_EQ(store_->get(name_, k_all, k_no_deadline), bytes_);
  }
  EXPECT_EQ(clock_.sleeps().size(), 18U);
}

TEST_F(Retrying, GivesUpWithTheErrorAsItCame) {
  faulty_->fail_next(Call::put, ErrorKind::rate_limited, 4, 5s);
  try {
    store_->put(name_, bytes_, k_no_deadline);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind, ErrorKind::rate_limited);
    EXPECT_EQ(error.retry_after, Milliseconds(5s));
    EXPECT_EQ(error.where, name_.path());
  }
  EXPECT_EQ(counter_.calls(), 4U);
  for (const Milliseconds slept : clock_.sleeps()) EXPECT_GE(slept, 5s);
}

TEST_F(Retrying, DoesNotRepeatWhatCannotGetBetter) {
  for (const ErrorKind kind : {ErrorKind::invalid, ErrorKind::denied, ErrorKind::out_of_space, ErrorKind::offline,
                               ErrorKind::corrupt, ErrorKind::cancelled, ErrorKind::internal}) {
    counter_.start_over();
    faulty_->fail_next(Call::put, kind);
    EXPECT_EQ(kind_of([&] { store_->put(name_, bytes_, k_no_deadline); }), kind);
    EXPECT_EQ(counter_.calls(), 1U);
  }
  EXPECT_TRUE(clock_.sleeps().empty());
}

TEST_F(Retrying, ABudgetKeepsTroubleFromBecomingAStorm) {
  const auto extra_calls = [&](unsigned calls) {
    const auto before = counter_.calls();
    for (unsigned i = 0; i < calls; ++i) {
      faulty_->fail_next(Call::get, ErrorKind::transient, 100);
      EXPECT_EQ(kind_of([&] { store_->get(name_, k_all, k_no_deadline); }), ErrorKind::transient);
    }
    return counter_.calls() - before - calls;
  };
  const auto start = clock_.steady_now();
  const auto extra = static_cast<double>(extra_calls(1000));
  EXPECT_LE(extra, 32 + 100 + seconds_between(start, clock_.steady_now()) / 10 + 1)
      << "a tenth of the calls, and a floor";
  EXPECT_GE(extra, 100);
  clock_.advance(1h);
  EXPECT_EQ(extra_calls(1), 3U) << "after a rest all attempts are there again";
}

TEST_F(Retrying, AWaitThatWasAskedForCostsNothingOfTheBudget) {
  for (int i = 0; i < 100; ++i) {
    faulty_->fail_next(Call::get, ErrorKind::rate_limited, 3, 1s);
    EXPECT_NO_THROW(store_->get(name_, k_all, k_no_deadline));
  }
}

TEST_F(Retrying, DoesNotWaitPastTheDeadline) {
  CallOptions options;
  options.deadline = clock_.steady_now() + 30s;
  faulty_->fail_next(Call::get, ErrorKind::rate_limited, 1, 31s);
  EXPECT_EQ(kind_of([&] { store_->get(name_, k_all, options); }), ErrorKind::rate_limited);
  EXPECT_TRUE(clock_.sleeps().empty());
  faulty_->fail_next(Call::get, ErrorKind::rate_limited, 1, 20s);
  EXPECT_NO_THROW(store_->get(name_, k_all, options));
}

TEST_F(Retrying, AStopEndsTheWaiting) {
  class StoppingClock final : public Clock {
   public:
    std::stop_source stop;
    UtcTime utc_now() const override { return {}; }
    SteadyTime steady_now() const override { return std::chrono::steady_clock::now(); }
    void sleep_for(Milliseconds, const std::stop_token&) override { stop.request_stop(); }
    bool wait_until(std::condition_variable_any&, std::unique_lock<std::mutex>&, const std::stop_token&, SteadyTime,
                    const std::function<bool()>& done) override {
      return done();
    }
  } clock;
  auto faulty = std::make_unique<FaultyStore>(*memory_, &counter_);
  faulty->fail_next(Call::put, ErrorKind::transient, 9);
  const auto store = store::make_retrying(std::move(faulty), RetryLimits(), clock, random_);
  CallOptions options;
  options.stop = clock.stop.get_token();
  EXPECT_EQ(kind_of([&] { store->put(name_, bytes_, options); }), ErrorKind::cancelled);
  EXPECT_EQ(counter_.calls(), 1U);
}

TEST_F(Retrying, AListingThatBreaksOffShowsEachObjectOnce) {
  for (std::uint64_t i = 0; i < 10; ++i) store_->put(shard_name(i), bytes_, k_no_deadline);
  counter_.start_over();
  counter_.fail_at(1, ErrorKind::transient, Moment::after);
  std::size_t seen = 0;
  store_->list("", [&](const store::ObjectInfo&) { ++seen; }, k_no_deadline);
  EXPECT_EQ(seen, 10U);
  EXPECT_EQ(counter_.calls(), 2U);
}

TEST_F(Retrying, DoesNotListAgainBecauseOfTheSink) {
  store_->put(name_, bytes_, k_no_deadline);
  counter_.start_over();
  const auto sink = [](const store::ObjectInfo&) { throw Error(ErrorKind::transient, "sink", "mine"); };
  EXPECT_EQ(kind_of([&] { store_->list("", sink, k_no_deadline); }), ErrorKind::transient);
  EXPECT_EQ(counter_.calls(), 1U);
}

}  // namespace
}  // namespace modelfloat::test
