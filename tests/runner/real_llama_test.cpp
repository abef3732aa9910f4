// With a real engine and a real model: MODELFLOAT_TEST_LLAMA_SERVER and MODELFLOAT_TEST_MODEL
// (SmolLM2's GGUF) name them.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>

#include "runner/memory_model_source.h"
#include "support/fixed_random.h"
#include "support/temporary_folder.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/runner/llama_runner.h"

namespace modelfloat::runner {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

std::string whole_file(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return std::move(text).str();
}

class RealLlamaTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* program = std::getenv("MODELFLOAT_TEST_LLAMA_SERVER");
    const char* model = std::getenv("MODELFLOAT_TEST_MODEL");
    if (program == nullptr || model == nullptr) {
      GTEST_SKIP() << "MODELFLOAT_TEST_LLAMA_SERVER and MODELFLOAT_TEST_MODEL name no engine and model";
    }
    LlamaRunnerOptions options;
    options.llama_server = program;
    options.socket_parent = folder_.path();
    options.context = 1024;
    options.threads = 1;  // two that wait for each other by spinning crawl on a busy machine
    runner_.emplace(options, clock_, random_);
    model_.emplace("team/smol:latest", whole_file(model));
  }
  Completion ask(const std::string& prompt, std::uint64_t tokens = 8, const TokenSink& on_text = {}) {
    CompletionRequest request;
    request.prompt = prompt;
    request.max_tokens = tokens;
    request.temperature = 0;
    return runner_->complete(*model_, request, on_text, {}, {});
  }

  test::TemporaryFolder folder_;
  SystemClock clock_;
  test::FixedRandom random_;
  std::optional<LlamaRunner> runner_;
  std::optional<test::MemoryModelSource> model_;
};

TEST_F(RealLlamaTest, KnowsTheCapitalOfFrance) {
  std::string streamed;
  const Completion completion = ask("The capital of France is", 8, [&](std::string_view text) { streamed += text; });
  EXPECT_THAT(completion.text, HasSubstr("Paris"));
  EXPECT_EQ(streamed, completion.text);
  EXPECT_GE(completion.tokens, 1U);
  EXPECT_LE(completion.tokens, 8U);
  EXPECT_GT(completion.tokens_per_second, 0);
  EXPECT_GT(completion.seconds_to_first_token, 0);
  EXPECT_EQ(ask("The capital of France is").text, completion.text);
  EXPECT_EQ(model_->fills, 1);
}

TEST_F(RealLlamaTest, HoldsNoFileAndNoSecret) {
  ::setenv("MODELFLOAT_PASSPHRASE", "a secret of the parent", 1);
  ask("Hello", 1);
  ::unsetenv("MODELFLOAT_PASSPHRASE");
  const fs::path process = "/proc/" + std::to_string(runner_->process_id(model_->identity()).value());
  test::FixedRandom same;
  const std::string key = to_hex(same.array<24>());  // the first thing that the runner drew
  for (const char* place : {"environ", "cmdline"}) {
    EXPECT_THAT(whole_file(process / place), Not(HasSubstr("secret")));
    EXPECT_THAT(whole_file(process / place), Not(HasSubstr(key)));
  }
  EXPECT_THAT(whole_file(process / "status"), HasSubstr("Seccomp:\t2"));
  EXPECT_THAT(whole_file(process / "status"), HasSubstr("NoNewPrivs:\t1"));
  for (const auto& entry : fs::directory_iterator(process / "fd")) {
    std::error_code gone;
    const std::string target = fs::read_symlink(entry.path(), gone);
    if (gone) continue;
    const int fd = std::stoi(entry.path().filename());
    if (fd < 3) {
      EXPECT_THAT(target, HasSubstr("pipe:"));
    } else if (fd == 3) {
      EXPECT_THAT(target, HasSubstr("/memfd:modelfloat"));
    } else {
      EXPECT_TRUE(target.starts_with("socket:") || target.starts_with("anon_inode:") || target.starts_with("/memfd:"))
          << target;
    }
  }
  // Mapped are programs, libraries and the model in memory; no other file.
  std::ifstream maps(process / "maps");
  for (std::string line; std::getline(maps, line);) EXPECT_THAT(line, Not(HasSubstr(".gguf")));
}

TEST_F(RealLlamaTest, APromptBeyondTheContextIsRefused) {
  std::string prompt;
  for (int i = 0; i < 3000; ++i) prompt += "word ";
  try {
    ask(prompt);
    FAIL() << "it was answered";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind, ErrorKind::invalid) << error.what();
  }
}

TEST_F(RealLlamaTest, ACrashInTheMiddleOfAnAnswerIsReported) {
  std::optional<Error> crash;
  try {
    ask("Once upon a time", 500,
        [&](std::string_view) { ::kill(runner_->process_id(model_->identity()).value(), SIGKILL); });
  } catch (const Error& error) {
    crash = error;
  }
  ASSERT_TRUE(crash);
  EXPECT_EQ(crash->kind, ErrorKind::transient);
  EXPECT_THAT(crash->what(), HasSubstr("signal 9"));
}

TEST_F(RealLlamaTest, AnswersSeveralAtOnce) {
  std::vector<std::future<void>> callers;
  std::atomic<int> right = 0;
  for (int i = 0; i < 3; ++i) {
    callers.push_back(std::async(std::launch::async, [&] {
      right += ask("The capital of France is").text.find("Paris") != std::string::npos ? 1 : 0;
    }));
  }
  for (auto& caller : callers) caller.get();
  EXPECT_EQ(right, 3);
}

}  // namespace
}  // namespace modelfloat::runner
