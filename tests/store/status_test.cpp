#include "modelfloat/store/http/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace modelfloat::test {
namespace {

using store::http::Response;
using store::http::retry_after;
using store::http::status_error;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

const UtcTime k_now = from_unix_seconds(1'767'225'600);  // Thu, 01 Jan 2026 00:00:00 GMT

Response response_of(int status, store::http::Headers headers = {}, std::string_view body = {}) {
  return {.status = status, .headers = std::move(headers), .body = to_bytes(body)};
}

TEST(HttpStatusTest, EachStatusHasItsKind) {
  const std::pair<int, ErrorKind> table[] = {
      {301, ErrorKind::invalid},      {400, ErrorKind::invalid},   {401, ErrorKind::denied},
      {403, ErrorKind::denied},       {404, ErrorKind::not_found}, {408, ErrorKind::timed_out},
      {409, ErrorKind::invalid},      {410, ErrorKind::not_found}, {412, ErrorKind::invalid},
      {413, ErrorKind::out_of_space}, {423, ErrorKind::transient}, {425, ErrorKind::transient},
      {429, ErrorKind::rate_limited}, {500, ErrorKind::transient}, {501, ErrorKind::unsupported},
      {502, ErrorKind::transient},    {503, ErrorKind::transient}, {504, ErrorKind::transient},
      {507, ErrorKind::out_of_space}, {599, ErrorKind::transient}};
  for (const auto& [status, kind] : table)
    EXPECT_EQ(status_error(response_of(status), "x", "y", k_now).kind, kind) << status;
  EXPECT_EQ(status_error(response_of(503, {{"retry-after", "2"}}), "x", "y", k_now).kind, ErrorKind::rate_limited);
}

TEST(HttpStatusTest, TheMessageSaysWhatWhereAndTheServersWords) {
  const Error error =
      status_error(response_of(500, {{"content-type", "text/plain; charset=utf-8"}}, "out of\tluck\nsecond line"),
                   "store/object", "cannot put", k_now);
  EXPECT_STREQ(error.what(), "store/object: cannot put: HTTP status 500: out of luck");
}

TEST(HttpStatusTest, PagesAndLongAnswersAreNotRepeated) {
  EXPECT_THAT(status_error(response_of(500, {{"content-type", "text/html"}}, "<html>words"), "x", "y", k_now).what(),
              EndsWith("HTTP status 500"));
  EXPECT_THAT(status_error(response_of(500, {}, "words"), "x", "y", k_now).what(), EndsWith("HTTP status 500"));
  const Error longer =
      status_error(response_of(500, {{"content-type", "text/plain"}}, std::string(5000, 'w')), "x", "y", k_now);
  EXPECT_LT(std::string_view(longer.what()).size(), 300U);
  const Error escape = status_error(response_of(500, {{"content-type", "text/plain"}}, "\x1b[31mred"), "x", "y", k_now);
  EXPECT_THAT(escape.what(), Not(HasSubstr("\x1b")));
}

TEST(HttpStatusTest, ReadsRetryAfter) {
  const auto of = [](const char* value) { return retry_after(response_of(429, {{"retry-after", value}}), k_now); };
  EXPECT_EQ(of("0"), Milliseconds(0));
  EXPECT_EQ(of("120"), Milliseconds(120'000));
  EXPECT_EQ(of("Thu, 01 Jan 2026 00:00:30 GMT"), Milliseconds(30'000));
  EXPECT_EQ(of("Wed, 31 Dec 2025 23:00:00 GMT"), Milliseconds(0));
  EXPECT_EQ(of(""), std::nullopt);
  EXPECT_EQ(of("soon"), std::nullopt);
  EXPECT_EQ(of("99999999999999999999"), std::nullopt);
  EXPECT_EQ(retry_after(response_of(429), k_now), std::nullopt);
  EXPECT_EQ(status_error(response_of(429, {{"retry-after", "7"}}), "x", "y", k_now).retry_after, Milliseconds(7000));
}

}  // namespace
}  // namespace modelfloat::test
