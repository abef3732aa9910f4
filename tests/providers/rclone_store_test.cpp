#include "modelfloat/store/rclone/rclone_store.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "providers/every_call.h"
#include "providers/rclone_fixture.h"
#include "support/fixed_random.h"
#include "support/store_suite.h"
#include "support/temporary_folder.h"
#include "support/thrown.h"
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "modelfloat/base/error.h"
#include "modelfloat/store/rclone/daemon.h"
#include "modelfloat/store/wrap/retrying.h"

namespace modelfloat::test {
namespace {

using namespace rclone;
namespace fs = std::filesystem;
using store::rclone::shared_daemon;
using testing::HasSubstr;
using testing::Not;

// rclone takes the old file away before it moves the new one to its name.
StoreCase rclone_case(const char* name, const char* remote) {
  const auto make = [remote] {
    const std::string path = std::string_view(remote) == "disk:" ? folder() + "/disk/" : std::string();
    return ProviderHome::in_fresh_folder("rclone:" + std::string(remote) + path);
  };
  return {.name = name, .make = make, .missing = unless_set(k_folder), .keeps_one_when_cut = false};
}
INSTANTIATE_TEST_SUITE_P(Rclone, StoreSuite,
                         testing::Values(rclone_case("Local", "disk:"), rclone_case("Crypt", "secret:"),
                                         rclone_case("Chunker", "pieces:")),
                         name_of_case);

// Each put takes ten requests.
StoreCase web_case() {
  StoreCase web = rclone_case("WebDav", "web:");
  web.make = [] {
    auto home = ProviderHome::in_fresh_folder("rclone:web:");
    const auto on_disk = folder() + "/dav/" + home->folder();
    return std::make_unique<HomeOnDisk>(std::move(home), on_disk);
  };
  web.tells_used_bytes = false;
  return web;
}
INSTANTIATE_TEST_SUITE_P(RcloneNetwork, StoreSuite, testing::Values(web_case()), name_of_case);

TEST(RcloneUrl, OneStoreHasOneUrl) {
  EXPECT_EQ(store::canonical_url("rclone:disk:"), "rclone:disk:");
  EXPECT_EQ(store::canonical_url("rclone:my disk:a//b/./c/"), "rclone:my disk:a/b/c");
  EXPECT_EQ(store::canonical_url("rclone:disk:/a/b/"), "rclone:disk:/a/b");
  EXPECT_EQ(store::canonical_url("rclone:disk:/"), "rclone:disk:/");
}

TEST(RcloneUrl, NonsenseIsRefusedWithoutItsSecrets) {
  for (const char* url : {"rclone:", "rclone:disk", "rclone::drive,token=hush:x", "rclone:disk,user=hush:x",
                          "rclone:-x:y", "rclone:disk:a/../b", "rclone:disk:a\nb"}) {
    const auto error = thrown_by([&] { store::canonical_url(url); });
    ASSERT_TRUE(error) << url;
    EXPECT_EQ(error->kind, ErrorKind::invalid) << url;
    EXPECT_THAT(error->what(), Not(HasSubstr("hush")));
  }
}

TEST_F(RcloneStore, TheDomainIsThatOfWhatIsBehindTheRemote) {
  EXPECT_EQ(store::default_domain("rclone:disk:/mnt/a", {}), store::default_domain("local:/mnt/a", {}));
  EXPECT_EQ(store::default_domain("rclone:secret:x", {}), "local:" + folder() + "/crypt");
  EXPECT_EQ(store::default_domain("rclone:dav:x", {}), "127.0.0.1");
  EXPECT_EQ(store::default_domain("rclone:both:x", {}), "rclone:both");
}

TEST_F(RcloneStore, ARemoteThatIsNotConfiguredIsOfflineAndNeverEmpty) {
  const auto error = thrown_by([&] { prepare("nobody:x"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::offline);
  EXPECT_THAT(error->what(), HasSubstr("rclone config"));
  const auto store = store::make_store("rclone:nobody:x", {}, context_.context());
  expect_every_call_fails(*store, ErrorKind::offline);
}

TEST_F(RcloneStore, AMissingFolderIsOfflineAndIsNotMade) {
  {
    const auto store = open_disk();
    store->put(shard_name(1), random_bytes(10), k_no_deadline);
  }
  fs::rename(disk_path(), disk_path() + "-away");
  const auto store = store::make_store("rclone:disk:" + disk_path(), {}, context_.context());
  expect_every_call_fails(*store, ErrorKind::offline);
  EXPECT_FALSE(fs::exists(disk_path()));
  fs::rename(disk_path() + "-away", disk_path());
  EXPECT_TRUE(store->stat(shard_name(1), k_no_deadline));
}

TEST_F(RcloneStore, AFolderThatGoesAwayMeanwhileIsOffline) {
  const auto store = open_disk();
  store->put(shard_name(1), random_bytes(10), k_no_deadline);
  fs::rename(disk_path(), disk_path() + "-away");
  EXPECT_EQ(thrown_by([&] { store->get(shard_name(1), k_all, k_no_deadline); })->kind, ErrorKind::offline);
  EXPECT_EQ(thrown_by([&] { store->stat(shard_name(1), k_no_deadline); })->kind, ErrorKind::offline);
  EXPECT_EQ(thrown_by([&] { store->list("", [](const auto&) {}, k_no_deadline); })->kind, ErrorKind::offline);
}

TEST_F(RcloneStore, ItsPasswordIsNowhereToBeSeen) {
  const auto store = open_disk();
  store->put(shard_name(1), random_bytes(10), k_no_deadline);
  const auto id = shared_daemon()->process_id();
  ASSERT_TRUE(id);
  const auto content_of = [&](const char* what) {
    std::ifstream file(fmt::format("/proc/{}/{}", *id, what), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string arguments = content_of("cmdline");
  EXPECT_EQ(arguments.substr(arguments.find('\0')), std::string("\0rcd\0", 5));
  const std::string environment = content_of("environ");
  const auto at = environment.find("RCLONE_RC_ADDR=unix://");
  ASSERT_NE(at, std::string::npos);
  const fs::path socket(environment.substr(at + 22, environment.find('\0', at) - at - 22));
  struct stat about{};
  ASSERT_EQ(::stat(socket.parent_path().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0700U);
  EXPECT_THAT(environment, Not(HasSubstr("MODELFLOAT_")));
  // Whoever gets at the socket all the same is not let in.
  store::http::HttpClient client({.unix_socket = socket.string()});
  EXPECT_EQ(client.send({.method = "POST", .url = "http://rclone/config/dump", .where = "test"}, k_no_deadline).status,
            401);
}

TEST_F(RcloneStore, ItEndsWithTheLastStore) {
  auto store = open_disk();
  auto other = open("secret:" + name_);
  const pid_t id = *shared_daemon()->process_id();
  store.reset();
  EXPECT_EQ(::kill(id, 0), 0);
  other->stat(shard_name(1), k_no_deadline);
  EXPECT_EQ(*shared_daemon()->process_id(), id);
  other.reset();
  EXPECT_NE(::kill(id, 0), 0);
}

TEST_F(RcloneStore, ADaemonThatIsKilledIsStartedAgain) {
  const auto store = open_disk();
  const auto patient = store::make_retrying(open_disk(), {}, context_.context().clock, context_.context().random);
  const Bytes bytes = random_bytes(100'000);
  store->put(shard_name(1), bytes, k_no_deadline);
  const pid_t first = *shared_daemon()->process_id();
  ::kill(first, SIGKILL);
  // Or it is up again already.
  const auto error = thrown_by([&] { store->stat(shard_name(1), k_no_deadline); });
  EXPECT_TRUE(!error || error->kind == ErrorKind::transient || error->kind == ErrorKind::offline) << error->what();
  EXPECT_EQ(patient->get(shard_name(1), k_all, k_no_deadline), bytes);
  EXPECT_NE(*shared_daemon()->process_id(), first);
}

TEST_F(RcloneStore, ADaemonThatIsKilledInTheMiddleOfAPutLeavesNothingUnderTheName) {
  for (const char* remote : {"disk", "secret", "pieces"}) {
    SCOPED_TRACE(remote);
    const std::string rest = std::string(remote) + ":" + (std::string_view(remote) == "disk" ? disk_path() : name_);
    const auto store =
        store::make_retrying(open(rest), {.attempts = 8}, context_.context().clock, context_.context().random);
    const auto hasty = store::make_store("rclone:" + rest, {}, context_.context());
    const Bytes bytes = random_bytes(40 << 20);
    for (const int delay : {0, 20, 60}) {
      store->stat(shard_name(1), k_no_deadline);
      {
        const std::jthread killer([&, id = *shared_daemon()->process_id()] {
          std::this_thread::sleep_for(Milliseconds(delay));
          ::kill(id, SIGKILL);
        });
        thrown_by([&] { hasty->put(shard_name(1), bytes, k_no_deadline); });
      }
      const auto seen = store->get(shard_name(1), k_all, k_no_deadline);
      EXPECT_TRUE(!seen || equal(*seen, bytes));
      store->list("", [&](const store::ObjectInfo& info) { EXPECT_EQ(info.size_bytes, bytes.size()); }, k_no_deadline);
      store->remove(shard_name(1), k_no_deadline);
    }
    store->put(shard_name(1), bytes, k_no_deadline);
    EXPECT_TRUE(equal(*store->get(shard_name(1), k_all, k_no_deadline), bytes));
  }
}

TEST_F(RcloneStore, AnUploadThatIsCutLeavesNothing) {
  for (const char* remote : {"disk", "secret", "pieces", "dav"}) {
    SCOPED_TRACE(remote);
    const auto store = open(std::string(remote) + ":" + (std::string_view(remote) == "disk" ? disk_path() : name_));
    const Bytes bytes = random_bytes(48 << 20);
    for (const int time : {1, 5, 10, 20, 40, 80}) {
      if (!thrown_by([&] { store->put(shard_name(1), bytes, within(Milliseconds(time))); }))
        store->remove(shard_name(1), k_no_deadline);
      const auto seen = store->get(shard_name(1), k_all, k_no_deadline);
      EXPECT_TRUE(!seen || equal(*seen, bytes)) << time;  // done though we went away
      store->list("", [&](const store::ObjectInfo& info) { EXPECT_EQ(info.size_bytes, bytes.size()); }, k_no_deadline);
      store->remove(shard_name(1), k_no_deadline);
    }
  }
}

TEST_F(RcloneStore, WhatWasOnItsWayADayAgoIsClearedAway) {
  const auto store = open_disk();
  store->put(shard_name(1), random_bytes(10), k_no_deadline);
  const fs::path place = fs::path(disk_path()) / fs::path(shard_name(1).path()).parent_path();
  const auto now = unix_seconds(SystemClock().utc_now());
  const fs::path stale = place / fmt::format(".mf-tmp-{:016x}-0123456789abcdef", now - 100'000);
  const fs::path fresh = place / fmt::format(".mf-tmp-{:016x}-0123456789abcdef", now - 1000);
  const fs::path foreign = place / ".mf-tmp-notes";
  for (const fs::path& file : {stale, fresh, foreign}) std::ofstream(file) << "x";
  int listed = 0;
  store->list("", [&](const auto&) { ++listed; }, k_no_deadline);
  EXPECT_EQ(listed, 1);
  EXPECT_FALSE(fs::exists(stale));
  EXPECT_TRUE(fs::exists(fresh));
  EXPECT_TRUE(fs::exists(foreign));
}

TEST_F(RcloneStore, DamageBehindCryptIsCorruptAndAPutMendsIt) {
  const auto store = open("secret:" + name_);
  const Bytes bytes = random_bytes(300'000);
  store->put(shard_name(1), bytes, k_no_deadline);
  fs::path file;
  for (const auto& entry : fs::recursive_directory_iterator(folder() + "/crypt")) {
    if (entry.is_regular_file() && entry.file_size() > bytes.size() &&
        (file.empty() || entry.last_write_time() > fs::last_write_time(file)))
      file = entry.path();
  }
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(200'000);
  stream.put('\0');
  stream.put('\1');
  stream.close();
  const auto error = thrown_by([&] { store->get(shard_name(1), k_all, k_no_deadline); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::corrupt) << error->what();
  store->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_EQ(store->get(shard_name(1), k_all, k_no_deadline), bytes);
}

TEST_F(RcloneStore, WhatLacksAPieceIsCorruptAndCanBeReplaced) {
  const auto store = open("pieces:" + name_);
  const Bytes bytes = random_bytes(9'000'000);
  store->put(shard_name(1), bytes, k_no_deadline);
  const std::string file = folder() + "/chunker/" + name_ + "/" + shard_name(1).path();
  ASSERT_TRUE(std::filesystem::remove(file + ".rclone_chunk.002"));
  const auto error = thrown_by([&] { store->get(shard_name(1), k_all, k_no_deadline); });
  EXPECT_EQ(error ? error->kind : ErrorKind::internal, ErrorKind::corrupt);
  store->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_TRUE(equal(*store->get(shard_name(1), k_all, k_no_deadline), bytes));
  store->remove(shard_name(1), k_no_deadline);
  EXPECT_FALSE(store->stat(shard_name(1), k_no_deadline));
}

TEST_F(RcloneStore, RcloneItselfReadsWhatWeWroteAndWeWhatItWrote) {
  const TemporaryFolder files;
  const Bytes ours = random_bytes(5'000'000, 1);
  const Bytes theirs = random_bytes(6'000'000, 2);
  const std::string written = (files / "written").string();
  std::ofstream(written, std::ios::binary) << as_text(theirs);
  for (const char* remote : {"secret:", "pieces:"}) {
    const auto store = open(remote + name_);
    store->put(shard_name(1), ours, k_no_deadline);
    const std::string read = (files / "read").string();
    ASSERT_EQ(std::system(("rclone cat " + (remote + name_) + "/" + shard_name(1).path() + " > " + read).c_str()), 0);
    std::ifstream in(read, std::ios::binary);
    const std::string back((std::istreambuf_iterator<char>(in)), {});
    EXPECT_TRUE(equal(as_bytes(back), ours)) << remote;
    ASSERT_EQ(std::system(("rclone copyto " + written + " " + (remote + name_) + "/" + shard_name(2).path()).c_str()),
              0);
    EXPECT_TRUE(equal(*store->get(shard_name(2), k_all, k_no_deadline), theirs)) << remote;
    EXPECT_TRUE(equal(*store->get(shard_name(2), ByteRange{4'194'300, 100}, k_no_deadline),
                      ByteSpan(theirs).subspan(4'194'300, 100)))
        << remote;
  }
}

// Programs on the PATH that are not the rclone we need. Its daemon must not run meanwhile.
class RcloneProgram : public RcloneStore {
 protected:
  void SetUp() override {
    RcloneStore::SetUp();
    if (IsSkipped()) return;
    path_ = std::getenv("PATH");
  }
  void TearDown() override {
    if (!path_.empty()) ::setenv("PATH", path_.c_str(), 1);
  }
  Error failure_with(const std::string& script) {
    if (!script.empty()) {
      std::ofstream(files_ / "rclone") << script;
      fs::permissions(files_ / "rclone", fs::perms::owner_all);
    }
    ::setenv("PATH", (files_.path().string() + ":/usr/bin:/bin").c_str(), 1);
    const auto store = store::make_store("rclone:disk:" + disk_path(), {}, context_.context());
    const auto error = thrown_by([&] { store->stat(shard_name(1), k_no_deadline); });
    return error ? *error : Error(ErrorKind::internal, "test", "no failure");
  }

  TemporaryFolder files_;
  std::string path_;
};

TEST_F(RcloneProgram, OneThatIsMissingIsOffline) {
  const Error error = failure_with("");
  EXPECT_EQ(error.kind, ErrorKind::offline);
  EXPECT_THAT(error.what(), HasSubstr("no rclone on the PATH"));
}

TEST_F(RcloneProgram, OneThatIsTooOldIsNamedWithItsVersion) {
  const Error error = failure_with(
      "#!/bin/sh\n[ \"$1\" = version ] && echo 'rclone v1.60.1-DEV' && exit\necho 'bad address' >&2; exit 1\n");
  EXPECT_EQ(error.kind, ErrorKind::offline);
  EXPECT_THAT(error.what(), HasSubstr("1.60, too old"));
}

TEST_F(RcloneProgram, OneThatIsSomethingElseIsOffline) {
  EXPECT_EQ(failure_with("#!/bin/sh\nexit 3\n").kind, ErrorKind::offline);
}

}  // namespace
}  // namespace modelfloat::test
