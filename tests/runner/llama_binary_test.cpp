#include "modelfloat/runner/llama_binary.h"

#include <cstdlib>
#include <fstream>

#include "runner/fake_programs.h"
#include "support/temporary_folder.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/base/error.h"

namespace modelfloat::runner {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

// Sets variables for one test.
class FindLlamaServer : public testing::Test {
 protected:
  FindLlamaServer() {
    for (const char* name : {"MODELFLOAT_LLAMA_SERVER", "PATH", "MODELFLOAT_CACHE", "XDG_CACHE_HOME", "HOME"}) {
      const char* value = std::getenv(name);
      before_.emplace_back(name, value == nullptr ? std::optional<std::string>() : value);
      ::unsetenv(name);
    }
  }
  ~FindLlamaServer() override {
    for (const auto& [name, value] : before_) {
      value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
    }
  }
  fs::path add_program(const fs::path& place, bool executable = true) {
    const fs::path file = folder_.path() / place;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << "#!/bin/sh\n";
    if (executable) fs::permissions(file, fs::perms::owner_all);
    return file;
  }

  test::TemporaryFolder folder_;
  std::vector<std::pair<std::string, std::optional<std::string>>> before_;
};

TEST_F(FindLlamaServer, TakesTheVariableBeforeThePathBeforeTheNewestBuild) {
  EXPECT_FALSE(find_llama_server());
  const auto old_build = add_program("cache/llama-1-a/llama-server");
  const auto build = add_program("cache/llama-2-b/llama-server");
  add_program("cache/llama-3-c/llama-server", false);
  fs::last_write_time(old_build, fs::last_write_time(build) - std::chrono::hours(1));
  ::setenv("MODELFLOAT_CACHE", (folder_ / "cache").c_str(), 1);
  EXPECT_EQ(find_llama_server(), build);

  const auto installed = add_program("bin/llama-server");
  ::setenv("PATH", ("/nowhere::" + (folder_ / "bin").string()).c_str(), 1);
  EXPECT_EQ(find_llama_server(), installed);

  const auto named = add_program("mine");
  ::setenv("MODELFLOAT_LLAMA_SERVER", named.c_str(), 1);
  EXPECT_EQ(find_llama_server(), named);
}

TEST_F(FindLlamaServer, LooksWhereTheSetupScriptBuilds) {
  const auto build = add_program(".cache/modelfloat/llama-2-b/llama-server");
  ::setenv("HOME", folder_.path().c_str(), 1);
  EXPECT_EQ(find_llama_server(), build);
  ::setenv("XDG_CACHE_HOME", "/nowhere", 1);
  EXPECT_FALSE(find_llama_server());
  ::setenv("XDG_CACHE_HOME", (folder_ / ".cache").c_str(), 1);
  EXPECT_EQ(find_llama_server(), build);
}

TEST_F(FindLlamaServer, ANameThatLeadsNowhereIsAnError) {
  ::setenv("MODELFLOAT_LLAMA_SERVER", "/nowhere/llama-server", 1);
  EXPECT_THROW(find_llama_server(), Error);
}

TEST(LlamaOptions, AreReadFromTheHelp) {
  const LlamaOptions options(
      "-m,    --model FNAME     the model-file to load\n--perf, --no-perf   whether\n--fit [on|off]");
  for (const char* known : {"-m", "--model", "--perf", "--no-perf", "--fit"})
    EXPECT_TRUE(options.knows(known)) << known;
  for (const char* unknown : {"--mod", "-file", "--no-mmap", "--", "-"})
    EXPECT_FALSE(options.knows(unknown)) << unknown;
}

TEST(LlamaArguments, LeaveOutWhatTheProgramDoesNotKnow) {
  LlamaLaunch launch;
  launch.alias = "team/model:latest";
  launch.socket = "/run/x.sock";
  launch.context = 1000;
  launch.parallel = 4;
  launch.repack = false;
  const auto few = llama_arguments(launch, LlamaOptions("--model --host --no-repack"));
  EXPECT_THAT(few, Contains("--no-repack"));
  EXPECT_THAT(few, Contains("4000")) << "each of the requests has a whole context";
  EXPECT_THAT(few, Not(Contains("--fit")));
  const auto more = llama_arguments(launch, LlamaOptions("--model --host --fit --no-warmup"));
  EXPECT_THAT(more, Contains("--fit"));
  EXPECT_THAT(more, Contains("--no-warmup"));
  EXPECT_THAT(more, Not(Contains("--no-repack")));
}

TEST(ProbeLlamaServer, SaysWhatAProgramKnowsOrThatItIsNone) {
  const test::TemporaryFolder folder;
  const SandboxOptions sandbox = test::test_sandbox();
  const auto probe = [&](const std::string& name) {
    return probe_llama_server(test::sandbox_for(test::fake_program(folder.path(), name)),
                              choose_file_confinement(sandbox), sandbox, {});
  };
  EXPECT_TRUE(probe("llama-good").knows("--api-key-file"));
  try {
    probe("llama-no-options");
    FAIL() << "it was taken for one";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind, ErrorKind::unsupported);
    EXPECT_THAT(error.what(), HasSubstr("is no llama-server"));
  }
}

}  // namespace
}  // namespace modelfloat::runner
