// Ten thousand objects are listed page by page: with memory that does not grow with their number,
// but for a few bytes of each. Where puts of so many take minutes, the server is given them by a
// way of its own.

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <thread>
#include <vector>

#include "providers/drive_server.h"
#include "providers/ipfs_node.h"
#include "providers/mega_server.h"
#include "support/fixed_random.h"
#include "support/heap_use.h"
#include "support/temporary_folder.h"

#include "modelfloat/base/random.h"
#include "modelfloat/store/wrap/standard.h"

namespace modelfloat::test {
namespace {

struct Listed {
  std::size_t objects = 0;
  std::size_t most_bytes = 0;  // beyond what was in use before
};

Listed list_all(store::Store& store) {
  const std::size_t before = heap_in_use();
  Listed listed;
  store.list("mf1/shard/",
             [&](const store::ObjectInfo&) {
               ++listed.objects;
               if (listed.objects % 50 == 0)
                 listed.most_bytes = std::max(listed.most_bytes, heap_in_use() - std::min(before, heap_in_use()));
             },
             {});
  return listed;
}

// What the wrappers keep of each object, so as to show none twice when a listing has to be begun
// anew.
constexpr std::size_t k_bytes_each = 16;
constexpr std::uint64_t k_few = 1000;
constexpr std::uint64_t k_many = 10'000;

class LongListing : public testing::Test {
 protected:
  // As programs have it: with all wrappers around it.
  void open(const std::string& url, const store::StoreSettings& settings) {
    store::StoreSettings own = settings;
    ListeningDialogue nobody;
    store::prepare_new_store(url, own, context_.context(), nobody, {});
    store_ = store::make_standard(store::make_store(url, own, context_.context()), "store", bandwidth_, {}, ledger_,
                                  clock_, random_);
  }
  // Puts objects from one number to another, by eight threads.
  void fill(std::uint64_t from, std::uint64_t until) {
    std::atomic<std::uint64_t> next = from;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (std::uint64_t number = next++; number < until; number = next++)
          store_->put(shard_name(number), as_bytes(std::to_string(number)), {});
      });
    }
  }
  // The same as files below the folder that the server serves, which is quicker.
  static void fill_folder(const std::filesystem::path& folder, std::uint64_t from, std::uint64_t until) {
    for (std::uint64_t number = from; number < until; ++number) {
      const auto file = folder / shard_name(number).path();
      std::filesystem::create_directories(file.parent_path());
      std::ofstream(file) << number;
    }
  }
  // `fill_up` makes objects of these numbers.
  void expect_no_growth(std::uint64_t few_objects,
                        const std::function<void(std::uint64_t from, std::uint64_t until)>& fill_up) {
    if (heap_in_use() == 0) GTEST_SKIP() << "this build counts no memory";
    fill_up(0, few_objects);
    const Listed few = list_all(*store_);
    EXPECT_EQ(few.objects, few_objects);
    fill_up(few_objects, k_many);
    const Listed many = list_all(*store_);
    EXPECT_EQ(many.objects, k_many);
    EXPECT_LE(many.most_bytes, few.most_bytes + (k_many - few_objects) * k_bytes_each)
        << "with " << few_objects << " objects: " << few.most_bytes;
    std::printf("%zu objects: %zu bytes; %zu: %zu\n", few.objects, few.most_bytes, many.objects, many.most_bytes);
  }
  void expect_no_growth() {
    expect_no_growth(k_few, [this](std::uint64_t from, std::uint64_t until) { fill(from, until); });
  }

  RealContext context_;
  store::SharedBandwidth bandwidth_;
  store::MemoryLedger ledger_;
  SystemClock clock_;
  SystemRandom random_;
  std::unique_ptr<store::Store> store_;
};

TEST_F(LongListing, OfAFolder) {
  const TemporaryFolder folder;
  open("local:" + folder.path().string(), {});
  expect_no_growth(k_few, [&](std::uint64_t from, std::uint64_t until) { fill_folder(folder.path(), from, until); });
}

class S3Listing : public LongListing {};
TEST_F(S3Listing, MayBeLong) {
  if (const auto missing = unless_set("MODELFLOAT_TEST_S3"); !missing.empty()) GTEST_SKIP() << missing;
  store::StoreSettings settings;
  settings.credentials.set("access_key", *server_variable("MODELFLOAT_TEST_S3_ACCESS_KEY"));
  settings.credentials.set("secret_key", *server_variable("MODELFLOAT_TEST_S3_SECRET_KEY"));
  open("s3:" + *server_variable("MODELFLOAT_TEST_S3") + "/" + *server_variable("MODELFLOAT_TEST_S3_BUCKET") + "/" +
           fresh_name(),
       settings);
  expect_no_growth();
}

class WebdavListing : public LongListing {};
TEST_F(WebdavListing, MayBeLong) {
  if (const auto missing = unless_set("MODELFLOAT_TEST_WEBDAV"); !missing.empty()) GTEST_SKIP() << missing;
  store::StoreSettings settings;
  settings.credentials.set("user", *server_variable("MODELFLOAT_TEST_WEBDAV_USER"));
  settings.credentials.set("password", *server_variable("MODELFLOAT_TEST_WEBDAV_PASSWORD"));
  const std::string place = "/basic/" + fresh_name();
  open("webdav:" + *server_variable("MODELFLOAT_TEST_WEBDAV") + place, settings);
  expect_no_growth(k_few, [&](std::uint64_t from, std::uint64_t until) {
    fill_folder(*server_variable("MODELFLOAT_TEST_WEBDAV_FOLDER") + place, from, until);
  });
}

class RcloneListing : public LongListing {};
TEST_F(RcloneListing, MayBeLong) {
  if (const auto missing = unless_set("MODELFLOAT_TEST_RCLONE_CONTROL"); !missing.empty()) GTEST_SKIP() << missing;
  const std::string folder = *server_variable("MODELFLOAT_TEST_RCLONE") + "/disk/" + fresh_name();
  open("rclone:disk:" + folder, {});
  expect_no_growth(k_few, [&](std::uint64_t from, std::uint64_t until) { fill_folder(folder, from, until); });
}

class DriveListing : public LongListing {};
TEST_F(DriveListing, MayBeLong) {
  if (const auto missing = unless_set(k_drive_variable); !missing.empty()) GTEST_SKIP() << missing;
  DriveServer server;
  const store::StoreSettings account = server.new_account();
  open("drive:" + fresh_name(), account);
  fill(0, 1);
  const auto leaf_of = [](std::uint64_t number) {
    const std::string path = shard_name(number).path();
    return path.substr(path.rfind('/') + 1);
  };
  // Of up to 4,096 files it remembers what they are.
  expect_no_growth(5000, [&](std::uint64_t from, std::uint64_t until) {
    nlohmann::json names = nlohmann::json::array();
    for (std::uint64_t number = std::max<std::uint64_t>(from, 1); number < until; ++number)
      names.push_back(leaf_of(number));
    server.control("copies",
                   {{"client", account.credentials.find("client_id").value()}, {"name", leaf_of(0)}, {"names", names}});
  });
}

class IpfsListing : public LongListing {};
TEST_F(IpfsListing, MayBeLong) {
  if (const auto missing = unless_set("MODELFLOAT_TEST_IPFS"); !missing.empty()) GTEST_SKIP() << missing;
  const std::string node = *server_variable("MODELFLOAT_TEST_IPFS");
  const std::string place = "/" + fresh_name();
  open("ipfs:" + node + place, {});
  IpfsNode ipfs(node);
  // All of them anew.
  expect_no_growth(k_few, [&](std::uint64_t from, std::uint64_t until) {
    std::map<std::string, std::string> files;
    for (std::uint64_t number = 0; number < until; ++number)
      files.emplace(shard_name(number).path(), std::to_string(number));
    if (from > 0) ipfs.call("files/rm", {{"arg", place + "/mf1"}, {"recursive", "true"}});
    ipfs.make_files(place, files);
  });
}

class MegaListing : public LongListing {};
// MEGA tells of the whole tree at once, which is kept: up to 200 bytes of each object, whatever is
// kept of it while it is listed included.
TEST_F(MegaListing, MayBeLong) {
  if (const auto missing = unless_set(mega::k_variable); !missing.empty()) GTEST_SKIP() << missing;
  if (heap_in_use() == 0) GTEST_SKIP() << "this build counts no memory";
  open("mega:/" + fresh_name(), mega::settings_of(mega::make_account()));
  const auto most_with = [&](std::uint64_t from, std::uint64_t until) {
    fill(from, until);
    const Listed listed = list_all(*store_);
    EXPECT_EQ(listed.objects, until);
    return heap_in_use() + listed.most_bytes;
  };
  const std::size_t few = most_with(0, k_few);
  const std::size_t many = most_with(k_few, k_many);
  EXPECT_LE(many - few, (k_many - k_few) * 200);
  std::printf("%.0f bytes of each\n", static_cast<double>(many - few) / static_cast<double>(k_many - k_few));
}

}  // namespace
}  // namespace modelfloat::test
