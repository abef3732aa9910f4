#include <gtest/gtest.h>

#include "modelfloat/base/error.h"
#include "modelfloat/store/host_domain.h"
#include "modelfloat/store/s3/address.h"

namespace modelfloat::test {
namespace {

TEST(S3AddressTest, TakesTheBucketFromThePath) {
  const auto address = store::s3::parse_address("http://127.0.0.1:9000/models/a/b%20c/");
  EXPECT_EQ(address.server.root(), "http://127.0.0.1:9000");
  EXPECT_EQ(address.bucket, "models");
  EXPECT_EQ(address.prefix, "a/b c");
  EXPECT_EQ(address.region, "us-east-1");
  EXPECT_FALSE(address.is_virtual());
  EXPECT_EQ(address.text(), "http://127.0.0.1:9000/models/a/b%20c");
}

TEST(S3AddressTest, OneBucketHasOneAddress) {
  const std::pair<const char*, const char*> table[] = {
      {"https://models.s3.eu-central-1.amazonaws.com/x", "https://s3.eu-central-1.amazonaws.com/models/x"},
      {"https://my.models.s3.amazonaws.com", "https://s3.amazonaws.com/my.models"},
      {"https://s3-models.s3.eu-west-1.amazonaws.com/", "https://s3.eu-west-1.amazonaws.com/s3-models"},
      {"https://models.s3.eu-central-1.wasabisys.com/x", "https://s3.eu-central-1.wasabisys.com/models/x"},
      {"https://models.0123abc.r2.cloudflarestorage.com/x", "https://0123abc.r2.cloudflarestorage.com/models/x"},
      {"https://models.nyc3.digitaloceanspaces.com/x", "https://nyc3.digitaloceanspaces.com/models/x"},
      {"https://s3.eu-central-003.backblazeb2.com/models//x//", "https://s3.eu-central-003.backblazeb2.com/models/x"},
      {"HTTPS://S3.Example.org:443/models", "https://s3.example.org/models"},
      {"https://models.s3.example.org/models2",
       "https://models.s3.example.org/models2"},  // only known hosts are spelled so
  };
  for (const auto& [text, canonical] : table) {
    EXPECT_EQ(store::s3::parse_address(text).text(), canonical);
    EXPECT_EQ(store::s3::parse_address(canonical).text(), canonical);
  }
}

TEST(S3AddressTest, FindsTheRegionInTheHost) {
  const std::pair<const char*, const char*> table[] = {
      {"https://s3.eu-central-1.amazonaws.com/models", "eu-central-1"},
      {"https://s3.dualstack.eu-central-1.amazonaws.com/models", "eu-central-1"},
      {"https://s3-eu-west-1.amazonaws.com/models", "eu-west-1"},
      {"https://models.s3.cn-north-1.amazonaws.com.cn", "cn-north-1"},
      {"https://s3.amazonaws.com/models", "us-east-1"},
      {"https://s3.wasabisys.com/models", "us-east-1"},
      {"https://s3.us-west-004.backblazeb2.com/models", "us-west-004"},
      {"https://s3.fr-par.scw.cloud/models", "fr-par"},
      {"https://s3.gra.io.cloud.ovh.net/models", "gra"},
      {"https://0123abc.r2.cloudflarestorage.com/models", "auto"},
      {"https://nyc3.digitaloceanspaces.com/models", "nyc3"},
      {"https://minio.example.org/models", "us-east-1"},
  };
  for (const auto& [text, region] : table) EXPECT_EQ(store::s3::parse_address(text).region, region) << text;
}

TEST(S3AddressTest, AmazonsBucketsAreInTheHostUnlessTheyHaveDots) {
  EXPECT_TRUE(store::s3::parse_address("https://s3.eu-central-1.amazonaws.com/models").is_virtual());
  EXPECT_FALSE(store::s3::parse_address("https://s3.eu-central-1.amazonaws.com/my.models").is_virtual());
  EXPECT_FALSE(store::s3::parse_address("https://evilamazonaws.com/models").is_virtual());
  EXPECT_EQ(store::s3::amazon_host("eu-west-1"), "s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(store::s3::amazon_host("cn-north-1"), "s3.cn-north-1.amazonaws.com.cn");
}

TEST(S3AddressTest, RefusesWhatIsNoBucket) {
  for (const char* text :
       {"", "host/bucket", "https://host", "https://host/", "https://host/ab", "https://host/a%2Fb%2Fc",
        "https://host/bucket/../x", "https://host/bucket/./x", "https://host/bucket?x", "https://host/bucket#x",
        "https://user:secret@host/bucket", "https://host/bucket/%00", "https://host/bucket/%zz", "ftp://host/bucket"}) {
    EXPECT_THROW(store::s3::parse_address(text), Error) << text;
  }
}

TEST(HostDomainTest, KnowsCompanies) {
  EXPECT_EQ(store::host_domain("s3.eu-central-1.amazonaws.com"), "amazon");
  EXPECT_EQ(store::host_domain("s3.us-west-004.backblazeb2.com"), "backblaze");
  EXPECT_EQ(store::host_domain("abc.r2.cloudflarestorage.com"), "cloudflare");
  EXPECT_EQ(store::host_domain("storage.googleapis.com"), "google");
  EXPECT_EQ(store::host_domain("cloud.example.org"), "cloud.example.org");
  EXPECT_EQ(store::host_domain("evilamazonaws.com"), "evilamazonaws.com");
  EXPECT_EQ(store::host_domain("amazonaws.com.example.org"), "amazonaws.com.example.org");
}

}  // namespace
}  // namespace modelfloat::test
