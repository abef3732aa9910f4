#include "modelfloat/base/clock.h"

#include <thread>

#include "support/fake_clock.h"
#include <gtest/gtest.h>

#include "modelfloat/base/cancel.h"

namespace modelfloat {
namespace {

using namespace std::chrono_literals;

TEST(ClockTest, TimesAreWrittenInUtcWithWholeSeconds) {
  EXPECT_EQ(to_rfc3339(from_unix_seconds(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(from_unix_seconds(1'763'885'880) + 999ms), "2025-11-23T08:18:00Z");
  EXPECT_EQ(to_rfc3339(from_unix_seconds(4'102'444'799)), "2099-12-31T23:59:59Z");
  EXPECT_EQ(unix_seconds(from_unix_seconds(1'763'885'880) + 999ms), 1'763'885'880U);
}

TEST(ClockTest, AStopEndsTheSleep) {
  SystemClock clock;
  std::stop_source stop;
  std::jthread sleeper([&] { clock.sleep_for(1h, stop.get_token()); });
  stop.request_stop();
  sleeper.join();  // an hour later if this fails
  clock.sleep_for(1h, stop.get_token());
}

TEST(ClockTest, SleepsAtLeastAsLongAsAsked) {
  SystemClock clock;
  const SteadyTime start = clock.steady_now();
  clock.sleep_for(20ms, {});
  EXPECT_GE(clock.steady_now() - start, 20ms);
}

TEST(ClockTest, TheFakeMovesOnlyBySleepingAndAdvancing) {
  test::FakeClock clock;
  const UtcTime utc = clock.utc_now();
  const SteadyTime steady = clock.steady_now();
  clock.sleep_for(5s, {});
  clock.advance(1s);
  EXPECT_EQ(clock.utc_now() - utc, 6s);
  EXPECT_EQ(clock.steady_now() - steady, 6s);
  EXPECT_EQ(clock.sleeps(), std::vector<Milliseconds>{5s});
}

TEST(CancelTest, StopAndDeadline) {
  const auto kind = [](const CallOptions& options) -> std::optional<ErrorKind> {
    try {
      check_cancelled(options, "here");
    } catch (const Error& error) {
      EXPECT_EQ(error.where, "here");
      return error.kind;
    }
    return std::nullopt;
  };
  CallOptions options;
  EXPECT_EQ(kind(options), std::nullopt);
  options.deadline = std::chrono::steady_clock::now() + 1h;
  EXPECT_EQ(kind(options), std::nullopt);
  options.deadline = std::chrono::steady_clock::now();
  EXPECT_EQ(kind(options), ErrorKind::timed_out);
  std::stop_source stop;
  options.stop = stop.get_token();
  stop.request_stop();
  EXPECT_EQ(kind(options), ErrorKind::cancelled);
}

}  // namespace
}  // namespace modelfloat
