#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/store/s3/signature.h"

namespace modelfloat::test {
namespace {

using testing::HasSubstr;

const UtcTime k_day = from_unix_seconds(1'369'353'600);  // Fri, 24 May 2013 00:00:00 GMT

std::string value_of(const store::http::Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

// The four examples of the page that store/s3/signature.h names, with its keys.
std::string authorization(std::string method, std::string path, std::string query, store::http::Headers headers,
                          std::string_view body = {}) {
  const store::s3::Keys keys{
      "AKIAIOSFODNN7EXAMPLE", crypto::SecretBytes(std::string_view("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")), {}};
  const store::s3::Call call{std::move(method),  "examplebucket.s3.amazonaws.com", std::move(path), std::move(query),
                             std::move(headers), crypto::sha256(as_bytes(body))};
  return value_of(store::s3::signed_headers(call, keys, "us-east-1", k_day), "Authorization");
}

TEST(S3SignatureTest, GivesThePublishedSignatures) {
  EXPECT_EQ(authorization("GET", "/test.txt", "", {{"Range", "bytes=0-9"}}),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  EXPECT_THAT(authorization("PUT", "/test%24file.text", "",
                            {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                            "Welcome to Amazon S3."),
              HasSubstr("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
  EXPECT_THAT(authorization("GET", "/", store::s3::canonical_query({{"lifecycle", ""}}), {}),
              HasSubstr("Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
  EXPECT_THAT(authorization("GET", "/", store::s3::canonical_query({{"prefix", "J"}, {"max-keys", "2"}}), {}),
              HasSubstr("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(S3SignatureTest, TheQueryIsSortedAndEncoded) {
  EXPECT_EQ(store::s3::canonical_query({{"b", "2"}, {"a b", "x/y+z"}, {"a", ""}, {"B", "é"}}),
            "B=%C3%A9&a=&a%20b=x%2Fy%2Bz&b=2");
  EXPECT_EQ(store::s3::canonical_query({}), "");
}

TEST(S3SignatureTest, ASessionTokenIsSentAndSigned) {
  const store::s3::Keys keys{"A", crypto::SecretBytes(std::string_view("S")),
                             crypto::SecretBytes(std::string_view("T"))};
  const auto headers =
      store::s3::signed_headers({"GET", "host", "/", "", {}, crypto::sha256({})}, keys, "eu-west-1", k_day);
  EXPECT_EQ(value_of(headers, "x-amz-security-token"), "T");
  EXPECT_EQ(value_of(headers, "x-amz-date"), "20130524T000000Z");
  EXPECT_EQ(value_of(headers, "x-amz-content-sha256"),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_THAT(value_of(headers, "Authorization"),
              HasSubstr("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"));
}

}  // namespace
}  // namespace modelfloat::test
