#include "modelfloat/store/http/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/base/error.h"

namespace modelfloat::test {
namespace {

using store::http::encode_form;
using store::http::parse_url;
using store::http::percent_decode;
using store::http::percent_encode;
using store::http::Url;
using testing::HasSubstr;
using testing::Not;

TEST(UrlTest, EncodesAllButUnreservedCharacters) {
  EXPECT_EQ(percent_encode("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(percent_encode("a b+c&d=e/é%"), "a%20b%2Bc%26d%3De%2F%C3%A9%25");
  EXPECT_EQ(percent_encode("a/b c", true), "a/b%20c");
  EXPECT_EQ(percent_encode(std::string_view("\0\xff", 2)), "%00%FF");
  EXPECT_EQ(percent_encode(""), "");
}

TEST(UrlTest, DecodesWhatItEncoded) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
  EXPECT_EQ(percent_decode("a%2fb%2Fc+d"), "a/b/c+d");
}

TEST(UrlTest, RefusesAPercentWithoutDigits) {
  for (const char* text : {"%", "a%2", "%g0", "%0g", "%%20", "x%"}) EXPECT_THROW(percent_decode(text), Error) << text;
}

TEST(UrlTest, MakesForms) {
  EXPECT_EQ(encode_form({{"a", "1"}, {"b c", "x&y"}, {"empty", ""}}), "a=1&b%20c=x%26y&empty=");
  EXPECT_EQ(encode_form({}), "");
}

TEST(UrlTest, TakesAUrlApart) {
  const Url url = parse_url("HTTPS://Host.Example:8443/a/b%20c?x=1&y=2#part");
  EXPECT_EQ(url.scheme, "https");
  EXPECT_EQ(url.host, "host.example");
  EXPECT_EQ(url.port, 8443U);
  EXPECT_EQ(url.path, "/a/b%20c");
  EXPECT_EQ(url.query, "x=1&y=2");
  EXPECT_EQ(url.authority(), "host.example:8443");
  EXPECT_EQ(url.root(), "https://host.example:8443");
}

TEST(UrlTest, PartsMayBeMissing) {
  const Url plain = parse_url("http://host");
  EXPECT_EQ(plain.port, 0U);
  EXPECT_EQ(plain.path, "");
  EXPECT_EQ(plain.query, "");
  EXPECT_EQ(plain.root(), "http://host");
  EXPECT_EQ(parse_url("http://host?q").query, "q");
  EXPECT_EQ(parse_url("http://host?q").path, "");
  EXPECT_EQ(parse_url("http://host/#x").path, "/");
}

TEST(UrlTest, ReadsAddressesOfIpv6) {
  EXPECT_EQ(parse_url("http://[::1]:80/x").host, "[::1]");
  EXPECT_EQ(parse_url("http://[::1]:80/x").port, 80U);
  EXPECT_EQ(parse_url("http://[FE80::1]").root(), "http://[fe80::1]");
}

TEST(UrlTest, RefusesWhatIsNoHttpUrl) {
  for (const char* text :
       {"", "host/path", "ftp://host/", "http:/host", "http://", "http:///path", "http://host:/", "http://host:0/",
        "http://host:65536/", "http://host:8x/", "http://ho st/", "http://host/a\nb", "http://host\\evil/",
        "http://ho%41st/", "http://::1/", "http://<host>/"}) {
    try {
      parse_url(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind, ErrorKind::invalid) << text;
    }
  }
}

TEST(UrlTest, RefusesSecretsAndDoesNotRepeatThem) {
  for (const char* text : {"https://user:secret@host/", "https://secret@host/", "https://host:secret/"}) {
    try {
      parse_url(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), Not(HasSubstr("secret")));
    }
  }
}

}  // namespace
}  // namespace modelfloat::test
