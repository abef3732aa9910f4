#include "modelfloat/runner/event_stream.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace modelfloat::runner {
namespace {

std::vector<std::string> events_of(const std::vector<std::string>& pieces) {
  std::vector<std::string> events;
  EventStream stream;
  for (const auto& piece : pieces) stream.feed(piece, [&](std::string_view data) { events.emplace_back(data); });
  return events;
}

TEST(EventStream, HandsOutTheDataOfEachEvent) {
  EXPECT_EQ(events_of({"data: one\n\ndata:two\n\n"}), (std::vector<std::string>{"one", "two"}));
}

TEST(EventStream, DropsCommentsAndOtherFields) {
  EXPECT_EQ(events_of({":\n\nevent: x\nid: 7\ndata: one\n\n: ping\n\n"}), (std::vector<std::string>{"one"}));
}

TEST(EventStream, JoinsLinesOfDataAndTakesCarriageReturns) {
  EXPECT_EQ(events_of({"data: one\r\ndata: two\r\n\r\n"}), (std::vector<std::string>{"one\ntwo"}));
}

TEST(EventStream, KeepsAnUnfinishedEventToItself) { EXPECT_TRUE(events_of({"data: one\n", "data: t"}).empty()); }

RC_GTEST_PROP(EventStream, DoesNotCareHowTheStreamIsCut, (const std::vector<std::string>& words)) {
  std::string stream;
  for (std::string word : words) {
    std::replace_if(word.begin(), word.end(), [](char c) { return c == '\n' || c == '\r'; }, '_');
    stream += "data: " + word + "\n\n";
  }
  std::vector<std::string> pieces;
  for (std::size_t begin = 0; begin < stream.size();) {
    const auto length = *rc::gen::inRange<std::size_t>(1, 8);
    pieces.push_back(stream.substr(begin, length));
    begin += length;
  }
  RC_ASSERT(events_of(pieces) == events_of({stream}));
  RC_ASSERT(events_of(pieces).size() == words.size());
}

}  // namespace
}  // namespace modelfloat::runner
