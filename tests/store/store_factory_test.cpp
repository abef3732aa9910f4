#include "modelfloat/store/store_factory.h"

#include <filesystem>

#include "support/fixed_random.h"
#include "support/plain_call.h"
#include "support/store_context.h"
#include "support/store_suite.h"
#include "support/temporary_folder.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/base/error.h"

namespace modelfloat::test {
namespace {

using store::canonical_url;
using testing::HasSubstr;
using testing::Not;

class StoreFactory : public testing::Test {
 protected:
  std::unique_ptr<store::Store> make(std::string_view url) { return store::make_store(url, {}, context_.context()); }
  void prepare(std::string_view url) {
    store::StoreSettings settings;
    ListeningDialogue dialogue;
    store::prepare_new_store(url, settings, context_.context(), dialogue, k_no_deadline);
  }

 private:
  RealContext context_;
};

TEST_F(StoreFactory, ALocalUrlIsAFolder) {
  const TemporaryFolder folder;
  const auto store = make("local:" + folder.path().string());
  store->put(shard_name(1), random_bytes(10), k_no_deadline);
  EXPECT_TRUE(std::filesystem::exists(folder / shard_name(1).path()));
}

TEST_F(StoreFactory, OneStoreHasOneUrl) {
  EXPECT_EQ(canonical_url("local:/a/b"), "local:/a/b");
  EXPECT_EQ(canonical_url("local:/a//b/"), "local:/a/b");
  EXPECT_EQ(canonical_url("local:/a/./x/../b/."), "local:/a/b");
  EXPECT_EQ(canonical_url("local:/"), "local:/");
  EXPECT_EQ(canonical_url("local:/a:b"), "local:/a:b");
  const std::string here = std::filesystem::current_path().string();
  EXPECT_EQ(canonical_url("local:stores/one/"), "local:" + here + "/stores/one");
  EXPECT_EQ(canonical_url("local:./~/x"), "local:" + here + "/~/x");
  EXPECT_EQ(canonical_url(canonical_url("local:x")), canonical_url("local:x"));
}

TEST_F(StoreFactory, EachFolderIsItsOwnDomain) {
  EXPECT_EQ(store::default_domain("local:/a/b/", {}), "local:/a/b");
  EXPECT_NE(store::default_domain("local:/a/b", {}), store::default_domain("local:/a/c", {}));
}

TEST_F(StoreFactory, UnknownSchemesAreRefusedWithTheKnownOnes) {
  for (const char* url : {"gopher:user:password@host", "memory:", "LOCAL:/a", ":/a"}) {
    try {
      make(url);
      ADD_FAILURE() << url;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind, ErrorKind::unsupported) << url;
      EXPECT_THAT(error.what(), HasSubstr("local:")) << url;
      EXPECT_THAT(error.what(), Not(HasSubstr("password")));
    }
  }
}

TEST_F(StoreFactory, WhatIsNoUrlIsInvalid) {
  for (const std::string_view url : {std::string_view(), std::string_view("/a/b"), std::string_view("local"),
                                     std::string_view("local:"), std::string_view("local:/a\0b", 10)}) {
    try {
      canonical_url(url);
      ADD_FAILURE() << url;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind, ErrorKind::invalid) << url;
    }
  }
}

TEST_F(StoreFactory, TwoFoldersOfOneDiskShareADevice) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "a");
  std::filesystem::create_directories(folder / "b");
  const std::string base = "local:" + folder.path().string();
  EXPECT_TRUE(store::share_a_device(base + "/a", base + "/b"));
  EXPECT_FALSE(store::share_a_device(base + "/a", base + "/missing"));
  if (std::filesystem::is_directory("/proc")) {
    EXPECT_FALSE(store::share_a_device(base + "/a", "local:/proc"));
  }
}

TEST_F(StoreFactory, OnlyPrepareMakesTheFolder) {
  const TemporaryFolder folder;
  const std::string url = "local:" + (folder / "new/store").string();
  EXPECT_THROW(make(url)->space(k_no_deadline), Error);
  EXPECT_FALSE(std::filesystem::exists(folder / "new"));
  prepare(url);
  EXPECT_NO_THROW(make(url)->space(k_no_deadline));
}

}  // namespace
}  // namespace modelfloat::test
