// Against Apache's mod_dav and rclone's server, and through a proxy (tests/servers/webdav.py).

#include <chrono>
#include <filesystem>
#include <fstream>

#include "providers/webdav_fixture.h"
#include "support/fixed_random.h"
#include "support/temporary_folder.h"
#include "support/thrown.h"
#include <gmock/gmock.h>

#include "modelfloat/store/wrap/retrying.h"

namespace modelfloat::test {
namespace {

using namespace webdav;
using store::StoreSettings;
using testing::HasSubstr;
using testing::Not;

// rclone answers 423 to a MOVE while another one to the same name is under way, which is for the
// wrapper to try again; and it takes the old file away before it moves the new one.
class PatientHome final : public StoreHome {
 public:
  explicit PatientHome(std::unique_ptr<StoreHome> home) : home_(std::move(home)) {}
  std::unique_ptr<store::Store> open() override { return made_patient(home_->open()); }
  std::unique_ptr<store::Store> open_namesake() override { return made_patient(home_->open_namesake()); }

 private:
  std::unique_ptr<store::Store> made_patient(std::unique_ptr<store::Store> store) {
    return store::make_retrying(std::move(store), {.attempts = 20, .first = Milliseconds(5)}, clock_, random_);
  }

  const std::unique_ptr<StoreHome> home_;
  SystemClock clock_;
  SystemRandom random_;
};

std::unique_ptr<ProviderHome> home_at(const char* variable, const std::string& folder) {
  return ProviderHome::in_fresh_folder("webdav:" + *server_variable(variable) + folder + "/", settings_of());
}

StoreCase apache_case() {
  return {.name = "apache",
          .make = [] { return home_at("MODELFLOAT_TEST_WEBDAV", "/basic/a/b%20c"); },
          .missing = unless_set("MODELFLOAT_TEST_WEBDAV"),
          .tells_used_bytes = false};
}

StoreCase digest_case() {
  const auto make = [] {
    auto home = home_at("MODELFLOAT_TEST_WEBDAV", "/digest");
    const auto on_disk = *server_variable("MODELFLOAT_TEST_WEBDAV_FOLDER") + "/digest/" + home->folder();
    return std::make_unique<HomeOnDisk>(std::move(home), on_disk);
  };
  return {.name = "apache_digest",
          .make = make,
          .missing = unless_set("MODELFLOAT_TEST_WEBDAV"),
          .tells_used_bytes = false};
}

// When a PUT is cut, it leaves what has come.
StoreCase rclone_case() {
  const auto make = [] { return std::make_unique<PatientHome>(home_at("MODELFLOAT_TEST_WEBDAV_RCLONE", "")); };
  return {.name = "rclone",
          .make = make,
          .missing = unless_set("MODELFLOAT_TEST_WEBDAV_RCLONE"),
          .tells_used_bytes = false,
          .replaces_at_once = false,
          .keeps_one_when_cut = false};
}

INSTANTIATE_TEST_SUITE_P(Webdav, StoreSuite, testing::Values(apache_case(), digest_case(), rclone_case()),
                         name_of_case);

TEST_F(WebdavStoreTest, APropertyThatTheServerLacksIsNotThere) {
  direct_->put(shard_name(1), random_bytes(10), k_no_deadline);
  // Properties under 404, as they come when asked for by name, do not count.
  proxy_->add(
      R"({"times": 0, "method": "PROPFIND", "fault": "replace", "pattern": "HTTP/1.1 404 Not Found", "with": "HTTP/1.1 403 Forbidden"})");
  EXPECT_EQ(store_->space(k_no_deadline).free_bytes, std::nullopt);
  EXPECT_EQ(store_->space(k_no_deadline).used_bytes, std::nullopt);
}

TEST_F(WebdavStoreTest, TellsTheQuota) {
  const auto with_quota = [&](const std::string& available) {
    proxy_->clear();
    proxy_->add(
        R"({"times": 0, "method": "PROPFIND", "fault": "replace", "pattern": "<D:propstat>", "with": "<D:propstat><D:prop><D:quota-available-bytes>)" +
        available +
        R"(</D:quota-available-bytes><D:quota-used-bytes>77</D:quota-used-bytes></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat><D:propstat>"})");
    return store_->space(k_no_deadline);
  };
  EXPECT_EQ(with_quota("1234567890123").free_bytes, 1'234'567'890'123U);
  EXPECT_EQ(with_quota("0").free_bytes, 0U);
  EXPECT_EQ(with_quota("0").used_bytes, 77U);
  EXPECT_EQ(with_quota("-3").free_bytes, std::nullopt);  // how Nextcloud says "without limit"
  EXPECT_EQ(with_quota("lots").free_bytes, std::nullopt);
}

TEST_F(WebdavStoreTest, HrefsMayBeSpelledInOtherWays) {
  direct_->put(shard_name(1), random_bytes(10), k_no_deadline);
  const auto whole = listed(*direct_);
  for (const char* rule : {R"("pattern": "<D:href>/basic", "with": "<D:href>http://another.host:81/basic")",
                           R"("pattern": "<D:href>/basic", "with": "<D:href>/behind/a/proxy/basic")",
                           R"("pattern": "<D:href>/basic/test-", "with": "<D:href>/%62asic/%74est-")"}) {
    proxy_->clear();
    proxy_->add(std::string(R"({"times": 0, "method": "PROPFIND", "fault": "replace", )") + rule + "}");
    EXPECT_EQ(listed(*store_), whole) << rule;
    EXPECT_EQ(store_->stat(shard_name(1), k_no_deadline)->size_bytes, 10U) << rule;
  }
}

TEST_F(WebdavStoreTest, APutOfWhatIsThereChangesNothing) {
  const Bytes bytes = random_bytes(1000);
  store_->put(shard_name(1), bytes, k_no_deadline);
  const auto before = std::filesystem::last_write_time(on_disk() / shard_name(1).path());
  store_->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_EQ(std::filesystem::last_write_time(on_disk() / shard_name(1).path()), before);
  const auto moves = proxy_->log("MOVE");
  ASSERT_EQ(moves.size(), 2U);
  EXPECT_EQ(moves[0].headers.at("overwrite"), "F");
  EXPECT_EQ(moves[1].status, 412);
  EXPECT_EQ(temporary_files(), 0U);
}

TEST_F(WebdavStoreTest, FoldersAreMadeOnce) {
  for (std::uint64_t i = 0; i < 5; ++i)
    store_->put(ObjectName::of(ObjectType::shard, FixedRandom(1).array<32>()), random_bytes(10, i), k_no_deadline);
  // mf1, shard, and one of 256: tried, made, tried again.
  EXPECT_LE(proxy_->log("MKCOL").size(), 6U);
}

TEST_F(WebdavStoreTest, FoldersThatOthersTookAwayAreMadeAgain) {
  store_->put(shard_name(1), random_bytes(10), k_no_deadline);
  std::filesystem::remove_all(on_disk() / "mf1");
  store_->put(shard_name(1), random_bytes(10), k_no_deadline);
  EXPECT_TRUE(direct_->stat(shard_name(1), k_no_deadline));
}

TEST_F(WebdavStoreTest, AMissingFolderIsOfflineAndNeverMadeByAPut) {
  store_->put(shard_name(1), random_bytes(10), k_no_deadline);
  std::filesystem::remove_all(on_disk());
  EXPECT_EQ(kind_thrown([&] { listed(*store_); }), ErrorKind::offline);
  EXPECT_EQ(kind_thrown([&] { store_->get(shard_name(1), k_all, k_no_deadline); }), ErrorKind::offline);
  EXPECT_EQ(kind_thrown([&] { store_->stat(shard_name(1), k_no_deadline); }), ErrorKind::offline);
  EXPECT_EQ(kind_thrown([&] { store_->remove(shard_name(1), k_no_deadline); }), ErrorKind::offline);
  EXPECT_EQ(kind_thrown([&] { store_->space(k_no_deadline); }), ErrorKind::offline);
  EXPECT_EQ(kind_thrown([&] { store_->put(shard_name(1), random_bytes(10), k_no_deadline); }), ErrorKind::offline);
  EXPECT_FALSE(std::filesystem::exists(on_disk()));
}

TEST_F(WebdavStoreTest, ADayOldTemporaryFileIsCleared) {
  store_->put(shard_name(1), random_bytes(10), k_no_deadline);
  const auto folder = (on_disk() / shard_name(1).path()).parent_path();
  const std::string digits(32, 'a');
  for (const auto& [name, hours] : {std::pair{"tmp-" + digits, 25}, std::pair{"tmp-" + std::string(32, 'b'), 1},
                                    std::pair{std::string("tmp-of-somebody"), 25}}) {
    std::ofstream(folder / name) << "left";
    std::filesystem::last_write_time(folder / name,
                                     std::filesystem::file_time_type::clock::now() - std::chrono::hours(hours));
  }
  std::filesystem::permissions(folder, std::filesystem::perms::all);
  EXPECT_EQ(listed(*store_).size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(folder / ("tmp-" + digits)));
  EXPECT_TRUE(std::filesystem::exists(folder / ("tmp-" + std::string(32, 'b'))));
  EXPECT_TRUE(std::filesystem::exists(folder / "tmp-of-somebody"));
}

TEST_F(WebdavStoreTest, RedirectsToTheSameThingAreFollowed) {
  const Bytes bytes = random_bytes(1000);
  direct_->put(shard_name(1), bytes, k_no_deadline);
  // As a server that has moved its folder: /old/... leads to /basic/...
  const auto moved = make(*server_variable("MODELFLOAT_TEST_WEBDAV_PROXY") + "/old" + folder_.substr(6));
  for (const std::string& path : {shard_name(1).path(), std::string()}) {
    std::string rule = R"({"times": 0, "target": "^/old.*)";
    rule.append(path)
        .append(R"(/?$", "fault": "answer", "status": 307, "headers": {"Location": ")")
        .append(folder_)
        .append("/")
        .append(path)
        .append(R"("}})");
    proxy_->add(rule);
  }
  EXPECT_EQ(moved->get(shard_name(1), k_all, k_no_deadline), bytes);
  EXPECT_EQ(moved->stat(shard_name(1), k_no_deadline)->size_bytes, 1000U);
}

TEST_F(WebdavStoreTest, CirclesOfRedirectsEnd) {
  proxy_->add(R"({"times": 0, "fault": "answer", "status": 301, "headers": {"Location": ")" + folder_ + R"(/"}})");
  EXPECT_EQ(kind_thrown([&] { listed(*store_); }), ErrorKind::invalid);
}

// A proxy that speaks TLS for the server makes it refuse its own address.
TEST_F(WebdavStoreTest, AServerThatDoesNotKnowItsAddressGetsAPath) {
  proxy_->add(R"({"method": "MOVE", "fault": "answer", "status": 502})");
  // Apache wants a whole URL.
  proxy_->add(R"({"times": 0, "method": "MOVE", "fault": "answer", "status": 201})");
  store_->put(shard_name(1), random_bytes(10), k_no_deadline);
  store_->put(shard_name(2), random_bytes(10), k_no_deadline);
  const auto moves = proxy_->log("MOVE");
  ASSERT_EQ(moves.size(), 3U);
  EXPECT_TRUE(moves[0].headers.at("destination").starts_with("http://"));
  EXPECT_TRUE(moves[1].headers.at("destination").starts_with("/basic/"));
  EXPECT_TRUE(moves[2].headers.at("destination").starts_with("/basic/"));
}

TEST_F(WebdavStoreTest, AWrongPasswordIsDenied) {
  for (const char* folder : {"/basic/x", "/digest/x"}) {
    StoreSettings wrong = settings_of();
    wrong.credentials.set("password", "very-wrong-secret");
    const auto store = make(*server_variable("MODELFLOAT_TEST_WEBDAV") + folder, wrong);
    const auto error = thrown_by([&] { listed(*store); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, ErrorKind::denied);
    EXPECT_THAT(error->what(), Not(HasSubstr("very-wrong-secret")));
  }
}

TEST_F(WebdavStoreTest, NoBodyGoesOutOnlyToHearOfALogin) {
  const std::string folder = "/digest/" + fresh_name();
  StoreSettings settings = settings_of();
  ListeningDialogue dialogue;
  store::prepare_new_store("webdav:" + *server_variable("MODELFLOAT_TEST_WEBDAV") + folder, settings,
                           context_.context(), dialogue, k_no_deadline);
  for (const std::string& place : {folder, folder_}) {
    proxy_->clear();
    make(*server_variable("MODELFLOAT_TEST_WEBDAV_PROXY") + place)
        ->put(shard_name(1), random_bytes(50'000), k_no_deadline);
    std::uint64_t sent = 0;
    for (const ProxiedCall& call : proxy_->log("PUT")) sent += call.body_bytes;
    EXPECT_EQ(sent, 50'000U) << place;
  }
}

TEST_F(WebdavStoreTest, ATokenIsSentAsOne) {
  proxy_->add(R"({"unless": {"authorization": "Bearer a-token"}, "times": 0, "fault": "answer", "status": 401})");
  proxy_->add(answer(507));  // Apache takes no tokens, so this is how we see that ours came
  for (const auto& [token, kind] :
       {std::pair{"a-token", ErrorKind::out_of_space}, std::pair{"another", ErrorKind::denied}}) {
    StoreSettings settings;
    settings.credentials.set("bearer", token);
    const auto store = make(*server_variable("MODELFLOAT_TEST_WEBDAV_PROXY") + folder_, settings);
    EXPECT_EQ(kind_thrown([&] { listed(*store); }), kind) << token;
  }
  EXPECT_EQ(proxy_->log().size(), 2U);  // nobody was asked which login is wanted
}

TEST_F(WebdavStoreTest, ObjectsAreFilesThatAnyClientReadsAndWrites) {
  const Bytes bytes = random_bytes(200'000);
  direct_->put(shard_name(1), bytes, k_no_deadline);
  const TemporaryFolder folder;
  const auto curl = [&](const std::string& options, const ObjectName& name) {
    return std::system(("curl --silent --fail --noproxy '*' --user "
                        "\"$MODELFLOAT_TEST_WEBDAV_USER:$MODELFLOAT_TEST_WEBDAV_PASSWORD\" " +
                        options + " " +  // NOLINT(concurrency-mt-unsafe)
                        *server_variable("MODELFLOAT_TEST_WEBDAV") + folder_ + "/" + name.path())
                           .c_str());
  };
  ASSERT_EQ(curl("--output " + (folder / "out").string(), shard_name(1)), 0);
  std::ifstream out(folder / "out", std::ios::binary);
  const std::string back((std::istreambuf_iterator<char>(out)), std::istreambuf_iterator<char>());
  EXPECT_TRUE(equal(as_bytes(back), bytes));
  direct_->remove(shard_name(1), k_no_deadline);
  ASSERT_EQ(curl("--output /dev/null --upload-file " + (folder / "out").string(), shard_name(1)), 0);
  EXPECT_TRUE(equal(*direct_->get(shard_name(1), k_all, k_no_deadline), bytes));
}

TEST_F(WebdavStoreTest, SharesObjectsWithRclone) {
  const TemporaryFolder folder;
  const auto rclone = [&](const std::string& arguments) {
    const std::string command =
        "RCLONE_CONFIG=" + (folder / "rclone.conf").string() +
        " RCLONE_CONFIG_IT_TYPE=webdav NO_PROXY=127.0.0.1 RCLONE_CONFIG_IT_URL=$MODELFLOAT_TEST_WEBDAV" + folder_ +
        " RCLONE_CONFIG_IT_USER=\"$MODELFLOAT_TEST_WEBDAV_USER\" RCLONE_CONFIG_IT_PASS=$(printf %s "
        "\"$MODELFLOAT_TEST_WEBDAV_PASSWORD\" | "
        "\"$MODELFLOAT_TEST_RCLONE\" obscure -) \"$MODELFLOAT_TEST_RCLONE\" --retries 1 " +
        arguments;
    return std::system(command.c_str());  // NOLINT(concurrency-mt-unsafe)
  };
  const Bytes bytes = random_bytes(200'000);
  for (std::uint64_t i = 0; i < 20; ++i) direct_->put(shard_name(i), ByteSpan(bytes).subspan(i), k_no_deadline);
  ASSERT_EQ(rclone("copy it: " + (folder / "all").string()), 0);
  ASSERT_EQ(rclone("copy " + (folder / "all").string() + " it:again"), 0);
  const auto again = make(*server_variable("MODELFLOAT_TEST_WEBDAV") + folder_ + "/again");
  for (std::uint64_t i = 0; i < 20; ++i)
    EXPECT_TRUE(equal(*again->get(shard_name(i), k_all, k_no_deadline), ByteSpan(bytes).subspan(i)));
}

TEST(WebdavAddressTest, OneFolderHasOneAddress) {
  EXPECT_EQ(store::canonical_url("webdav:HTTPS://Host.example:443/remote.php//dav/files/me/"),
            "webdav:https://host.example/remote.php/dav/files/me");
  EXPECT_EQ(store::canonical_url("webdav:https://host/a%20b/%c3%a9"), "webdav:https://host/a%20b/%C3%A9");
  EXPECT_EQ(store::canonical_url("webdav:https://host"), "webdav:https://host");
  for (const char* url : {"webdav:", "webdav:host/path", "webdav:https://user:secret@host/", "webdav:https://host/../x",
                          "webdav:https://host/a?b", "webdav:https://host/a#b", "webdav:https://host/a%2Fb"}) {
    EXPECT_THROW(store::canonical_url(url), Error) << url;
  }
  EXPECT_EQ(store::default_domain("webdav:https://cloud.example.org/dav", {}), "cloud.example.org");
}

}  // namespace
}  // namespace modelfloat::test
