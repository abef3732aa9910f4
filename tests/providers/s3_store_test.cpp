// Against SeaweedFS, and through a proxy (tests/servers/s3.py).

#include <fstream>

#include "providers/s3_fixture.h"
#include "support/fake_clock.h"
#include "support/fixed_random.h"
#include "support/temporary_folder.h"
#include "support/thrown.h"
#include <gmock/gmock.h>

#include "modelfloat/crypto/hash.h"

namespace modelfloat::test {
namespace {

using namespace s3;
using store::StoreSettings;
using testing::HasSubstr;
using testing::Not;

INSTANTIATE_TEST_SUITE_P(S3, StoreSuite,
                         testing::Values(StoreCase{.name = "seaweedfs",
                                                   .make =
                                                       [] {
                                                         return ProviderHome::in_fresh_folder(
                                                             "s3:" + bucket_url("MODELFLOAT_TEST_S3") + "/",
                                                             settings_of());
                                                       },
                                                   .missing = unless_set("MODELFLOAT_TEST_S3"),
                                                   .tells_used_bytes = false}),
                         name_of_case);

INSTANTIATE_TEST_SUITE_P(S3Second, StoreSuite,
                         testing::Values(StoreCase{.name = "versitygw",
                                                   .make =
                                                       [] {
                                                         return ProviderHome::in_fresh_folder(
                                                             "s3:" + bucket_url("MODELFLOAT_TEST_S3_SECOND") + "/",
                                                             settings_of());
                                                       },
                                                   .missing = server_variable("MODELFLOAT_TEST_S3_SECOND")
                                                                  ? ""
                                                                  : "a second judge, built only for ./test --nightly",
                                                   .tells_used_bytes = false}),
                         name_of_case);

// In parts, whatever is longer than a part.
class PartsHome final : public StoreHome {
 public:
  std::unique_ptr<store::Store> open() override { return open(folder_); }
  std::unique_ptr<store::Store> open_namesake() override { return open(in_other_case(folder_)); }

 private:
  std::unique_ptr<store::Store> open(const std::string& folder) {
    return store::make_s3_store(bucket_url("MODELFLOAT_TEST_S3") + "/" + store::http::percent_encode(folder),
                                settings_of(), context_.context(),
                                {.single_put_bytes = std::uint64_t{5} << 20, .part_bytes = std::uint64_t{5} << 20});
  }

  const std::string folder_ = fresh_folder();
  RealContext context_;
};

INSTANTIATE_TEST_SUITE_P(S3Parts, StoreSuite,
                         testing::Values(StoreCase{.name = "seaweedfs",
                                                   .make = [] { return std::make_unique<PartsHome>(); },
                                                   .missing = unless_set("MODELFLOAT_TEST_S3"),
                                                   .tells_used_bytes = false}),
                         name_of_case);

TEST_F(S3StoreTest, APutOfWhatIsThereIsConditionalAndChangesNothing) {
  const Bytes bytes = random_bytes(1000);
  store_->put(shard_name(1), bytes, k_no_deadline);
  store_->put(shard_name(1), bytes, k_no_deadline);
  const auto puts = proxy_->log("PUT");
  ASSERT_EQ(puts.size(), 2U);
  EXPECT_EQ(puts[0].headers.at("if-none-match"), "*");
  EXPECT_EQ(puts[0].status, 200);
  EXPECT_EQ(puts[1].status, 412);
}

TEST_F(S3StoreTest, AServerThatIgnoresTheConditionIsFine) {
  direct_->put(shard_name(1), random_bytes(1000, 1), k_no_deadline);
  const Bytes bytes = random_bytes(1000, 2);
  // What stands there differs, and the server says 412 to the second try as well, as one that
  // treats every put so.
  proxy_->add(R"({"method": "PUT", "fault": "answer", "status": 409})");
  store_->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_TRUE(equal(*direct_->get(shard_name(1), k_all, k_no_deadline), bytes));
}

TEST_F(S3StoreTest, AServerThatRefusesHeadersGetsPlainPuts) {
  for (
      const char* answer :
      {R"("status": 501, "body": "<Error><Code>NotImplemented</Code><Message>A header you provided implies functionality that is not implemented</Message></Error>"})",
       R"("status": 400, "body": "<Error><Code>InvalidArgument</Code><Message>Unsupported header 'x-amz-checksum-sha256' received for this API call.</Message></Error>"})"}) {
    proxy_->clear();
    proxy_->add(std::string(R"({"method": "PUT", "fault": "answer", )") + answer);
    const auto store = make(bucket_url("MODELFLOAT_TEST_S3_PROXY") + "/" + home_);
    const Bytes bytes = random_bytes(1000);
    store->put(shard_name(1), bytes, k_no_deadline);
    store->put(shard_name(1), bytes, k_no_deadline);
    EXPECT_EQ(store->get(shard_name(1), k_all, k_no_deadline), bytes);
    const auto puts = proxy_->log("PUT");
    ASSERT_EQ(puts.size(), 3U);  // it is remembered
    EXPECT_TRUE(puts[0].headers.contains("if-none-match"));
    for (const std::size_t i : {std::size_t{1}, std::size_t{2}}) {
      EXPECT_FALSE(puts[i].headers.contains("if-none-match"));
      EXPECT_FALSE(puts[i].headers.contains("x-amz-checksum-sha256"));
    }
  }
}

TEST_F(S3StoreTest, AServerThatRefusesHeadersIsStillLookedAt) {
  direct_->put(shard_name(1), random_bytes(1000), k_no_deadline);
  proxy_->add(R"({"method": "HEAD", "fault": "answer", "status": 400})");
  EXPECT_EQ(store_->stat(shard_name(1), k_no_deadline)->size_bytes, 1000U);
  EXPECT_EQ(store_->stat(shard_name(1), k_no_deadline)->size_bytes, 1000U);
  const auto looks = proxy_->log("HEAD");
  ASSERT_EQ(looks.size(), 3U);
  EXPECT_TRUE(looks[0].headers.contains("x-amz-checksum-mode"));
  EXPECT_FALSE(looks[2].headers.contains("x-amz-checksum-mode"));
}

TEST_F(S3StoreTest, AnotherBadRequestIsNoReasonForPlainPuts) {
  proxy_->add(
      R"({"method": "PUT", "fault": "answer", "status": 400, "body": "<Error><Code>InvalidArgument</Code><Message>no</Message></Error>"})");
  EXPECT_EQ(kind_thrown([&] { store_->put(shard_name(1), random_bytes(10), k_no_deadline); }), ErrorKind::invalid);
  EXPECT_EQ(proxy_->log("PUT").size(), 1U);
}

TEST_F(S3StoreTest, AWrongClockIsSetRightByTheServers) {
  FakeClock wrong(context_.context().clock.utc_now() - std::chrono::hours(50));
  SystemRandom random;
  store::MemoryVault vault;
  const auto late =
      store::make_s3_store(bucket_url("MODELFLOAT_TEST_S3_PROXY") + "/" + home_, settings_of(), {wrong, random, vault});
  const Bytes bytes = random_bytes(1000);
  late->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_EQ(late->get(shard_name(1), k_all, k_no_deadline), bytes);
  EXPECT_EQ(proxy_->log("PUT").size(), 2U);  // refused once
  EXPECT_EQ(proxy_->log("GET").size(), 1U);
}

TEST_F(S3StoreTest, ABucketInAnotherRegionIsFound) {
  // The server takes any region, so the proxy says what Amazon would.
  proxy_->add(
      R"({"method": "GET", "fault": "answer", "status": 400, "body": "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-central-1</Region></Error>"})");
  StoreSettings settings = settings_of();
  ListeningDialogue dialogue;
  store::prepare_new_store("s3:" + bucket_url("MODELFLOAT_TEST_S3_PROXY"), settings, context_.context(), dialogue,
                           k_no_deadline);
  EXPECT_EQ(settings.credentials.find("region"), "eu-central-1");
  proxy_->clear();
  proxy_->add(
      R"({"method": "HEAD", "fault": "answer", "status": 301, "headers": {"x-amz-bucket-region": "eu-west-2"}})");
  EXPECT_FALSE(store_->stat(shard_name(1), k_no_deadline));
  EXPECT_EQ(proxy_->log("HEAD").size(), 2U);
}

TEST_F(S3StoreTest, ARegionThatNeverFitsIsGivenUp) {
  proxy_->add(
      R"({"times": 0, "method": "HEAD", "fault": "answer", "status": 301, "headers": {"x-amz-bucket-region": "eu-west-2"}})");
  EXPECT_EQ(kind_thrown([&] { store_->stat(shard_name(1), k_no_deadline); }), ErrorKind::invalid);
  EXPECT_LE(proxy_->log("HEAD").size(), 3U);
}

TEST_F(S3StoreTest, AMissingBucketIsOfflineAndNotEmpty) {
  const auto nowhere = make(*server_variable("MODELFLOAT_TEST_S3") + "/no-such-bucket/x");
  EXPECT_EQ(kind_thrown([&] { nowhere->list("", [](const store::ObjectInfo&) {}, k_no_deadline); }),
            ErrorKind::offline);
  EXPECT_EQ(kind_thrown([&] { nowhere->get(shard_name(1), k_all, k_no_deadline); }), ErrorKind::offline);
  EXPECT_EQ(kind_thrown([&] { nowhere->stat(shard_name(1), k_no_deadline); }), ErrorKind::offline);
  EXPECT_EQ(kind_thrown([&] { nowhere->space(k_no_deadline); }), ErrorKind::offline);
  // A put is not tried: this server makes the bucket. What Amazon would say to one is in
  // EachTroubleHasItsKind.
}

TEST_F(S3StoreTest, AWrongSecretIsDenied) {
  StoreSettings wrong = settings_of();
  wrong.credentials.set("secret_key", "very-wrong-secret");
  const auto store = make(bucket_url("MODELFLOAT_TEST_S3"), wrong);
  for (const auto& error : {thrown_by([&] { store->list("", [](const store::ObjectInfo&) {}, k_no_deadline); }),
                            thrown_by([&] { store->stat(shard_name(1), k_no_deadline); }),
                            thrown_by([&] { store->put(shard_name(1), random_bytes(10), k_no_deadline); })}) {
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, ErrorKind::denied);
    EXPECT_THAT(error->what(), Not(HasSubstr("very-wrong-secret")));
  }
}

TEST_F(S3StoreTest, ListsChecksumsThatAreTrue) {
  const Bytes bytes = random_bytes(300'000);
  direct_->put(shard_name(1), bytes, k_no_deadline);
  const auto info = direct_->stat(shard_name(1), k_no_deadline);
  EXPECT_EQ(info->checksum, "sha256:" + to_hex(crypto::sha256(bytes)));
  std::optional<std::string> listed;
  direct_->list("", [&](const store::ObjectInfo& one) { listed = one.checksum; }, k_no_deadline);
  ASSERT_TRUE(listed);
  // What md5sum says of the same bytes.
  const TemporaryFolder folder;
  std::ofstream(folder / "object", std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  ASSERT_EQ(std::system(("md5sum " + (folder / "object").string() + " > " + (folder / "sum").string()).c_str()),
            0);  // NOLINT(concurrency-mt-unsafe)
  std::string sum;
  std::ifstream(folder / "sum") >> sum;
  EXPECT_EQ(listed, "md5:" + sum);
}

TEST_F(S3StoreTest, PassesOverWhatIsNotOurs) {
  const auto above = make(bucket_url("MODELFLOAT_TEST_S3") + "/" + home_ + "/mf1/shard");
  above->put(shard_name(5), random_bytes(10), k_no_deadline);  // HOME/mf1/shard/mf1/shard/..
  direct_->put(shard_name(6), random_bytes(10), k_no_deadline);
  std::vector<std::string> paths;
  direct_->list("", [&](const store::ObjectInfo& info) { paths.push_back(info.name.path()); }, k_no_deadline);
  EXPECT_THAT(paths, testing::ElementsAre(shard_name(6).path()));
}

TEST_F(S3StoreTest, APrefixMayHaveAnyLetters) {
  const auto store = make(bucket_url("MODELFLOAT_TEST_S3") + "/" + home_ + "/a%20b%2Bc%26d=%C3%A9");
  const Bytes bytes = random_bytes(1000);
  store->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_EQ(store->get(shard_name(1), k_all, k_no_deadline), bytes);
  std::size_t count = 0;
  store->list("mf1/", [&](const store::ObjectInfo&) { ++count; }, k_no_deadline);
  EXPECT_EQ(count, 1U);
}

// What curl, which signs by itself, wrote and reads.
TEST_F(S3StoreTest, SharesObjectsWithAnotherClient) {
  const TemporaryFolder folder;
  const auto curl = [&](const std::string& options, const ObjectName& name) {
    const std::string command =
        "curl --silent --fail --noproxy '*' --aws-sigv4 aws:amz:us-east-1:s3 --user "
        "\"$MODELFLOAT_TEST_S3_ACCESS_KEY:$MODELFLOAT_TEST_S3_SECRET_KEY\" " +
        options + " " + bucket_url("MODELFLOAT_TEST_S3") + "/" + home_ + "/" + name.path();
    return std::system(command.c_str());  // NOLINT(concurrency-mt-unsafe)
  };
  const Bytes bytes = random_bytes(200'000);
  std::ofstream(folder / "in", std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  ASSERT_EQ(curl("--upload-file " + (folder / "in").string(), shard_name(1)), 0);
  EXPECT_TRUE(equal(*direct_->get(shard_name(1), k_all, k_no_deadline), bytes));
  direct_->put(shard_name(2), bytes, k_no_deadline);
  ASSERT_EQ(curl("--output " + (folder / "out").string(), shard_name(2)), 0);
  std::ifstream out(folder / "out", std::ios::binary);
  const std::string back((std::istreambuf_iterator<char>(out)), std::istreambuf_iterator<char>());
  EXPECT_TRUE(equal(as_bytes(back), bytes));
}

TEST_F(S3StoreTest, SharesObjectsWithRclone) {
  const TemporaryFolder folder;
  const auto rclone = [&](const std::string& arguments) {
    const std::string command = "RCLONE_CONFIG=" + (folder / "rclone.conf").string() +
                                " RCLONE_CONFIG_IT_TYPE=s3 RCLONE_CONFIG_IT_PROVIDER=Other NO_PROXY=127.0.0.1 "
                                "RCLONE_CONFIG_IT_ENDPOINT=$MODELFLOAT_TEST_S3"
                                " RCLONE_CONFIG_IT_ACCESS_KEY_ID=\"$MODELFLOAT_TEST_S3_ACCESS_KEY\" "
                                "RCLONE_CONFIG_IT_SECRET_ACCESS_KEY=\"$MODELFLOAT_TEST_S3_SECRET_KEY\""
                                " \"$MODELFLOAT_TEST_RCLONE\" --retries 1 " +
                                arguments;
    return std::system(command.c_str());  // NOLINT(concurrency-mt-unsafe)
  };
  const std::string remote = "it:" + *server_variable("MODELFLOAT_TEST_S3_BUCKET") + "/" + home_;
  const Bytes bytes = random_bytes(200'000);
  for (std::uint64_t i = 0; i < 20; ++i) direct_->put(shard_name(i), ByteSpan(bytes).subspan(i), k_no_deadline);
  // Checks sizes and MD5 sums.
  ASSERT_EQ(rclone("copy " + remote + " " + (folder / "all").string()), 0);
  ASSERT_EQ(rclone("copy " + (folder / "all").string() + " " + remote + "/again"), 0);
  const auto again = make(bucket_url("MODELFLOAT_TEST_S3") + "/" + home_ + "/again");
  for (std::uint64_t i = 0; i < 20; ++i)
    EXPECT_TRUE(equal(*again->get(shard_name(i), k_all, k_no_deadline), ByteSpan(bytes).subspan(i)));
}

}  // namespace
}  // namespace modelfloat::test
