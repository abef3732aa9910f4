#include "modelfloat/cli/secrets.h"

#include <fstream>
#include <functional>

#include "support/temporary_folder.h"
#include <gtest/gtest.h>

#include "modelfloat/base/error.h"

namespace modelfloat::cli {
namespace {

namespace fs = std::filesystem;

ErrorKind kind_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.kind;
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorKind::internal;
}

TEST(KeyFile, IsForItsOwnerAloneAndReadsBack) {
  const test::TemporaryFolder folder;
  const fs::path file = folder.path() / "key";
  SystemRandom random;
  make_key_file(file, random);
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  const auto secret = read_key_file(file);
  EXPECT_EQ(secret.kind(), mf1::SecretKind::key_file);
  EXPECT_EQ(to_bytes(secret.bytes()), to_bytes(read_key_file(file).bytes()));
}

TEST(KeyFile, IsNeverOverwritten) {
  const test::TemporaryFolder folder;
  const fs::path file = folder.path() / "key";
  std::ofstream(file) << "something";
  SystemRandom random;
  EXPECT_EQ(kind_of([&] { make_key_file(file, random); }), ErrorKind::invalid);
  EXPECT_EQ(fs::file_size(file), 9U);
}

TEST(KeyFile, ThatIsNoneIsNamed) {
  const test::TemporaryFolder folder;
  const fs::path file = folder.path() / "key";
  EXPECT_EQ(kind_of([&] { read_key_file(file); }), ErrorKind::not_found);
  std::ofstream(file) << "not a key";
  EXPECT_EQ(kind_of([&] { read_key_file(file); }), ErrorKind::invalid);
}

TEST(KeyFile, MayHaveWhatEditorsOfOtherSystemsAdd) {
  const test::TemporaryFolder folder;
  const fs::path file = folder.path() / "key";
  SystemRandom random;
  make_key_file(file, random);
  std::string text;
  std::getline(std::ifstream(file), text);
  std::ofstream(folder.path() / "edited") << "\xEF\xBB\xBF" << text << "\r\n";
  EXPECT_EQ(to_bytes(read_key_file(folder.path() / "edited").bytes()), to_bytes(read_key_file(file).bytes()));
}

TEST(RecoveryCodeFile, MayHaveWhatEditorsOfOtherSystemsAdd) {
  const test::TemporaryFolder folder;
  const fs::path file = folder.path() / "code";
  SystemRandom random;
  const auto code = mf1::RecoveryCode::random(random);
  std::ofstream(file) << "\xEF\xBB\xBF" << code.text() << "\r\n";
  EXPECT_EQ(to_bytes(read_recovery_code_file(file).bytes()), to_bytes(code.key().bytes()));
  std::ofstream(file) << std::string("\xFF\xFE") + "a";
  try {
    read_recovery_code_file(file);
    FAIL() << "UTF-16 was taken for a code";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("UTF-8"), std::string::npos) << error.what();
  }
}

TEST(PassphraseFile, LosesOneLineEnd) {
  const test::TemporaryFolder folder;
  const fs::path file = folder.path() / "passphrase";
  std::ofstream(file) << "correct horse\n";
  EXPECT_EQ(as_text(read_passphrase_file(file).bytes()), "correct horse");
}

TEST(PassphraseFile, EmptyOrHugeIsRefused) {
  const test::TemporaryFolder folder;
  const fs::path file = folder.path() / "passphrase";
  std::ofstream(file) << "\n";
  EXPECT_EQ(kind_of([&] { read_passphrase_file(file); }), ErrorKind::invalid);
  std::ofstream(file) << std::string(100'000, 'x');
  EXPECT_EQ(kind_of([&] { read_passphrase_file(file); }), ErrorKind::invalid);
}

TEST(RecoveryCodeFile, ReadsBackAndRefusesATypingError) {
  const test::TemporaryFolder folder;
  const fs::path file = folder.path() / "code";
  SystemRandom random;
  std::string text = mf1::RecoveryCode::random(random).text();
  std::ofstream(file) << text << "\n";
  EXPECT_EQ(read_recovery_code_file(file).kind(), mf1::SecretKind::recovery_code);
  text[0] = text[0] == 'a' ? 'b' : 'a';
  std::ofstream(file) << text << "\n";
  EXPECT_EQ(kind_of([&] { read_recovery_code_file(file); }), ErrorKind::denied);
}

}  // namespace
}  // namespace modelfloat::cli
