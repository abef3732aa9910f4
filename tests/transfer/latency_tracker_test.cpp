#include "modelfloat/transfer/stores/latency_tracker.h"

#include "support/fake_clock.h"
#include <gtest/gtest.h>

#include "modelfloat/transfer/ask/hedge.h"

namespace modelfloat::transfer {
namespace {

constexpr std::uint64_t k_mib = 1U << 20;

class LatencyTrackerTest : public testing::Test {
 protected:
  test::FakeClock clock_;
  LatencyTracker latency_{clock_};
  Timeouts timeouts_;
};

TEST_F(LatencyTrackerTest, TheUnknownGetsItsChanceAndAStartValue) {
  EXPECT_EQ(latency_.usual_seconds(16 * k_mib), 0);
  // 0.05 s floor, twice 0.5 s and 16 MiB at 16 MiB/s.
  EXPECT_NEAR(latency_.late_after(16 * k_mib, timeouts_), 0.05 + 2 * (0.5 + 1), 1e-9);
}

TEST_F(LatencyTrackerTest, SmallAnswersSayNothingOfLargeOnes) {
  for (int i = 0; i < 40; ++i) latency_.answered(1000, 0.01);
  EXPECT_NEAR(latency_.late_after(1000, timeouts_), 0.05 + 0.02, 0.001);
  EXPECT_GT(latency_.late_after(16 * k_mib, timeouts_), 2);
  for (int i = 0; i < 10; ++i) latency_.answered(16 * k_mib, 4);
  EXPECT_NEAR(latency_.usual_seconds(16 * k_mib), 4.01, 0.01);
  EXPECT_NEAR(latency_.late_after(8 * k_mib, timeouts_), 0.05 + 2 * (0.01 + 2), 0.01);
  EXPECT_NEAR(latency_.late_after(1000, timeouts_), 0.05 + 0.02, 0.001);
}

TEST_F(LatencyTrackerTest, ItIsThe95thPercentileThatBounds) {
  // One in fifteen is slow.
  for (int i = 0; i < 60; ++i) latency_.answered(1000, i % 15 == 0 ? 1.0 : 0.01);
  EXPECT_NEAR(latency_.usual_seconds(1000), 0.01, 1e-6);
  EXPECT_GT(latency_.late_after(1000, timeouts_), 2.0);
}

TEST_F(LatencyTrackerTest, OldAnswersAreForgotten) {
  for (int i = 0; i < 64; ++i) latency_.answered(1000, 5);
  for (int i = 0; i < 64; ++i) latency_.answered(1000, 0.01);
  EXPECT_LT(latency_.late_after(1000, timeouts_), 0.1);
}

TEST_F(LatencyTrackerTest, DoubtEndsWithAnAnswerOrWithTime) {
  EXPECT_FALSE(latency_.is_slow());
  latency_.mark_slow();
  EXPECT_TRUE(latency_.is_slow());
  latency_.answered(1, 0.1);
  EXPECT_FALSE(latency_.is_slow());
  latency_.mark_slow();
  clock_.advance(Milliseconds{61'000});
  EXPECT_FALSE(latency_.is_slow());
}

TEST(HedgeTimer, BecomesLateAndThenHopeless) {
  const SteadyTime begin{std::chrono::hours(1)};
  HedgeTimer timer(begin, 10);
  EXPECT_FALSE(timer.advance(begin + Milliseconds(9'999)));
  EXPECT_EQ(timer.lateness(), Lateness::none);
  EXPECT_TRUE(timer.advance(begin + std::chrono::seconds(10)));
  EXPECT_EQ(timer.lateness(), Lateness::late);
  EXPECT_FALSE(timer.advance(begin + Milliseconds(39'999)));
  EXPECT_TRUE(timer.advance(begin + std::chrono::seconds(40)));
  EXPECT_EQ(timer.lateness(), Lateness::hopeless);
  EXPECT_EQ(timer.next(), SteadyTime::max());
}

TEST(HedgeTimer, PeersLowerTheBoundAndNeverRaiseIt) {
  const SteadyTime begin{std::chrono::hours(1)};
  HedgeTimer timer(begin, 10);
  timer.bound(20);
  EXPECT_EQ(timer.next(), begin + std::chrono::seconds(10));
  timer.bound(1);
  EXPECT_TRUE(timer.advance(begin + std::chrono::seconds(1)));
}

}  // namespace
}  // namespace modelfloat::transfer
