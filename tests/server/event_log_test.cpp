#include "modelfloat/server/event_log.h"

#include <thread>

#include "support/fake_clock.h"
#include "support/fixed_random.h"
#include <gtest/gtest.h>

namespace modelfloat::server {
namespace {

constexpr Milliseconds k_no_time{0};
constexpr Milliseconds k_long{60'000};

class EventLogTest : public testing::Test {
 protected:
  static std::vector<std::string> data_of(const EventLog::Batch& batch) {
    std::vector<std::string> data;
    for (const auto& event : batch.events) data.push_back(event->data);
    return data;
  }

  SystemClock clock_;
  test::FixedRandom random_;
  EventLog log_{clock_, random_, {.most_events = 4, .most_bytes = 100}};
};

TEST_F(EventLogTest, GivesWhatCameAfterANumber) {
  EXPECT_EQ(log_.newest(), 0U);
  for (const auto* data : {"a", "b", "c"}) log_.publish("t", data);
  const auto all = log_.wait(0, k_no_time, {});
  EXPECT_EQ(data_of(all), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(all.events[2]->number, 3U);
  EXPECT_EQ(all.events[2]->type, "t");
  EXPECT_EQ(data_of(log_.wait(2, k_no_time, {})), std::vector<std::string>{"c"});
  const auto none = log_.wait(3, k_no_time, {});
  EXPECT_TRUE(none.events.empty());
  EXPECT_FALSE(none.missed);
}

TEST_F(EventLogTest, SaysWhenEventsWereDropped) {
  for (const auto* data : {"a", "b", "c", "d", "e"}) log_.publish("t", data);
  EXPECT_TRUE(log_.wait(0, k_no_time, {}).missed);
  EXPECT_EQ(data_of(log_.wait(1, k_no_time, {})).size(), 4U);
  log_.publish("t", std::string(99, 'x'));
  EXPECT_TRUE(log_.wait(4, k_no_time, {}).missed) << "bytes count too";
  EXPECT_EQ(data_of(log_.wait(5, k_no_time, {})).size(), 1U);
  log_.publish("t", std::string(1000, 'x'));
  EXPECT_TRUE(log_.wait(6, k_no_time, {}).missed) << "one that is too large for the log";
  log_.publish("t", "f");
  EXPECT_EQ(data_of(log_.wait(7, k_no_time, {})), std::vector<std::string>{"f"});
}

TEST_F(EventLogTest, IdsAreOfThisRun) {
  log_.publish("t", "a");
  const EventLog other(clock_, random_);
  EXPECT_EQ(log_.number_of(log_.id_of(1)), 1U);
  EXPECT_EQ(log_.number_of(log_.id_of(0)), 0U);
  EXPECT_EQ(log_.number_of(log_.id_of(2)), std::nullopt) << "not yet";
  EXPECT_EQ(log_.number_of(other.id_of(1)), std::nullopt);
  const auto run = log_.id_of(1).substr(0, log_.id_of(1).size() - 1);
  for (const std::string& wrong : {run, run + "x", run + "1x", run + "-1", run + "99999999999999999999",
                                   std::string("1"), std::string(), std::string("-1")})
    EXPECT_EQ(log_.number_of(wrong), std::nullopt) << wrong;
}

TEST_F(EventLogTest, WakesWhoeverWaits) {
  const std::jthread publisher([&] { log_.publish("t", "a"); });
  EXPECT_EQ(data_of(log_.wait(0, k_long, {})), std::vector<std::string>{"a"});
  std::stop_source stop;
  const std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_TRUE(log_.wait(1, k_long, stop.get_token()).events.empty());
  const std::jthread closer([&] { log_.close(); });
  EXPECT_TRUE(log_.wait(1, k_long, {}).closed);
  EXPECT_TRUE(log_.wait(1, k_long, {}).closed);
  EXPECT_EQ(data_of(log_.wait(0, k_long, {})), std::vector<std::string>{"a"}) << "what is there is still given";
}

TEST_F(EventLogTest, ManyEventsComeInPieces) {
  EventLog log(clock_, random_);
  for (int i = 0; i < 1000; ++i) log.publish("t", std::to_string(i));
  std::uint64_t after = 0;
  while (after < 1000) {
    const auto batch = log.wait(after, k_no_time, {});
    ASSERT_FALSE(batch.events.empty());
    ASSERT_LE(batch.events.size(), 100U) << "a slow client would hold all of them";
    for (const auto& event : batch.events) ASSERT_EQ(event->number, ++after);
  }
}

}  // namespace
}  // namespace modelfloat::server
