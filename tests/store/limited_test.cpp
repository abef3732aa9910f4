#include "modelfloat/store/wrap/limited.h"

#include <atomic>
#include <thread>

#include "support/fake_clock.h"
#include "support/faulty_store.h"
#include "support/fixed_random.h"
#include "support/plain_call.h"
#include "support/store_suite.h"
#include <gtest/gtest.h>

#include "modelfloat/store/memory/memory_store.h"
#include "modelfloat/store/wrap/concurrency_limit.h"

namespace modelfloat::test {
namespace {

using namespace std::chrono_literals;
using store::CallLimits;
using store::Throttle;

std::optional<ErrorKind> kind_of(const std::function<void()>& work,
                                 std::optional<Milliseconds>* retry_after = nullptr) {
  try {
    work();
  } catch (const Error& error) {
    if (retry_after != nullptr) *retry_after = error.retry_after;
    return error.kind;
  }
  return std::nullopt;
}

TEST(Throttle, PaysDebtsInOrderAndSavesUpForOneSecond) {
  Throttle throttle(100);
  const SteadyTime start = std::chrono::steady_clock::now();
  EXPECT_EQ(throttle.reserve(300, start, {}), 0ms) << "a full bucket may go into debt";
  EXPECT_EQ(throttle.reserve(100, start, {}), 2000ms);
  EXPECT_EQ(throttle.reserve(100, start, {}), 3000ms) << "who comes later waits longer";
  EXPECT_EQ(throttle.reserve(1, start, 3999ms), std::nullopt) << "nothing is taken";
  EXPECT_EQ(throttle.reserve(1, start, 4000ms), 4000ms);
  throttle.give_back(1);
  EXPECT_EQ(throttle.reserve(0, start + 1s, {}), 3000ms);
  EXPECT_EQ(throttle.reserve(200, start + 1h, {}), 0ms);
  EXPECT_EQ(throttle.reserve(0, start + 1h, {}), 1000ms) << "an hour of rest does not count more than a second";
}

class Limited : public testing::Test {
 protected:
  std::unique_ptr<store::Store> make(CallLimits limits) {
    limits.where = "shelf";
    auto faulty = std::make_unique<FaultyStore>(*memory_, &counter_);
    faulty_ = faulty.get();
    return store::make_limited(std::move(faulty), std::move(limits), ledger_, clock_);
  }
  double slept_seconds() const {
    Milliseconds sum{0};
    for (const auto sleep : clock_.sleeps()) sum += sleep;
    return std::chrono::duration<double>(sum).count();
  }

  std::unique_ptr<store::Store> memory_ = store::make_memory_store();
  CallCounter counter_;
  FakeClock clock_;
  store::MemoryLedger ledger_;
  FaultyStore* faulty_ = nullptr;
  const Bytes bytes_ = random_bytes(1000);
};

TEST_F(Limited, NoMoreAtOnceThanAllowed) {
  CallLimits limits;
  limits.parallel_calls = 2;
  const auto store = make(limits);
  faulty_->stall(Call::stat);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 5; ++i) threads.emplace_back([&] { store->stat(shard_name(1), k_no_deadline); });
  faulty_->wait_for_stalled(2);
  std::stop_source stop;
  threads.emplace_back(
      [&] { EXPECT_EQ(kind_of([&] { store->stat(shard_name(1), {stop.get_token(), {}}); }), ErrorKind::cancelled); });
  EXPECT_EQ(kind_of([&] { store->stat(shard_name(1), {{}, std::chrono::steady_clock::now() + 20ms}); }),
            ErrorKind::timed_out);
  EXPECT_EQ(counter_.calls(), 2U);
  stop.request_stop();
  threads.back().join();
  faulty_->go_on();
  threads.clear();
  EXPECT_EQ(counter_.calls(), 5U) << "who gave up never got in, and all others did";
}

TEST(ConcurrencyLimit, LetsInWhoCameFirst) {
  SystemClock clock;
  store::ConcurrencyLimit limit(1, clock);
  std::vector<int> order;
  std::vector<std::jthread> threads;
  std::atomic<int> arriving = 0;
  auto first = std::make_unique<store::ConcurrencyLimit::Pass>(limit, k_no_deadline, "here");
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      arriving = i + 1;
      const store::ConcurrencyLimit::Pass pass(limit, k_no_deadline, "here");
      order.push_back(i);
    });
    while (arriving != i + 1) std::this_thread::yield();
    // Until it stands in the line; too short only weakens the test.
    std::this_thread::sleep_for(20ms);
  }
  first.reset();
  threads.clear();
  ASSERT_EQ(order.size(), 4U);
  EXPECT_EQ(order.front(), 0);
}

TEST_F(Limited, RefusesWhatASinkAsksOfTheStoreThatLists) {
  CallLimits limits;
  limits.parallel_calls = 1;
  const auto store = make(limits);
  const auto other = make(limits);
  store->put(shard_name(1), bytes_, k_no_deadline);
  const auto list_and = [&](const std::function<void()>& work) {
    return kind_of([&] { store->list("", [&](const store::ObjectInfo&) { work(); }, k_no_deadline); });
  };
  EXPECT_EQ(list_and([&] { store->stat(shard_name(1), k_no_deadline); }), ErrorKind::internal)
      << "it would wait for the connection that the listing has";
  EXPECT_EQ(list_and([&] {
              const auto inner = [&](const store::ObjectInfo&) { store->stat(shard_name(1), k_no_deadline); };
              other->list("", inner, k_no_deadline);
            }),
            ErrorKind::internal);
  EXPECT_EQ(list_and([&] { other->stat(shard_name(1), k_no_deadline); }), std::nullopt);
  EXPECT_EQ(list_and([&] {
              std::jthread([&] {
                EXPECT_EQ(kind_of([&] { store->stat(shard_name(1), {{}, std::chrono::steady_clock::now() + 1ms}); }),
                          ErrorKind::timed_out);
              });
            }),
            std::nullopt)
      << "a call by another thread waits for its turn";
  EXPECT_TRUE(store->stat(shard_name(1), k_no_deadline)) << "the listing is over";
}

TEST_F(Limited, CallsASecond) {
  CallLimits limits;
  limits.calls_per_second = 10;
  const auto store = make(limits);
  for (int i = 0; i < 111; ++i) store->stat(shard_name(1), k_no_deadline);
  EXPECT_NEAR(slept_seconds(), 10, 0.2) << "the first second's worth is free";
}

TEST_F(Limited, BandwidthUpAndDown) {
  CallLimits limits;
  limits.up = {std::make_shared<Throttle>(100)};
  limits.down = {std::make_shared<Throttle>(1000), std::make_shared<Throttle>(500)};
  const auto store = make(limits);
  for (std::uint64_t i = 0; i < 5; ++i) store->put(shard_name(i), bytes_, k_no_deadline);
  EXPECT_NEAR(slept_seconds(), 39, 0.5)
      << "5,000 bytes at 100 a second, less the last one's pause and the first second";
  const double before = slept_seconds();
  for (std::uint64_t i = 0; i < 5; ++i) store->get(shard_name(i), k_all, k_no_deadline);
  EXPECT_NEAR(slept_seconds() - before, 7, 0.5) << "the narrower of the two rules";
}

TEST_F(Limited, AStopOrDeadlineEndsAPause) {
  CallLimits limits;
  limits.up = {std::make_shared<Throttle>(1)};
  const auto store = make(limits);
  store->put(shard_name(1), bytes_, k_no_deadline);
  EXPECT_EQ(kind_of([&] { store->put(shard_name(2), bytes_, {{}, clock_.steady_now() + 10s}); }), ErrorKind::timed_out);
  EXPECT_TRUE(clock_.sleeps().empty()) << "it does not wait in vain";
  EXPECT_EQ(counter_.calls(), 1U);
}

TEST_F(Limited, DailyBudgets) {
  CallLimits limits;
  limits.daily_upload_bytes = 2500;
  limits.daily_download_bytes = 1500;
  auto store = make(limits);
  store->put(shard_name(1), bytes_, k_no_deadline);
  store->put(shard_name(2), bytes_, k_no_deadline);
  clock_.advance(20h);
  std::optional<Milliseconds> wait;
  EXPECT_EQ(kind_of([&] { store->put(shard_name(3), bytes_, k_no_deadline); }, &wait), ErrorKind::rate_limited);
  EXPECT_EQ(wait, 4h);
  EXPECT_EQ(store->get(shard_name(1), k_all, k_no_deadline), bytes_) << "downloads have a budget of their own";
  EXPECT_EQ(kind_of([&] { store->get(shard_name(1), {0, 600}, k_no_deadline); }), ErrorKind::rate_limited);
  EXPECT_TRUE(store->get(shard_name(1), {0, 400}, k_no_deadline));

  store = make(limits);
  EXPECT_EQ(kind_of([&] { store->put(shard_name(3), bytes_, k_no_deadline); }), ErrorKind::rate_limited)
      << "the ledger outlives the store";
  clock_.advance(4h);
  store->put(shard_name(3), bytes_, k_no_deadline);
  EXPECT_EQ(ledger_.use(clock_.utc_now()).uploaded_bytes, 1000U);
}

TEST_F(Limited, AFailedUploadCountsInNoBudget) {
  CallLimits limits;
  limits.daily_upload_bytes = 1000;
  const auto store = make(limits);
  faulty_->fail_next(Call::put, ErrorKind::transient, 3);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(kind_of([&] { store->put(shard_name(1), bytes_, k_no_deadline); }), ErrorKind::transient);
  store->put(shard_name(1), bytes_, k_no_deadline);
}

}  // namespace
}  // namespace modelfloat::test
