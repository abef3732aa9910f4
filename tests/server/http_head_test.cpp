#include "modelfloat/server/http/http_head.h"

#include <gtest/gtest.h>

namespace modelfloat::server {
namespace {

int status_of(const std::string& head) {
  try {
    parse_head(head, 100);
    return 200;
  } catch (const HttpError& error) {
    return error.status;
  }
}

TEST(HttpHead, ReadsAnOrdinaryRequest) {
  const auto head = parse_head(
      "POST /models/ns%2Fname/inference?a=1&b=x+y%21&c HTTP/1.1\r\nHost: localhost\r\nX-Thing:  some value "
      "\r\nContent-Length: 12\r\n"
      "Expect: 100-Continue\r\n\r\n",
      100);
  EXPECT_EQ(head.request.method, "POST");
  EXPECT_EQ(head.request.path, (std::vector<std::string>{"models", "ns/name", "inference"}));
  EXPECT_EQ(head.request.query_value("b"), "x y!");
  EXPECT_EQ(head.request.query_value("c"), "");
  EXPECT_EQ(head.request.query_value("d"), std::nullopt);
  EXPECT_EQ(head.request.header("x-thing"), "some value");
  EXPECT_EQ(head.request.content_length, 12U);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_TRUE(head.expects_continue);
  EXPECT_FALSE(head.chunked);
}

TEST(HttpHead, KeepsTheConnectionOnlyWhereBothSaySo) {
  EXPECT_FALSE(parse_head("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 100).keep_alive);
  EXPECT_FALSE(parse_head("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", 100).keep_alive);
  EXPECT_TRUE(parse_head("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", 100).chunked);
}

struct Hostile {
  const char* name;
  std::string head;
  int status;
};
std::ostream& operator<<(std::ostream& out, const Hostile& hostile) { return out << hostile.name; }

class HostileHead : public testing::TestWithParam<Hostile> {};
TEST_P(HostileHead, IsRefused) { EXPECT_EQ(status_of(GetParam().head), GetParam().status); }

std::string get(const std::string& fields) { return "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"; }
std::string at(const std::string& target) { return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"; }

INSTANTIATE_TEST_SUITE_P(
    Table, HostileHead,
    testing::Values(
        Hostile{"LengthAndCoding", get("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400},
        Hostile{"CodingAndLength", get("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400},
        Hostile{"TwoLengths", get("Content-Length: 5\r\nContent-Length: 6\r\n"), 400},
        Hostile{"TwoEqualLengths", get("Content-Length: 5\r\nContent-Length: 5\r\n"), 400},
        Hostile{"LengthList", get("Content-Length: 5, 5\r\n"), 400},
        Hostile{"SignedLength", get("Content-Length: +5\r\n"), 400},
        Hostile{"NegativeLength", get("Content-Length: -1\r\n"), 400},
        Hostile{"HexLength", get("Content-Length: 0x5\r\n"), 400},
        Hostile{"HugeLength", get("Content-Length: 99999999999999999999999\r\n"), 400},
        Hostile{"EmptyLength", get("Content-Length: \r\n"), 400},
        Hostile{"TwoCodings", get("Transfer-Encoding: gzip, chunked\r\n"), 501},
        Hostile{"ChunkedTwice", get("Transfer-Encoding: chunked, chunked\r\n"), 501},
        Hostile{"UnknownCoding", get("Transfer-Encoding: xchunked\r\n"), 501},
        Hostile{"DoubledCoding", get("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), 400},
        Hostile{"ChunksIn10", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        Hostile{"BareLf", "GET / HTTP/1.1\nHost: a\n\r\n\r\n", 400},
        Hostile{"BareLfInField", get("X: a\nY: b\r\n"), 400}, Hostile{"BareCrInField", get("X: a\rY: b\r\n"), 400},
        Hostile{"Folded", get("X: a\r\n b\r\n"), 400}, Hostile{"FoldedByTab", get("X: a\r\n\tb\r\n"), 400},
        Hostile{"SpaceBeforeColon", get("X : a\r\n"), 400}, Hostile{"NoColon", get("X a\r\n"), 400},
        Hostile{"EmptyName", get(": a\r\n"), 400}, Hostile{"NulInValue", get(std::string("X: a\0b\r\n", 8)), 400},
        Hostile{"TwoHosts", get("Host: b\r\n"), 400},
        Hostile{"TwoTokens", get("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), 400},
        Hostile{"Http2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505}, Hostile{"Http09", "GET /\r\n\r\n", 400},
        Hostile{"LeadingEmptyLine", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        Hostile{"SpacesInTarget", at("/a b"), 505}, Hostile{"DotDot", at("/models/../x"), 400},
        Hostile{"EscapedDotDot", at("/models/%2e%2E/x"), 400}, Hostile{"Dot", at("/./models"), 400},
        Hostile{"EscapedNul", at("/models/a%00b"), 400}, Hostile{"EscapedNewline", at("/models/a%0d%0ab"), 400},
        Hostile{"BrokenEscape", at("/models/%zz"), 400}, Hostile{"CutEscape", at("/models/%2"), 400},
        Hostile{"OverlongSlash", at("/models/%c0%af"), 400}, Hostile{"Surrogate", at("/models/%ed%a0%80"), 400},
        Hostile{"AbsoluteWithoutHost", at("http:///"), 400}, Hostile{"OtherScheme", at("ftp://a/"), 400},
        Hostile{"TwoOrigins", get("Origin: http://a\r\nOrigin: http://b\r\n"), 400}, Hostile{"Asterisk", at("*"), 400},
        Hostile{"Fragment", at("/a#b"), 400}, Hostile{"BrokenQuery", at("/?a=%f"), 400},
        Hostile{"UnknownExpectation", get("Expect: miracles\r\n"), 417}),
    [](const auto& hostile) { return hostile.param.name; });

TEST(HttpHead, BoundsTheNumberOfFields) {
  std::string fields;
  for (int i = 0; i < 99; ++i) fields += "X: a\r\n";
  EXPECT_EQ(status_of(get(fields)), 200);
  EXPECT_EQ(status_of(get(fields + "X: a\r\n")), 431);
}

TEST(HttpHead, DecodesOnceAndBySegment) {
  EXPECT_EQ(decode_path("/a/b%2Fc"), (std::vector<std::string>{"a", "b/c"}));
  EXPECT_EQ(decode_path("/%252e%252e"), (std::vector<std::string>{"%2e%2e"}));
  EXPECT_EQ(decode_path("/"), (std::vector<std::string>{""}));
  EXPECT_EQ(decode_path("/a+b"), (std::vector<std::string>{"a+b"}));
  EXPECT_EQ(decode_path("/%C3%A4"), (std::vector<std::string>{"ä"}));
}

}  // namespace
}  // namespace modelfloat::server
