#include "modelfloat/cli/secrets.h"

#include <fstream>
#include <functional>

#include "support/file_size_limit.h"
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

mf1::MaintenanceKey sample_key() {
  SystemRandom random;
  return mf1::MaintenanceKey(mf1::Keyring(random.array<16>(), 1, crypto::SecretKey::random(random)));
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(MaintenanceKeyFile, ReadsBackAndIsToldFromAKeyFile) {
  const test::TemporaryFolder folder;
  const auto key = sample_key();
  make_secret_file(folder.path() / "maintenance", key.text());
  EXPECT_EQ(read_maintenance_key_file(folder.path() / "maintenance").text(), key.text());
  EXPECT_EQ(kind_of([&] { read_key_file(folder.path() / "maintenance"); }), ErrorKind::denied);
  SystemRandom random;
  make_key_file(folder.path() / "key", random);
  EXPECT_EQ(kind_of([&] { read_maintenance_key_file(folder.path() / "key"); }), ErrorKind::invalid);
  EXPECT_NE(message_of([&] { read_maintenance_key_file(folder.path() / "key"); }).find("opens the whole pool"),
            std::string::npos);
  EXPECT_EQ(kind_of([&] { read_maintenance_key_file(folder.path() / "none"); }), ErrorKind::not_found);
}

TEST(SecretFile, IsForItsOwnerAloneAndNeverOverwritten) {
  const test::TemporaryFolder folder;
  const fs::path file = folder.path() / "secret";
  make_secret_file(file, crypto::SecretBytes("first"));
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(kind_of([&] { make_secret_file(file, crypto::SecretBytes("second")); }), ErrorKind::invalid);
  fs::create_symlink(folder.path() / "nowhere", folder.path() / "link");
  EXPECT_EQ(kind_of([&] { make_secret_file(folder.path() / "link", crypto::SecretBytes("second")); }),
            ErrorKind::invalid);
  EXPECT_FALSE(fs::exists(folder.path() / "nowhere"));
  EXPECT_EQ(kind_of([&] { make_secret_file(folder.path() / "none" / "secret", crypto::SecretBytes("x")); }),
            ErrorKind::not_found);
  EXPECT_EQ(kind_of([&] { make_secret_file(folder.path() / "", crypto::SecretBytes("x")); }), ErrorKind::invalid);
  std::string text;
  std::getline(std::ifstream(file), text);
  EXPECT_EQ(text, "first");
}

TEST(SecretFile, NothingIsLeftOnAFullDisk) {
  const test::TemporaryFolder folder;
  const test::FileSizeLimit full(100);
  EXPECT_THROW(make_secret_file(folder.path() / "secret", crypto::SecretBytes(std::string(1000, 'x'))), Error);
  EXPECT_TRUE(fs::is_empty(folder.path()));
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
