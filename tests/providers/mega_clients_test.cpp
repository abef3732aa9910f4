// rclone's mega backend and megajs, two clients that we did not write, against what our store
// writes, and our store against what they write. Both check MEGA's MACs when they read.

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "providers/mega_server.h"
#include "support/fixed_random.h"
#include "support/plain_call.h"
#include "support/store_suite.h"
#include "support/temporary_folder.h"
#include <sys/wait.h>

#include "modelfloat/store/mega/cipher.h"

namespace modelfloat::test {
namespace {

using namespace mega;
using nlohmann::json;

constexpr std::size_t k_mib = std::size_t{1} << 20;
const std::vector<std::size_t> k_sizes = {
    0, 1, 15, 16, 17, k_mib / 8, k_mib / 8 + 1, k_mib / 8 * 3 - 1, 20 * k_mib, 2 * k_mib + 12'345};

// megajs takes one MAC too many where a content that is filled up to whole blocks ends with a chunk
// (0, 128 KiB, 384 KiB, ...), unlike MEGA's own clients and rclone.
bool is_for_megajs(std::size_t size) {
  const std::size_t filled = (size + 15) / 16 * 16;
  // 20 MiB take it a minute.
  return size != 0 && size < 20 * k_mib && store::mega::end_of_chunk(filled - 1) != filled;
}

// None of ours has a quote in it.
std::string quoted(const std::string& word) { return "'" + word + "'"; }

class MegaClientsTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const std::string missing = unless_set(k_variable); !missing.empty()) GTEST_SKIP() << missing;
    plan(json::array());
    place_.emplace(settings_of(GetParam()));
    place_->prepare();
    store_ = place_->open();
    folder_ = place_->url().substr(6);
  }

  // Whether the command did well; what it printed is in output().
  bool run(const std::string& command) {
    const std::string line = command + " >" + quoted((scratch_.path() / "output").string()) + " 2>&1";
    const int status =
        std::system(line.c_str());  // NOLINT(concurrency-mt-unsafe,cert-env33-c): one thread, words of our own
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  std::string output() const { return read("output"); }
  std::string read(const std::string& name) const {
    std::ifstream file(scratch_.path() / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const std::string& name, ByteSpan bytes) const {
    std::ofstream(scratch_.path() / name, std::ios::binary) << as_text(bytes);
  }
  std::string file(const std::string& name) const { return quoted((scratch_.path() / name).string()); }

  bool rclone(const std::string& arguments) {
    const std::string program = quoted(server_variable("MODELFLOAT_TEST_RCLONE").value());
    return run("X_MEGA_API_URL=" + server_variable(k_variable).value() +
               " RCLONE_CONFIG=/dev/null RCLONE_CONFIG_M_TYPE=mega RCLONE_CONFIG_M_USER=" + account_ +
               " RCLONE_CONFIG_M_PASS=$(" + program + " obscure " + quoted(std::string(k_password)) + ") " + program +
               " --retries 1 " + arguments);
  }
  bool megajs(const std::string& action, const std::string& arguments) {
    return run("NODE_PATH=" + quoted(server_variable("MODELFLOAT_TEST_MEGAJS").value()) + " " +
               quoted(server_variable("MODELFLOAT_TEST_NODE").value()) + " " +
               quoted(server_variable("MODELFLOAT_TEST_SERVERS").value() + "/megajs_client.cjs") + " " + action + " " +
               server_variable(k_variable).value() + " " + account_ + " " + quoted(std::string(k_password)) + " " +
               arguments);
  }
  std::string path_of(const ObjectName& name) const { return folder_ + "/" + name.path(); }

  TemporaryFolder scratch_;
  std::optional<StillPlace> place_;
  std::unique_ptr<store::Store> store_;
  std::string account_ = GetParam();
  std::string folder_;  // in the account, without a slash before it
};

TEST_P(MegaClientsTest, TheyReadWhatWeWrote) {
  std::string wanted;
  for (const std::size_t size : k_sizes) {
    store_->put(shard_name(size), random_bytes(size, size), k_no_deadline);
    if (is_for_megajs(size)) wanted += path_of(shard_name(size)) + " " + file("megajs-" + std::to_string(size)) + " ";
  }
  ASSERT_TRUE(rclone("copy m:" + folder_ + " " + file("copy"))) << output();
  ASSERT_TRUE(megajs("read", wanted)) << output();
  for (const std::size_t size : k_sizes) {
    const Bytes expected = random_bytes(size, size);
    EXPECT_TRUE(read("copy/" + shard_name(size).path()) == as_text(expected)) << size;
    if (is_for_megajs(size)) {
      EXPECT_TRUE(read("megajs-" + std::to_string(size)) == as_text(expected)) << size;
    }
  }
  ASSERT_TRUE(megajs("range", path_of(shard_name(k_sizes.back())) + " " + file("range") + " 1000001 1200000"))
      << output();
  EXPECT_TRUE(read("range") == as_text(random_bytes(k_sizes.back(), k_sizes.back())).substr(1'000'001, 200'000));
}

TEST_P(MegaClientsTest, WeReadWhatTheyWrote) {
  const auto by_rclone = [](std::size_t size) { return shard_name(2 * size); };
  const auto by_megajs = [](std::size_t size) { return shard_name(2 * size + 1); };
  std::string given;
  for (const std::size_t size : k_sizes) {
    const std::string name = "rclone/" + by_rclone(size).path();
    std::filesystem::create_directories((scratch_.path() / name).parent_path());
    write(name, random_bytes(size, size));
    if (is_for_megajs(size)) given += path_of(by_megajs(size)) + " " + file(name) + " ";
  }
  ASSERT_TRUE(rclone("copy " + file("rclone") + " m:" + folder_)) << output();
  ASSERT_TRUE(megajs("write", given)) << output();
  for (const std::size_t size : k_sizes) {
    const Bytes bytes = random_bytes(size, size);
    for (const ObjectName& name : {by_rclone(size), by_megajs(size)}) {
      if (name == by_megajs(size) && !is_for_megajs(size)) continue;
      EXPECT_EQ(store_->stat(name, k_no_deadline)->size_bytes, size);
      EXPECT_TRUE(store_->get(name, {}, k_no_deadline) == bytes) << size;
      if (size > 2) {
        EXPECT_TRUE(equal(*store_->get(name, {1, size - 2}, k_no_deadline), ByteSpan(bytes).subspan(1, size - 2)))
            << size;
      }
    }
  }
}

// What does not depend on the kind of account. megajs takes many seconds for a login to an old one.
class MegaClientsMoreTest : public MegaClientsTest {};

TEST_P(MegaClientsMoreTest, TheirChecksAreReal) {
  const std::string email = make_account();
  StillPlace place(settings_of(email));
  place.prepare();
  const std::string path = place.url().substr(6) + "/" + shard_name(1).path();
  place.open()->put(shard_name(1), random_bytes(1000), k_no_deadline);
  account_ = email;
  ASSERT_TRUE(rclone("copyto m:" + path + " " + file("copy"))) << output();
  ASSERT_TRUE(megajs("read", path + " " + file("read"))) << output();
  control({{"do", "damage"}, {"email", email}});
  EXPECT_FALSE(rclone("copyto --ignore-times m:" + path + " " + file("copy2"))) << output();
  EXPECT_FALSE(megajs("read", path + " " + file("read"))) << output();
}

TEST_P(MegaClientsMoreTest, TheySeeTheSameNamesAndNumbers) {
  store_->put(ObjectName::marker(), random_bytes(100), k_no_deadline);
  store_->put(shard_name(1), random_bytes(1000), k_no_deadline);
  ASSERT_TRUE(rclone("lsf -R --files-only m:" + folder_)) << output();
  EXPECT_NE(output().find(shard_name(1).path() + "\n"), std::string::npos);
  EXPECT_NE(output().find("mf1/marker\n"), std::string::npos);
  ASSERT_TRUE(megajs("list", folder_)) << output();
  EXPECT_NE(output().find("/" + shard_name(1).path() + "\n"), std::string::npos);
  ASSERT_TRUE(megajs("info", "")) << output();
  EXPECT_EQ(json::parse(output()).at("spaceUsed"), store_->space(k_no_deadline).used_bytes.value());
}

TEST_P(MegaClientsMoreTest, WhatLiesInTheTrashIsNotThere) {
  store_->put(shard_name(1), random_bytes(1000), k_no_deadline);
  ASSERT_TRUE(rclone("deletefile m:" + path_of(shard_name(1)))) << output();
  EXPECT_FALSE(store_->stat(shard_name(1), k_no_deadline));
  EXPECT_EQ(store_->get(shard_name(1), {}, k_no_deadline), std::nullopt);
  EXPECT_FALSE(place_->open()->stat(shard_name(1), k_no_deadline));
}

TEST_P(MegaClientsMoreTest, WhatTheyDeleteForGoodOrMoveAwayIsGone) {
  for (const std::uint64_t seed : {1, 2, 3}) store_->put(shard_name(seed), random_bytes(1000, seed), k_no_deadline);
  ASSERT_TRUE(rclone("deletefile --mega-hard-delete m:" + path_of(shard_name(1)))) << output();
  EXPECT_FALSE(store_->stat(shard_name(1), k_no_deadline));
  ASSERT_TRUE(rclone("moveto m:" + path_of(shard_name(2)) + " m:elsewhere/" + folder_)) << output();
  EXPECT_FALSE(store_->stat(shard_name(2), k_no_deadline));
  ASSERT_TRUE(rclone("moveto m:elsewhere/" + folder_ + " m:" + path_of(shard_name(2)))) << output();
  EXPECT_EQ(store_->get(shard_name(2), {}, k_no_deadline), random_bytes(1000, 2));
  ASSERT_TRUE(rclone("purge m:" + folder_)) << output();
  try {
    store_->stat(shard_name(3), k_no_deadline);
    ADD_FAILURE() << "the folder is gone";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind, ErrorKind::offline);
  }
}

TEST_P(MegaClientsMoreTest, RcloneCopiesAStoreToADiskAsItIs) {
  store_->put(shard_name(1), random_bytes(1000), k_no_deadline);
  ASSERT_TRUE(rclone("copy m:" + folder_ + " " + file("disk"))) << output();
  RealContext context;
  const auto disk = store::make_store("local:" + (scratch_.path() / "disk").string(), {}, context.context());
  EXPECT_EQ(disk->get(shard_name(1), {}, k_no_deadline), random_bytes(1000));
}

std::string kind_of_account(const testing::TestParamInfo<const char*>& account) {
  return std::string(account.param).substr(0, 2);
}

INSTANTIATE_TEST_SUITE_P(Mega, MegaClientsTest, testing::Values("v1@example.com", "v2@example.com"), kind_of_account);
INSTANTIATE_TEST_SUITE_P(Mega, MegaClientsMoreTest, testing::Values("v2@example.com"), kind_of_account);

}  // namespace
}  // namespace modelfloat::test
