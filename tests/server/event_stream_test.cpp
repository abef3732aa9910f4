#include "modelfloat/server/event_stream.h"

#include "recording_response.h"
#include <gtest/gtest.h>

namespace modelfloat::server {
namespace {

using runner::LoadProgress;

class EventStreamWriterTest : public testing::Test {
 protected:
  std::string written() { return std::exchange(response_.body, {}); }

  test::RecordingResponse response_;
  SteadyTime now_{};
  EventStreamWriter events_{response_, [this] { return now_; }};
};

TEST_F(EventStreamWriterTest, BeginsWithTheFirstThingThatIsWritten) {
  EXPECT_FALSE(response_.begun()) << "an error could not have a status of its own";
  events_.event("one");
  EXPECT_EQ(response_.status, 200);
  EXPECT_EQ(response_.content_type, "text/event-stream");
  EXPECT_EQ(written(), "data: one\n\n");
  EXPECT_FALSE(response_.ended);
}

TEST_F(EventStreamWriterTest, ACommentBeginsItToo) {
  events_.comment("still there");
  EXPECT_EQ(response_.status, 200);
  EXPECT_EQ(written(), ": still there\n\n");
}

TEST_F(EventStreamWriterTest, DataOfSeveralLinesStaysOneEvent) {
  events_.event("one\ntwo\r\nthree\r\n\nid: 7");
  EXPECT_EQ(written(), "data: one\ndata: two\ndata: three\ndata: \ndata: id: 7\n\n");
  events_.event("");
  EXPECT_EQ(written(), "data: \n\n");
  events_.event("\n");
  EXPECT_EQ(written(), "data: \ndata: \n\n");
}

TEST_F(EventStreamWriterTest, AnEventMayHaveATypeAndAnId) {
  events_.event("job", "run-7", "one\ntwo");
  EXPECT_EQ(written(), "event: job\nid: run-7\ndata: one\ndata: two\n\n");
  events_.remember("run-8");
  EXPECT_EQ(written(), "id: run-8\n\n");
  events_.end();
  EXPECT_EQ(written(), "");
  EXPECT_TRUE(response_.ended);
}

TEST_F(EventStreamWriterTest, TheEndIsAnEventAndEndsTheAnswer) {
  events_.event("one");
  events_.end("[DONE]");
  EXPECT_EQ(written(), "data: one\n\ndata: [DONE]\n\n");
  EXPECT_TRUE(response_.ended);
}

TEST_F(EventStreamWriterTest, AnErrorInTheMiddleIsTheLastEvent) {
  events_.comment("starting");
  events_.end(R"({"error":{}})");
  EXPECT_EQ(written(), ": starting\n\ndata: {\"error\":{}}\n\n");
  EXPECT_TRUE(response_.ended);
}

TEST_F(EventStreamWriterTest, TellsProgressNowAndThen) {
  events_.progress(LoadProgress{LoadProgress::Step::fetching, 12'999'999, 98'000'000});
  EXPECT_EQ(written(), ": 12 of 98 MB\n\n");
  now_ += Milliseconds(249);
  events_.progress(LoadProgress{LoadProgress::Step::fetching, 20'000'000, 98'000'000});
  EXPECT_EQ(written(), "");
  now_ += Milliseconds(1);
  events_.progress(LoadProgress{LoadProgress::Step::starting, 98'000'000, 98'000'000});
  EXPECT_EQ(written(), ": starting\n\n");
  events_.progress(LoadProgress{LoadProgress::Step::starting, 98'000'000, 98'000'000});
  EXPECT_EQ(written(), "");
}

}  // namespace
}  // namespace modelfloat::server
