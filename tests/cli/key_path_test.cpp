#include "modelfloat/cli/key_path.h"

#include <fstream>
#include <functional>

#include "support/temporary_folder.h"
#include "support/thrown.h"
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "modelfloat/base/error.h"

namespace modelfloat::cli {
namespace {

namespace fs = std::filesystem;

class KeyPath : public testing::Test {
 protected:
  test::TemporaryFolder folder_;
  const Home home_{folder_.path(), folder_.path()};
};

TEST_F(KeyPath, IsRememberedUntilItIsForgotten) {
  EXPECT_EQ(remembered_key_file(home_), std::nullopt);
  forget_key_file(home_);
  remember_key_file(home_, "/media/a much longer path than the next one/key");
  remember_key_file(home_, "/media/a key\nof two lines ");
  EXPECT_EQ(remembered_key_file(home_), "/media/a key\nof two lines ");
  forget_key_file(home_);
  EXPECT_EQ(remembered_key_file(home_), std::nullopt);
}

TEST_F(KeyPath, IsAbsoluteAndForTheOwnerAlone) {
  remember_key_file(home_, "here/../key");
  EXPECT_EQ(remembered_key_file(home_), fs::current_path() / "key");
  EXPECT_EQ(fs::status(home_.key_path_file()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(KeyPath, LeftoverOfAnInterruptedWriteIsReplaced) {
  std::ofstream(home_.key_path_file() += ".new") << "/half of a path that is longer than what is written now";
  EXPECT_EQ(remembered_key_file(home_), std::nullopt);
  remember_key_file(home_, "/key");
  EXPECT_EQ(remembered_key_file(home_), "/key");
  EXPECT_FALSE(fs::exists(home_.key_path_file() += ".new"));
}

TEST_F(KeyPath, DamageIsSaidAndNotTakenForAPath) {
  for (const char* text : {"", "\n", "key\n"}) {
    std::ofstream(home_.key_path_file()) << text;
    try {
      remembered_key_file(home_);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind, ErrorKind::corrupt);
      EXPECT_EQ(error.where, home_.key_path_file().string());
    }
  }
}

TEST_F(KeyPath, WhatIsNoFileOfAPathIsDamageToo) {
  const fs::path note = home_.key_path_file();
  const std::function<void()> makers[] = {
      [&] { std::ofstream(note) << std::string("/a\0b", 4); },
      [&] { fs::create_directory(note); },
      [&] { fs::create_symlink(folder_ / "missing", note); },
      [&] { ASSERT_EQ(::mkfifo(note.c_str(), 0600), 0); },
  };
  for (const auto& make : makers) {
    make();
    EXPECT_EQ(test::kind_thrown([&] { remembered_key_file(home_); }), ErrorKind::corrupt);
    fs::remove(note);
  }
}

// What cannot be looked at may be there: it is not taken for missing.
TEST_F(KeyPath, WhatCannotBeLookedAtIsAnError) {
  const Home unreachable{folder_.path(), folder_ / std::string(300, 'x')};
  const auto error = test::thrown_by([&] { remembered_key_file(unreachable); });
  ASSERT_TRUE(error);
  EXPECT_NE(std::string(error->what()).find("cannot be read"), std::string::npos);
}

TEST_F(KeyPath, WithoutAFolderNothingIsRememberedAndNothingCanBe) {
  const Home nowhere{folder_ / "missing", folder_ / "missing"};
  EXPECT_EQ(remembered_key_file(nowhere), std::nullopt);
  forget_key_file(nowhere);
  EXPECT_THROW(remember_key_file(nowhere, "/key"), Error);
}

}  // namespace
}  // namespace modelfloat::cli
