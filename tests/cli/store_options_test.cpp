#include "modelfloat/cli/store_options.h"

#include <algorithm>
#include <cctype>
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
