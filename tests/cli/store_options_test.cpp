#include "modelfloat/cli/store_options.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "cli/variables.h"
#include "support/temporary_folder.h"
#include <gtest/gtest.h>

#include "modelfloat/base/error.h"

namespace modelfloat::cli {
namespace {

store::Scheme scheme() {
  store::Scheme scheme{};
  scheme.name = "mega";
  scheme.credential_fields = {{"email", "e-mail", false}, {"password", "password", true}};
  return scheme;
}

class StoreOptionsTest : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    const auto path = folder_ / name;
    std::ofstream(path) << text;
    return path.string();
  }
  test::TemporaryFolder folder_;
};

TEST_F(StoreOptionsTest, VariablesAreNamedByTheStore) {
  EXPECT_EQ(variable_prefix("mega"), "MODELFLOAT_STORE_MEGA_");
  EXPECT_EQ(variable_prefix("my-drive.2"), "MODELFLOAT_STORE_MY_DRIVE_2_");
  EXPECT_EQ(variable_prefix("café"), "MODELFLOAT_STORE_CAF___");
}

TEST_F(StoreOptionsTest, CredentialsComeFromAFile) {
  const auto found =
      find_credentials(scheme(), file("a.json", R"({"email": "a@b", "password": "p"})"), "X_", variables({}));
  EXPECT_EQ(found.find("email"), "a@b");
  EXPECT_EQ(found.find("password"), "p");
}

TEST_F(StoreOptionsTest, CredentialsComeFromTheEnvironment) {
  const auto found = find_credentials(scheme(), "", "X_",
                                      variables({{"X_EMAIL", "a@b"}, {"X_TOTP_SECRET", "t"}, {"Y_PASSWORD", "no"}}));
  EXPECT_EQ(found.find("email"), "a@b");
  EXPECT_EQ(found.find("totp_secret"), "t");
  EXPECT_FALSE(found.has("password"));
}

TEST_F(StoreOptionsTest, FieldsThatNobodyIsAskedForComeFromTheEnvironmentToo) {
  for (const char* field : {"region", "session_token", "bearer", "pinning_url", "pinning_bearer", "gateway"}) {
    std::string variable = std::string("X_") + field;
    std::transform(variable.begin(), variable.end(), variable.begin(), [](char c) { return std::toupper(c); });
    EXPECT_EQ(find_credentials(scheme(), "", "X_", variables({{variable, "v"}})).find(field), "v") << field;
  }
}

TEST_F(StoreOptionsTest, AVariableStandsOverTheFileAndTheOptionOverTheVariablesFile) {
  const auto one = file("one.json", R"({"email": "one", "password": "one"})");
  const auto two = file("two.json", R"({"email": "two", "password": "two"})");
  const auto found =
      find_credentials(scheme(), two, "X_", variables({{"X_CREDENTIALS_FILE", one}, {"X_EMAIL", "three"}}));
  EXPECT_EQ(found.find("email"), "three");
  EXPECT_EQ(found.find("password"), "two");
  EXPECT_EQ(find_credentials(scheme(), "", "X_", variables({{"X_CREDENTIALS_FILE", one}})).find("email"), "one");
}

TEST_F(StoreOptionsTest, AFileOfAuthoritiesIsKeptByItsWholePath) {
  const auto pem = file("ca.pem", "# ours\n-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n");
  const auto windows = file("windows.pem", "-----BEGIN CERTIFICATE-----\r\nAA\r\n-----END CERTIFICATE-----\r\n");
  EXPECT_EQ(find_ca_file(scheme(), pem, "X_", variables({})), pem);
  EXPECT_EQ(find_ca_file(scheme(), windows, "X_", variables({})), windows);
  EXPECT_EQ(find_ca_file(scheme(), "", "X_", variables({{"X_CA_FILE", pem}})), pem);
  EXPECT_EQ(find_ca_file(scheme(), pem, "X_", variables({{"X_CA_FILE", windows}})), pem);
  EXPECT_EQ(find_ca_file(scheme(), "", "X_", variables({})), "");
  StoreOptions options;
  options.ca_file = pem;
  EXPECT_EQ(settings_from(scheme(), options, "X_", variables({}), nullptr).ca_file, pem);
  for (const auto& bad : {file("empty", ""), file("der", "\x30\x82\x01"), (folder_ / "none").string(),
                          file("bom", "\xef\xbb\xbf-----BEGIN CERTIFICATE-----\n"), folder_.path().string()}) {
    EXPECT_THROW(find_ca_file(scheme(), bad, "X_", variables({})), Error) << bad;
  }
  auto without = scheme();
  without.no_ca_file = "it has none";
  EXPECT_THROW(find_ca_file(without, pem, "X_", variables({})), Error);
}

TEST_F(StoreOptionsTest, AFileMayBeginWithATilde) {
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe): nobody sets any
  if (home == nullptr) GTEST_SKIP() << "HOME is not set";
  const auto path = "~/" + std::filesystem::relative(file("a.json", R"({"email": "a@b"})"), home).string();
  EXPECT_EQ(find_credentials(scheme(), "", "X_", variables({{"X_CREDENTIALS_FILE", path}})).find("email"), "a@b");
}

TEST_F(StoreOptionsTest, ACredentialsFileOfWindowsIsReadToo) {
  const auto windows = file("w.json", "\xef\xbb\xbf{\r\n  \"email\": \"a@b\"\r\n}\r\n");
  EXPECT_EQ(find_credentials(scheme(), windows, "X_", variables({})).find("email"), "a@b");
}

TEST_F(StoreOptionsTest, NothingGivenIsNothing) {
  EXPECT_TRUE(find_credentials(scheme(), "", "X_", variables({})).empty());
}

TEST_F(StoreOptionsTest, AFileThatIsMissingOrWrongIsNamedAndNotQuoted) {
  EXPECT_THROW(find_credentials(scheme(), (folder_ / "none").string(), "X_", variables({})), Error);
  try {
    find_credentials(scheme(), file("bad.json", R"({"password": "hunter2")"), "X_", variables({}));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind, ErrorKind::invalid);
    EXPECT_NE(std::string(error.what()).find("bad.json"), std::string::npos);
    EXPECT_EQ(std::string(error.what()).find("hunter2"), std::string::npos);
  }
}

}  // namespace
}  // namespace modelfloat::cli
