#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/store/rclone/words.h"

namespace modelfloat::test {
namespace {

using store::rclone::kind_of;
using store::rclone::safe_words;
using store::rclone::wait_in;
using testing::HasSubstr;
using testing::Not;

// As rclone's backends say it.
TEST(RcloneWords, TellTheKindOfFailure) {
  const std::vector<std::pair<std::string_view, ErrorKind>> all = {
      {"object not found", ErrorKind::not_found},
      {"error in ListJSON: directory not found", ErrorKind::not_found},
      {"didn't find section in config file (\"nope\")", ErrorKind::offline},
      {"googleapi: Error 403: User Rate Limit Exceeded., userRateLimitExceeded", ErrorKind::rate_limited},
      {"googleapi: Error 403: The download quota for this file has been exceeded., downloadQuotaExceeded",
       ErrorKind::rate_limited},
      {"googleapi: Error 403: The user's Drive storage quota has been exceeded., storageQuotaExceeded",
       ErrorKind::out_of_space},
      {"too_many_requests/...: Too many requests or write operations. Trying again in 300 seconds.",
       ErrorKind::rate_limited},
      {"upload failed: path/insufficient_space/..", ErrorKind::out_of_space},
      {"quotaLimitReached: Insufficient Space Available", ErrorKind::out_of_space},
      {"write /mnt/x: no space left on device", ErrorKind::out_of_space},
      {"Insufficient Storage: 507 Insufficient Storage", ErrorKind::out_of_space},
      {"SlowDown: Please reduce your request rate.", ErrorKind::rate_limited},
      {"couldn't fetch token: invalid_grant: maybe token expired? - try refreshing with \"rclone config reconnect x:\"",
       ErrorKind::denied},
      {"couldn't login: Object (typically, node or user) not found", ErrorKind::denied},
      {"Unauthorized: 401 Unauthorized", ErrorKind::denied},
      {"AccessDenied: Access Denied", ErrorKind::denied},
      {"open /mnt/x: permission denied", ErrorKind::denied},
      {"Get \"https://x/\": dial tcp: lookup x: no such host", ErrorKind::offline},
      {"Propfind \"http://127.0.0.1:1/\": dial tcp 127.0.0.1:1: connect: connection refused", ErrorKind::offline},
      {"read tcp 127.0.0.1:1->127.0.0.1:2: i/o timeout", ErrorKind::timed_out},
      {"net/http: TLS handshake timeout", ErrorKind::timed_out},
      {"read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer", ErrorKind::transient},
      {"unexpected EOF", ErrorKind::transient},
      {"failed to authenticate decrypted block - bad password?", ErrorKind::corrupt},
      {"corrupted on transfer: sizes differ 1 vs 2", ErrorKind::corrupt},
      {"the remote doesn't support about", ErrorKind::unsupported},
      {"something new at mf1/shard/50/507429", ErrorKind::transient},
  };
  for (const auto& [text, kind] : all) EXPECT_EQ(kind_of(text, 500), kind) << text;
  EXPECT_EQ(kind_of("something new", 404), ErrorKind::not_found);
  EXPECT_EQ(kind_of("something new", 403), ErrorKind::denied);
  EXPECT_EQ(kind_of("something new", 400), ErrorKind::invalid);
}

TEST(RcloneWords, TellHowLongToWait) {
  EXPECT_EQ(wait_in("Too many requests or write operations. Trying again in 300 seconds."), Milliseconds(300'000));
  EXPECT_EQ(wait_in("rate limited: retry after 1.5s"), Milliseconds(1500));
  EXPECT_EQ(wait_in("Retry after 2m"), Milliseconds(120'000));
  EXPECT_EQ(wait_in("retry after 250ms"), Milliseconds(250));
  for (const char* text :
       {"", "retry after", "retry after later", "retry after -5s", "again in 99999999999 seconds", "too many requests"})
    EXPECT_FALSE(wait_in(text)) << text;
}

TEST(RcloneWords, AreQuotedWithoutSecrets) {
  EXPECT_EQ(safe_words("object not found\nand more"), "object not found");
  EXPECT_THAT(safe_words("Get \"https://host/path?access_token=hush&b=c\": dial tcp"),
              HasSubstr("https://host/path?…\": dial tcp"));
  EXPECT_THAT(safe_words("Get https://host/path?access_token=hush"), Not(HasSubstr("hush")));
  EXPECT_EQ(safe_words("bad password?"), "bad password?");
  EXPECT_LT(safe_words(std::string(10'000, 'x')).size(), 300U);
}

}  // namespace
}  // namespace modelfloat::test
