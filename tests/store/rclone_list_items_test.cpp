#include <vector>

#include "support/thrown.h"
#include <gtest/gtest.h>

#include "modelfloat/store/rclone/list_items.h"

namespace modelfloat::store::rclone {
namespace {

std::vector<std::string> items_of(std::string_view answer, std::size_t step) {
  std::vector<std::string> items;
  ListItems reader("somewhere", [&](std::string_view json) { items.emplace_back(json); });
  for (; !answer.empty(); answer.remove_prefix(std::min(step, answer.size())))
    reader.feed(as_bytes(answer.substr(0, step)));
  reader.finish();
  return items;
}

constexpr std::string_view k_answer = R"({ "list": [ {"Path":"a]}\"{","Hashes":{"md5":"x"}}, {"Path":"b\\"} ] }
)";

TEST(RcloneListItems, AreTheSameHoweverTheAnswerIsCut) {
  const std::vector<std::string> expected = {R"({"Path":"a]}\"{","Hashes":{"md5":"x"}})", R"({"Path":"b\\"})"};
  for (std::size_t step = 1; step <= k_answer.size(); ++step) EXPECT_EQ(items_of(k_answer, step), expected) << step;
}

TEST(RcloneListItems, NoneAreFine) {
  EXPECT_TRUE(items_of(R"({"list":[]})", 3).empty());
  EXPECT_TRUE(items_of(R"({"list":null})", 3).empty());
}

TEST(RcloneListItems, AnAnswerThatIsCutShortIsNoShortList) {
  for (std::size_t length = 0; length + 2 < k_answer.size(); ++length) {
    EXPECT_EQ(test::kind_thrown([&] { items_of(k_answer.substr(0, length), 7); }), ErrorKind::transient) << length;
  }
}

TEST(RcloneListItems, WhatIsNoListIsRefused) {
  const std::string long_one = R"({"list":[{"Path":")" + std::string(70'000, 'x') + "\"}]}";
  for (const std::string& answer : {std::string("<html>"), std::string(R"({"list":[]} more)"), long_one}) {
    EXPECT_EQ(test::kind_thrown([&] { items_of(answer, 100); }), ErrorKind::transient) << answer.substr(0, 20);
  }
}

}  // namespace
}  // namespace modelfloat::store::rclone
