#include "modelfloat/store/http/ranged_get.h"

#include "support/scripted_server.h"
#include <gtest/gtest.h>

#include "modelfloat/base/error.h"

namespace modelfloat::test {
namespace {

using store::http::HttpClient;
using store::http::ranged_get;
using store::http::RangedAnswer;

constexpr std::uint64_t k_longest = 100;
constexpr std::uint64_t k_end = ByteRange::k_to_the_end;

// Asks a server that answers so, whatever is asked.
RangedAnswer ask(ByteRange range, const std::string& status, const std::string& body, const std::string& headers = {},
                 std::string* asked = nullptr) {
  ScriptedServer server([&](ScriptedConnection& connection) {
    const auto request = connection.read_request();
    if (request && asked != nullptr) *asked = request->header("range");
    connection.answer(status, body, headers);
    connection.wait_for_close();
  });
  HttpClient client;
  return ranged_get(client, {.method = "GET", .url = server.url(), .where = "test"}, range, k_longest, {});
}

std::string text_of(const RangedAnswer& answer) {
  return answer.bytes ? std::string(as_text(*answer.bytes)) : "nothing";
}

std::optional<ErrorKind> kind_of(ByteRange range, const std::string& status, const std::string& body,
                                 const std::string& headers = {}) {
  try {
    ask(range, status, body, headers);
  } catch (const Error& error) {
    return error.kind;
  }
  return std::nullopt;
}

TEST(RangedGetTest, AsksForTheRange) {
  std::string asked;
  EXPECT_EQ(text_of(ask({2, 3}, "206 Partial", "cde", "Content-Range: bytes 2-4/10\r\n", &asked)), "cde");
  EXPECT_EQ(asked, "bytes=2-4");
  EXPECT_EQ(text_of(ask({7, k_end}, "206 Partial", "hij", "Content-Range: bytes 7-9/10\r\n", &asked)), "hij");
  EXPECT_EQ(asked, "bytes=7-");
  EXPECT_EQ(text_of(ask({0, k_end}, "200 OK", "abc", "", &asked)), "abc");
  EXPECT_EQ(asked, "");
  EXPECT_EQ(text_of(ask({2, 3}, "206 Partial", "cde", "Content-Range: bytes 2-4/*\r\n")), "cde");
}

TEST(RangedGetTest, CutsDownAnAnswerThatIsWhole) {
  EXPECT_EQ(text_of(ask({2, 3}, "200 OK", "abcdefghij")), "cde");
  EXPECT_EQ(text_of(ask({7, k_end}, "200 OK", "abcdefghij")), "hij");
  EXPECT_EQ(text_of(ask({10, k_end}, "200 OK", "abcdefghij")), "");
  EXPECT_EQ(text_of(ask({2, 3}, "200 OK", std::string(100'000, 'x'))), "xxx");
}

TEST(RangedGetTest, AnObjectThatEndsBeforeIsCorrupt) {
  EXPECT_EQ(kind_of({8, 3}, "200 OK", "abcdefghij"), ErrorKind::corrupt);
  EXPECT_EQ(kind_of({11, k_end}, "200 OK", "abcdefghij"), ErrorKind::corrupt);
  EXPECT_EQ(kind_of({8, 3}, "206 Partial", "ij", "Content-Range: bytes 8-9/10\r\n"), ErrorKind::corrupt);
  EXPECT_EQ(kind_of({8, 3}, "416 No", "", "Content-Range: bytes */8\r\n"), ErrorKind::corrupt);
  EXPECT_EQ(kind_of({9, k_end}, "416 No", "", "Content-Range: bytes */8\r\n"), ErrorKind::corrupt);
}

TEST(RangedGetTest, TheRestOfNothingIsEmpty) {
  EXPECT_EQ(text_of(ask({8, k_end}, "416 No", "", "Content-Range: bytes */8\r\n")), "");
  const RangedAnswer unknown = ask({8, k_end}, "416 No", "");
  EXPECT_FALSE(unknown.bytes);
  EXPECT_EQ(unknown.response.status, 416);
}

TEST(RangedGetTest, AnotherRangeIsTransient) {
  for (const char* headers :
       {"", "Content-Range: bytes 3-5/10\r\n", "Content-Range: bytes 2-3/10\r\n", "Content-Range: bytes 2-5/10\r\n",
        "Content-Range: bytes 2-4/4\r\n", "Content-Range: bytes 4-2/10\r\n", "Content-Range: bytes */10\r\n",
        "Content-Range: items 2-4/10\r\n", "Content-Range: bytes 2-99999999999999999999/10\r\n"}) {
    EXPECT_EQ(kind_of({2, 3}, "206 Partial", "cde", headers), ErrorKind::transient) << headers;
  }
  EXPECT_EQ(kind_of({2, 3}, "206 Partial", "cd", "Content-Range: bytes 2-4/10\r\n"), ErrorKind::transient);
  EXPECT_EQ(kind_of({2, 3}, "206 Partial", "cdef", "Content-Range: bytes 2-4/10\r\n"), ErrorKind::transient);
  EXPECT_EQ(kind_of({2, k_end}, "206 Partial", "cde", "Content-Range: bytes 2-4/10\r\n"), ErrorKind::transient);
}

TEST(RangedGetTest, NothingEndless) {
  EXPECT_EQ(text_of(ask({0, k_end}, "200 OK", std::string(100, 'x'))).size(), 100U);
  EXPECT_EQ(kind_of({0, k_end}, "200 OK", std::string(101, 'x')), ErrorKind::corrupt);
  EXPECT_EQ(text_of(ask({1, k_end}, "200 OK", std::string(101, 'x'))).size(), 100U);
}

TEST(RangedGetTest, CompressedBytesAreNotTheObject) {
  EXPECT_EQ(kind_of({0, k_end}, "200 OK", "abc", "Content-Encoding: gzip\r\n"), ErrorKind::transient);
}

TEST(RangedGetTest, OtherAnswersAreGivenBack) {
  const RangedAnswer answer = ask({0, k_end}, "404 No", "words");
  EXPECT_FALSE(answer.bytes);
  EXPECT_EQ(answer.response.text(), "words");
}

}  // namespace
}  // namespace modelfloat::test
