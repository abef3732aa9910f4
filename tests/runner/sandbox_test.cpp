// What a model that took over its engine gets, in all surroundings that the program may run in.

#include "modelfloat/runner/sandbox.h"

#include <fstream>

#include "runner/fake_programs.h"
#include "runner/hostile_engine.h"
#include "support/temporary_folder.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "modelfloat/base/error.h"
#include "modelfloat/runner/runner.h"

namespace modelfloat::runner {
namespace {

using nlohmann::json;
using test::fake_program;
using testing::HasSubstr;

constexpr auto k_somebody = "65534";

struct Surroundings {
  const char* name;
  const char* user;
  const char* settings;
};

class SandboxTest : public testing::Test {
 protected:
  // What came of all attacks in such surroundings. Skips where they can't be had.
  json attack(const std::string& user, std::string settings) {
    if (!test::test_sandbox().alarms) settings += " no-alarms";
    const test::TemporaryFolder folder;
    const auto program = fake_program(folder.path(), "surroundings");
    for (const char* name : {"attack", "sleep"}) fake_program(folder.path(), name);
    if (user != "0" && ::geteuid() == 0) {
      if (::chown(folder.path().c_str(), 65534, 65534) != 0) ADD_FAILURE() << "chown";
    }
    ChildSpec spec;
    spec.program = program;
    spec.arguments = {::geteuid() == 0 ? user : "0", settings, folder.path().string()};
    spec.environment = {"TMPDIR=/dev/null"};
    spec.output_limit = 1 << 20;
    const ChildProcess child(spec);
    const ChildEnd end = child.wait({});
    EXPECT_EQ(to_string(end), "exit code 0") << child.output();
    return json::parse(child.output(), nullptr, false);
  }

  // Whether another user can run this test program where it lies.
  static bool others_reach_us() {
    for (auto at = std::filesystem::read_symlink("/proc/self/exe"); at.has_relative_path(); at = at.parent_path()) {
      if ((std::filesystem::status(at).permissions() & std::filesystem::perms::others_exec) ==
          std::filesystem::perms::none) {
        return false;
      }
    }
    return true;
  }

  test::TemporaryFolder folder_;
};

void expect_nothing_gained(const json& report, const std::vector<test::LoudAttack>& loud) {
  ASSERT_TRUE(report.is_object());
  ASSERT_FALSE(report.contains("refused")) << report;
  for (const char* name : {"victim", "files", "own socket", "descriptors"})
    ASSERT_TRUE(report.contains(name)) << report;
  EXPECT_EQ(report["victim"], "as before");
  EXPECT_EQ(report["files"], "as before");
  EXPECT_EQ(report["own socket"], "worked") << "no engine could run";
  EXPECT_EQ(report["descriptors"], json::array({0, 1, 2, 3}));
  EXPECT_GE(report.size(), 40U + loud.size());
  for (const auto& [attack, outcome] : report.items()) {
    if (attack == "own socket") continue;
    EXPECT_NE(outcome, "worked") << attack;
  }
  for (const auto& attack : loud) {
    ASSERT_TRUE(report.contains(attack.name)) << attack.name;
    if (test::test_sandbox().alarms) {
      EXPECT_THAT(report[attack.name].get<std::string>(), HasSubstr("its sandbox killed it"));
      EXPECT_THAT(report[attack.name].get<std::string>(), HasSubstr(attack.alarm));
    }
  }
}

class SandboxIn : public SandboxTest, public testing::WithParamInterface<Surroundings> {};

TEST_P(SandboxIn, AModelThatTookOverItsEngineGetsNothing) {
  const bool root = ::geteuid() == 0;
  if (root && GetParam().user == std::string(k_somebody) && !others_reach_us()) {
    GTEST_SKIP() << "other users of this machine cannot reach this test program";
  }
  if (landlock_version() < k_oldest_landlock &&
      std::string(GetParam().settings).find("landlock=0") == std::string::npos) {
    GTEST_SKIP() << "this kernel has no Landlock";
  }
  if (std::string(GetParam().settings).find("landlock=0") != std::string::npos && !can_have_private_mounts()) {
    GTEST_SKIP() << "user namespaces are forbidden here";
  }
  const json report = attack(GetParam().user, GetParam().settings);
  const bool mounts = std::string(GetParam().settings).find("landlock=0") != std::string::npos;
  EXPECT_EQ(report["confinement"], mounts ? "private mounts" : "landlock");
  expect_nothing_gained(report, test::some_loud_attacks());
}

INSTANTIATE_TEST_SUITE_P(Surroundings, SandboxIn,
                         testing::Values(Surroundings{"Root", "0", ""},  //
                                         Surroundings{"User", k_somebody, ""},
                                         Surroundings{"RootWithoutNamespaces", "0", "no-namespaces"},
                                         Surroundings{"RootWhereNamespacesAreRefused", "0", "refuse-namespaces"},
                                         Surroundings{"UserWhereNamespacesAreRefused", k_somebody, "refuse-namespaces"},
                                         Surroundings{"UserWithoutNewPrivileges", k_somebody, "no-new-privileges"},
                                         Surroundings{"RootWithLandlock2", "0", "landlock=2 no-namespaces"},
                                         Surroundings{"UserWithLandlock2", k_somebody, "landlock=2 no-namespaces"},
                                         Surroundings{"RootWithMounts", "0", "landlock=0"},
                                         Surroundings{"UserWithMounts", k_somebody, "landlock=0"}),
                         [](const auto& name) { return name.param.name; });

TEST_F(SandboxTest, EachSignOfAnAttackIsNamed) {
  if (!test::test_sandbox().alarms) GTEST_SKIP() << "a sanitizer does some of it";
  expect_nothing_gained(attack(k_somebody, "all"), test::loud_attacks());
}

TEST_F(SandboxTest, AnAlarmThatCannotBeHeardKillsAllTheSame) {
  if (!test::test_sandbox().alarms) GTEST_SKIP() << "a sanitizer does some of it";
  const json report = attack("0", "has-listener");
  ASSERT_TRUE(report.is_object());
  EXPECT_EQ(report["victim"], "as before");
  EXPECT_EQ(report["files"], "as before");
  for (const auto& loud : test::some_loud_attacks()) {
    ASSERT_TRUE(report.contains(loud.name)) << loud.name;
    EXPECT_THAT(report[loud.name].get<std::string>(), HasSubstr("for a system call that no engine makes"));
  }
}

TEST_F(SandboxTest, WhereNothingKeepsAModelFromFilesNoneIsStarted) {
  for (const char* settings : {"landlock=0 no-mounts", "landlock=1 no-mounts", "landlock=0 refuse-namespaces"}) {
    const json report = attack(k_somebody, settings);
    ASSERT_TRUE(report.contains("refused")) << settings << report;
    EXPECT_THAT(report["refused"].get<std::string>(), HasSubstr("weak_sandbox"));
  }
}

TEST_F(SandboxTest, AWeakSandboxIsStartedOnlyWhereItIsAskedFor) {
  SandboxOptions options = test::test_sandbox();
  options.newest_landlock = 0;
  options.private_mounts = false;
  EXPECT_THROW(choose_file_confinement(options), NoEngine);
  options.weak = true;
  EXPECT_EQ(choose_file_confinement(options), FileConfinement::none);
  options.newest_landlock = std::numeric_limits<int>::max();
  if (landlock_version() >= k_oldest_landlock) {
    EXPECT_EQ(choose_file_confinement(options), FileConfinement::landlock) << "what there is is used";
  }
}

TEST_F(SandboxTest, AScriptIsRefusedByName) {
  const auto script = folder_ / "llama-server";
  std::ofstream(script) << "#!/bin/sh\nexec llama-server.real \"$@\"\n";
  try {
    const Sandbox sandbox(test::sandbox_for(script), FileConfinement::none, test::test_sandbox());
    FAIL() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind, ErrorKind::unsupported);
    EXPECT_THAT(error.what(), HasSubstr("MODELFLOAT_LLAMA_SERVER"));
  }
}

}  // namespace
}  // namespace modelfloat::runner
