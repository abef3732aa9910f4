// Google Drive: the suite of all stores, and what other clients read and write.

#include "modelfloat/store/drive/drive_store.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "providers/drive_server.h"
#include "support/fixed_random.h"
#include "support/plain_call.h"
#include "support/temporary_folder.h"
#include <gmock/gmock.h>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/store/drive/access_tokens.h"
#include "modelfloat/store/drive/address.h"

namespace modelfloat::test {
namespace {

std::unique_ptr<StoreHome> make_my_drive() {
  return ProviderHome::in_fresh_folder("drive:models of mine/", DriveServer().new_account());
}

std::unique_ptr<StoreHome> make_shared_drive() {
  std::string drive;
  const auto settings = DriveServer().new_service_account(drive);
  return ProviderHome::in_fresh_folder("drive://" + drive + "/", settings);
}

INSTANTIATE_TEST_SUITE_P(Drive, StoreSuite,
                         testing::Values(StoreCase{"my_drive", make_my_drive, std::uint64_t{64} << 20, 3000,
                                                   unless_set(k_drive_variable)},
                                         StoreCase{"shared_drive", make_shared_drive, std::uint64_t{64} << 20, 3000,
                                                   unless_set(k_drive_variable), false}),
                         name_of_case);

// While it lives, the rclone on the PATH is the one that knows the emulator as "drive:".
class DrivesRclone {
 public:
  DrivesRclone() : path_(std::getenv("PATH")) {
    const std::string program = *server_variable("MODELFLOAT_TEST_DRIVE_RCLONE");
    ::setenv("PATH", (program.substr(0, program.rfind('/')) + ":" + path_).c_str(), 1);
  }
  ~DrivesRclone() { ::setenv("PATH", path_.c_str(), 1); }
  DrivesRclone(const DrivesRclone&) = delete;
  DrivesRclone& operator=(const DrivesRclone&) = delete;

 private:
  const std::string path_;
};

class ByRcloneHome final : public StoreHome {
 public:
  std::unique_ptr<store::Store> open() override { return home_->open(); }
  std::unique_ptr<store::Store> open_namesake() override { return home_->open_namesake(); }

 private:
  DrivesRclone program_;
  std::unique_ptr<ProviderHome> home_ = ProviderHome::in_fresh_folder("rclone:drive:");
};

// A remote that lets a folder have several files of one name. Each put takes about 200 ms through
// the proxy that takes the emulator for Google, so there are few.
StoreCase by_rclone_case() {
  return {.name = "drive",
          .make = [] { return std::make_unique<ByRcloneHome>(); },
          .many_names = 60,
          .missing = unless_set(k_drive_variable),
          .keeps_one_when_cut = false};
}
INSTANTIATE_TEST_SUITE_P(DriveByRclone, StoreSuite, testing::Values(by_rclone_case()), name_of_case);

// The account of MODELFLOAT_TEST_DRIVE_CREDENTIALS, which rclone and Google's own client use too.
class DriveClients : public testing::Test {
 protected:
  void SetUp() override {
    if (!server_variable(k_drive_variable)) GTEST_SKIP() << unless_set(k_drive_variable);
    store::StoreSettings settings = server_.addresses();
    settings.credentials = store::Credentials::parse(
        as_bytes(read_file(*server_variable("MODELFLOAT_TEST_DRIVE_CREDENTIALS"))), "credentials");
    credentials_ = settings.credentials;
    home_ = std::make_unique<ProviderHome>("drive:" + folder_, settings);
    store_ = home_->open();
  }

  static std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::string written(const std::string& name, ByteSpan bytes) const {
    const std::string path = (temporary_ / name).string();
    std::ofstream(path, std::ios::binary) << as_text(bytes);
    return path;
  }
  // What the client of this variable says; its arguments need no quoting.
  static std::string run(const char* variable, const std::string& arguments) {
    const std::string command = *server_variable(variable) + " " + arguments + " </dev/null 2>&1";
    std::FILE* pipe = ::popen(command.c_str(), "r");  // NOLINT(cert-env33-c): a command of ours
    if (pipe == nullptr) return "cannot be started";
    std::string text;
    std::array<char, 65536> buffer;
    while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe))
      text.append(buffer.data(), count);
    const int status = ::pclose(pipe);
    EXPECT_EQ(status, 0) << arguments << "\n" << text.substr(0, 2000);
    return text;
  }
  static std::string rclone(const std::string& arguments) { return run("MODELFLOAT_TEST_DRIVE_RCLONE", arguments); }
  static std::string google(const std::string& arguments) { return run("MODELFLOAT_TEST_DRIVE_GOOGLE", arguments); }

  static ObjectName name_of(ByteSpan bytes) { return ObjectName::of(ObjectType::shard, crypto::blake3(bytes)); }
  std::string shards() const { return folder_ + "/mf1/shard"; }
  static std::string leaf(ByteSpan bytes) { return store::drive::place_of(name_of(bytes)).leaf; }

  DriveServer server_;
  const std::string folder_ = fresh_name();
  TemporaryFolder temporary_;
  store::Credentials credentials_;
  std::unique_ptr<ProviderHome> home_;
  std::unique_ptr<store::Store> store_;
};

// By one request, and by a resumable upload.
const std::array<std::size_t, 4> k_sizes = {0, 1, 300'000, 20'000'001};

TEST_F(DriveClients, OthersReadWhatWeWrote) {
  for (const std::size_t size : k_sizes) {
    const Bytes bytes = random_bytes(size, size + 1);
    store_->put(name_of(bytes), bytes, k_no_deadline);
    EXPECT_TRUE(rclone("cat drive:" + shards() + "/" + leaf(bytes)) == as_text(bytes)) << size;
    const std::string copy = (temporary_ / "copy").string();
    google("get " + shards() + " " + leaf(bytes) + " " + copy);
    EXPECT_TRUE(read_file(copy) == as_text(bytes)) << size;
  }
}

TEST_F(DriveClients, WeReadWhatOthersWrote) {
  for (const std::size_t size : k_sizes) {
    const Bytes by_rclone = random_bytes(size, size + 2);
    rclone("copyto " + written("a", by_rclone) + " drive:" + shards() + "/" + leaf(by_rclone));
    EXPECT_TRUE(store_->get(name_of(by_rclone), k_all, k_no_deadline) == by_rclone) << size;
    if (size == 0) continue;  // has the same name
    const Bytes by_google = random_bytes(size, size + 3);
    google("put " + shards() + " " + leaf(by_google) + " " + written("b", by_google) +
           (size > 1'000'000 ? " resumable" : ""));
    EXPECT_TRUE(store_->get(name_of(by_google), k_all, k_no_deadline) == by_google) << size;
    EXPECT_TRUE(equal(*store_->get(name_of(by_google), ByteRange{size / 2}, k_no_deadline),
                      ByteSpan(by_google).subspan(size / 2)))
        << size;
  }
  std::size_t listed = 0;
  store_->list("mf1/shard/", [&](const store::ObjectInfo&) { ++listed; }, k_no_deadline);
  EXPECT_EQ(listed, 7U);
}

TEST_F(DriveClients, RcloneFindsTheSameFilesAndChecksums) {
  std::vector<std::string> expected;
  for (std::size_t i = 0; i < 40; ++i) {
    const Bytes bytes = random_bytes(i * 10, 900 + i);
    store_->put(name_of(bytes), bytes, k_no_deadline);
    expected.push_back(to_hex(crypto::sha256(bytes)) + "  " + leaf(bytes));
  }
  const std::string sums = rclone("hashsum sha256 drive:" + shards());
  for (const std::string& line : expected) EXPECT_THAT(sums, testing::HasSubstr(line));
  std::size_t listed = 0;
  store_->list(
      "",
      [&](const store::ObjectInfo& info) {
        ++listed;
        EXPECT_THAT(sums, testing::HasSubstr(info.checksum->substr(std::string("sha256:").size()) + "  " +
                                             store::drive::place_of(info.name).leaf));
      },
      k_no_deadline);
  EXPECT_EQ(listed, expected.size());
}

TEST_F(DriveClients, WhatRcloneDeletesIsGoneAndItsTrashDoesNotCount) {
  const Bytes a = random_bytes(1000, 1);
  const Bytes b = random_bytes(1000, 2);
  for (const Bytes& bytes : {a, b}) store_->put(name_of(bytes), bytes, k_no_deadline);
  rclone("deletefile drive:" + shards() + "/" + leaf(a));  // into the trash
  rclone("deletefile --drive-use-trash=false drive:" + shards() + "/" + leaf(b));
  for (const Bytes& bytes : {a, b}) EXPECT_FALSE(store_->stat(name_of(bytes), k_no_deadline));
  store_->list("", [](const store::ObjectInfo& info) { ADD_FAILURE() << info.name.path(); }, k_no_deadline);
  const auto other = home_->open();
  for (const Bytes& bytes : {a, b}) EXPECT_FALSE(other->get(name_of(bytes), k_all, k_no_deadline));
}

TEST_F(DriveClients, OfFilesOfOneNameTheRightOneIsReadAndAPutLeavesOnlyIt) {
  const Bytes good = random_bytes(50'000, 1);
  Bytes same_length = good;
  same_length[7] ^= std::byte{1};
  google("put " + shards() + " " + leaf(good) + " " + written("a", random_bytes(40'000, 2)));
  google("put " + shards() + " " + leaf(good) + " " + written("b", good));
  google("put " + shards() + " " + leaf(good) + " " + written("c", same_length));
  EXPECT_TRUE(store_->get(name_of(good), k_all, k_no_deadline) == good);
  EXPECT_EQ(store_->stat(name_of(good), k_no_deadline)->checksum, "sha256:" + to_hex(crypto::sha256(good)));
  std::size_t listed = 0;
  store_->list("", [&](const store::ObjectInfo&) { ++listed; }, k_no_deadline);
  EXPECT_EQ(listed, 1U);
  const auto other = home_->open();
  EXPECT_TRUE(equal(*other->get(name_of(good), ByteRange{7, 1}, k_no_deadline), ByteSpan(good).subspan(7, 1)));
  other->put(name_of(good), good, k_no_deadline);
  EXPECT_EQ(server_.files_called(leaf(good), credentials_), 1U);
  EXPECT_TRUE(other->get(name_of(good), k_all, k_no_deadline) == good);
}

// Our store by rclone instead of Drive's own calls. rclone means any one of several files of a
// name.
class DriveByRclone : public DriveClients {
 protected:
  void SetUp() override {
    DriveClients::SetUp();
    if (IsSkipped()) return;
    program_.emplace();
    by_rclone_ = store::make_store("rclone:drive:" + folder_, {}, context_.context());
  }
  void add_file(const ObjectName& name, ByteSpan bytes) const {
    const std::string& path = name.path();
    const auto slash = path.rfind('/');
    google("put " + folder_ + "/" + path.substr(0, slash) + " " + path.substr(slash + 1) + " " + written("x", bytes));
  }
  std::string files() const { return rclone("lsf -R --files-only --format s drive:" + folder_); }

  std::optional<DrivesRclone> program_;
  RealContext context_;
  std::unique_ptr<store::Store> by_rclone_;
};

TEST_F(DriveByRclone, APutLeavesOneFileOfANameAndARemovalNone) {
  const Bytes good = random_bytes(50'000, 1);
  const ObjectName name = name_of(good);
  for (const std::size_t size : {40'000U, 50'000U, 60'000U})
    add_file(name, size == good.size() ? good : random_bytes(size));
  std::size_t listed = 0;
  by_rclone_->list("", [&](const store::ObjectInfo&) { ++listed; }, k_no_deadline);
  EXPECT_EQ(listed, 1U);
  EXPECT_EQ(by_rclone_->stat(name, k_no_deadline)->checksum, std::nullopt);
  by_rclone_->put(name, good, k_no_deadline);
  EXPECT_EQ(files(), "50000\n");
  EXPECT_TRUE(by_rclone_->get(name, k_all, k_no_deadline) == good);
  EXPECT_TRUE(by_rclone_->stat(name, k_no_deadline)->checksum);
  add_file(name, random_bytes(10));
  by_rclone_->remove(name, k_no_deadline);
  EXPECT_EQ(files(), "");
  EXPECT_FALSE(by_rclone_->stat(name, k_no_deadline));
}

TEST_F(DriveClients, ForeignFilesAreLeftAlone) {
  const Bytes bytes = random_bytes(1000);
  const std::string file = written("a", bytes);
  for (const char* path :
       {"/notes.txt", "/mf1/notes.txt", "/mf1/shard/notes.txt", "/mf1/shard/deeper/x", "/mf1/other/x"}) {
    rclone("copyto " + file + " drive:" + folder_ + path);
  }
  rclone("mkdir drive:" + shards() + "/" + leaf(bytes));
  EXPECT_FALSE(store_->stat(name_of(bytes), k_no_deadline));
  store_->list("", [](const store::ObjectInfo& info) { ADD_FAILURE() << info.name.path(); }, k_no_deadline);
  store_->put(name_of(bytes), bytes, k_no_deadline);
  EXPECT_TRUE(store_->get(name_of(bytes), k_all, k_no_deadline) == bytes);
  store_->remove(name_of(bytes), k_no_deadline);
  EXPECT_THAT(rclone("lsf -R --dirs-only drive:" + shards()), testing::HasSubstr(leaf(bytes)));
  EXPECT_THAT(rclone("cat drive:" + folder_ + "/mf1/shard/notes.txt"), testing::Eq(as_text(bytes)));
}

TEST_F(DriveClients, TheFreeSpaceIsWhatGooglesClientSees) {
  store_->put(shard_name(1), random_bytes(1'000'000), k_no_deadline);
  EXPECT_EQ(std::to_string(*store_->space(k_no_deadline).free_bytes) + "\n", google("free"));
}

TEST_F(DriveClients, AnotherServerGivesTokens) {
  RealContext context;
  store::StoreSettings settings;
  settings.token_url = *server_variable("MODELFLOAT_TEST_DRIVE_OAUTH2");
  for (const char* name : {"client_id", "client_secret", "refresh_token"}) settings.credentials.set(name, "any");
  SystemClock clock;
  store::http::HttpClient client;
  store::drive::Backoff backoff(clock);
  store::drive::Session session(context.vault(), clock, "test");
  store::drive::AccessTokens tokens(settings, session, client, clock, backoff, "drive:test");
  const auto token = tokens.get(k_no_deadline);
  EXPECT_THAT(std::string(as_text(token.bytes())),
              testing::MatchesRegex("[^.]+\\.[^.]+\\.[^.]+"));  // it gives JSON Web Tokens
  EXPECT_TRUE(tokens.get(k_no_deadline) == token);
  tokens.reject(token);
  EXPECT_FALSE(tokens.get(k_no_deadline).empty());
  EXPECT_GT(session.token()->expires, clock.utc_now() + std::chrono::minutes(1));
}

}  // namespace
}  // namespace modelfloat::test
