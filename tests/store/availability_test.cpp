#include "modelfloat/store/wrap/availability.h"

#include <gtest/gtest.h>

#include "modelfloat/store/wrap/breaker.h"

namespace modelfloat::store {
namespace {

const SteadyTime k_now{std::chrono::hours(5)};

Availability after(ErrorKind kind, std::optional<Milliseconds> retry_after = std::nullopt, unsigned failures = 0) {
  return availability_after(Error(kind, "s1", "planned", retry_after), k_now, failures);
}

TEST(Availability, AStoreOfWhichNothingIsKnownMayBeAsked) {
  EXPECT_FALSE(Availability().is_paused(k_now));
  EXPECT_FALSE(Availability().not_before);
}

TEST(Availability, APauseEndsWhenTheStoreSaid) {
  const auto availability = after(ErrorKind::rate_limited, Milliseconds(7'000));
  EXPECT_TRUE(availability.is_paused(k_now + Milliseconds(6'999)));
  EXPECT_FALSE(availability.is_paused(k_now + Milliseconds(7'000)));
  EXPECT_EQ(availability.not_before, k_now + Milliseconds(7'000));
  EXPECT_TRUE(availability.asked_by_store);
  EXPECT_EQ(availability.why, "s1: planned");
}

TEST(Availability, APauseWithoutATimeIsTriedSoonByWhoNeedsTheStore) {
  const auto availability = after(ErrorKind::rate_limited);
  EXPECT_TRUE(availability.is_paused(k_now + Milliseconds(59'000)));
  EXPECT_FALSE(availability.is_paused(k_now + Milliseconds(60'000)));
  EXPECT_EQ(availability.not_before, k_now + Milliseconds(1'000));
  EXPECT_FALSE(availability.asked_by_store);
}

TEST(Availability, NoPauseIsLongerThanADay) {
  const auto availability = after(ErrorKind::rate_limited, std::chrono::hours(24 * 365));
  EXPECT_EQ(availability.paused_until, k_now + BreakerLimits().longest_asked);
  EXPECT_EQ(availability.not_before, k_now + BreakerLimits().longest_asked);
}

TEST(Availability, TransientFailuresAreTriedLaterAndLater) {
  for (const auto& [failures, seconds] : {std::pair{0U, 1}, {1U, 2}, {2U, 4}, {3U, 8}, {50U, 8}}) {
    const auto availability = after(ErrorKind::transient, std::nullopt, failures);
    EXPECT_EQ(availability.not_before, k_now + std::chrono::seconds(seconds)) << failures;
    EXPECT_FALSE(availability.is_paused(k_now)) << failures;
    EXPECT_FALSE(availability.asked_by_store) << failures;
  }
}

TEST(Availability, OfflineIsWorthAnotherTryOnlyWithATime) {
  EXPECT_FALSE(after(ErrorKind::offline).not_before);
  EXPECT_EQ(after(ErrorKind::offline, Milliseconds(300)).not_before, k_now + Milliseconds(300));
  EXPECT_FALSE(after(ErrorKind::offline, Milliseconds(300)).asked_by_store) << "it is the breaker's time";
}

TEST(Availability, NoOtherFailureGetsBetterByWaiting) {
  for (const ErrorKind kind : {ErrorKind::denied, ErrorKind::corrupt, ErrorKind::out_of_space, ErrorKind::timed_out,
                               ErrorKind::unsupported, ErrorKind::not_found}) {
    EXPECT_FALSE(after(kind, Milliseconds(1)).not_before) << to_string(kind);
    EXPECT_FALSE(after(kind, Milliseconds(1)).is_paused(k_now)) << to_string(kind);
  }
}

}  // namespace
}  // namespace modelfloat::store
