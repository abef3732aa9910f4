#include "modelfloat/store/xml_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/base/error.h"
#include "modelfloat/store/s3/reply.h"

namespace modelfloat::test {
namespace {

using store::XmlReader;
using testing::ElementsAre;

// What was opened and closed, in order; fed in pieces of this size.
std::vector<std::string> read(std::string_view xml, std::size_t piece = 1 << 20) {
  std::vector<std::string> events;
  XmlReader reader(
      "test", [&](std::string_view name) { events.push_back("<" + std::string(name)); },
      [&](std::string_view name, std::string_view text) {
        events.push_back(std::string(name) + "=" + std::string(text));
      });
  for (std::size_t at = 0; at < xml.size(); at += piece) reader.feed(as_bytes(xml.substr(at, piece)));
  reader.finish();
  return events;
}

ErrorKind kind_of_failure(const std::string& xml) {
  try {
    read(xml);
  } catch (const Error& error) {
    return error.kind;
  }
  return ErrorKind::internal;
}

TEST(XmlReaderTest, GivesNamesAndTexts) {
  const std::string xml =
      "<?xml version=\"1.0\"?><D:a xmlns:D=\"DAV:\"><D:b>one&amp;<c/>two</D:b><e xmlns=\"x\"><![CDATA[<&>]]></e></D:a>";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, xml.size()}) {
    EXPECT_THAT(read(xml, piece), ElementsAre("<a", "<b", "<c", "c=", "b=one&two", "<e", "e=<&>", "a="));
  }
}

TEST(XmlReaderTest, RefusesWhatIsNotWhole) {
  for (const char* xml : {"", " ", "<a>", "<a></b>", "<a/><b/>", "<a", "text", "<html><br></html>", "{\"a\": 1}"})
    EXPECT_EQ(kind_of_failure(xml), ErrorKind::transient) << xml;
}

TEST(XmlReaderTest, RefusesEntitiesAndFloods) {
  EXPECT_EQ(kind_of_failure("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>"), ErrorKind::transient);
  EXPECT_EQ(kind_of_failure("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>"), ErrorKind::transient);
  EXPECT_EQ(kind_of_failure("<a>" + std::string(70'000, 'x') + "</a>"), ErrorKind::transient);
  std::string deep;
  for (int i = 0; i < 65; ++i) deep += "<a>";
  EXPECT_EQ(kind_of_failure(deep), ErrorKind::transient);
}

TEST(XmlReaderTest, WhatACallbackThrowsComesOut) {
  XmlReader reader(
      "test", [](std::string_view) { throw Error(ErrorKind::cancelled, "callback", "no"); },
      [](std::string_view, std::string_view) {});
  EXPECT_THROW(reader.feed(as_bytes("<a/>")), Error);
}

TEST(S3ReplyTest, ReadsAPage) {
  const auto page = store::s3::read_page(
      as_bytes("<ListBucketResult "
               "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name><EncodingType>url</"
               "EncodingType><IsTruncated>true</IsTruncated>"
               "<Contents><Key>a%20b+c</Key><ETag>&quot;0123&quot;</"
               "ETag><Size>18446744073709551615</Size><Owner><ID>x</ID></Owner></Contents>"
               "<NextContinuationToken>t==</NextContinuationToken></ListBucketResult>"),
      "test");
  ASSERT_EQ(page.entries.size(), 1U);
  EXPECT_EQ(page.entries[0].key, "a b c");
  EXPECT_EQ(page.entries[0].size_bytes, UINT64_MAX);
  EXPECT_EQ(page.entries[0].etag, "0123");
  EXPECT_EQ(page.next, "t==");
}

TEST(S3ReplyTest, TroubleIsNeverThrown) {
  const auto trouble_of = [](std::string_view body) {
    return store::s3::read_trouble({.status = 400, .headers = {}, .body = to_bytes(body)});
  };
  EXPECT_EQ(trouble_of("<Error><Code>NoSuchKey</Code><Message>m</Message><Region>r</Region></Error>").code,
            "NoSuchKey");
  EXPECT_EQ(trouble_of("<Other><Code>NoSuchKey</Code></Other>").code, "");
  EXPECT_EQ(trouble_of("<Error><Code>NoSuchKey</Code>").code, "");
  EXPECT_EQ(trouble_of("").code, "");
}

TEST(S3ReplyTest, WordsOfTheServerAreShortAndPrintable) {
  const store::s3::Trouble trouble{"Odd\x1b", std::string(5000, 'w') + "\n", ""};
  const Error error =
      store::s3::api_error({.status = 400, .headers = {}, .body = {}}, trouble, "x", "cannot", UtcTime{});
  EXPECT_LT(std::string_view(error.what()).size(), 300U);
  EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("\x1b")));
}

}  // namespace
}  // namespace modelfloat::test
