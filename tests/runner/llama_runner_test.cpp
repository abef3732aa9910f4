#include "modelfloat/runner/llama_runner.h"

#include <future>
#include <latch>
#include <thread>

#include "runner/llama_runner_fixture.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <signal.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"

namespace modelfloat::runner {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using test::MemoryModelSource;
using testing::HasSubstr;

TEST_F(LlamaRunnerTest, AnswersPieceByPiece) {
  LlamaRunner& runner = start("llama-good");
  std::vector<std::string> pieces;
  std::vector<LoadProgress> progress;
  const Completion completion = runner.complete(
      model_, prompt("hello"), [&](std::string_view text) { pieces.emplace_back(text); },
      [&](const LoadProgress& step) { progress.push_back(step); }, {});
  EXPECT_EQ(pieces, (std::vector<std::string>{"You said: ", "hello"}));
  EXPECT_EQ(completion.text, "You said: hello");
  EXPECT_EQ(completion.tokens, 2U);
  EXPECT_EQ(completion.tokens_per_second, 100.5);
  ASSERT_FALSE(progress.empty());
  EXPECT_EQ(progress.front().step, LoadProgress::Step::fetching);
  EXPECT_EQ(progress.back().step, LoadProgress::Step::starting);
  EXPECT_EQ(progress.back().bytes_done, model_.size_bytes());
}

TEST_F(LlamaRunnerTest, KeepsAModelForTheNextRequest) {
  LlamaRunner& runner = start("llama-good");
  complete(model_);
  const auto process = runner.process_id(model_.identity());
  complete(model_);
  EXPECT_EQ(model_.fills, 1);
  EXPECT_EQ(runner.process_id(model_.identity()), process);
  ASSERT_EQ(runner.running().size(), 1U);
  EXPECT_EQ(runner.running()[0].name, "team/model:latest");
  EXPECT_EQ(runner.running()[0].state, RunningModel::State::ready);
  EXPECT_EQ(runner.running()[0].requests, 0U);
}

TEST_F(LlamaRunnerTest, CallersThatComeTogetherShareOneLoad) {
  LlamaRunner& runner = start("llama-good");
  std::latch others_wait(3);
  model_.before_fill = [&](const CallOptions&) { others_wait.wait(); };
  std::vector<std::future<void>> callers;
  std::atomic<int> answers = 0;
  for (int i = 0; i < 4; ++i) {
    callers.push_back(std::async(std::launch::async, [&] {
      bool told = false;
      const auto on_progress = [&](const LoadProgress& step) {
        if (!std::exchange(told, true) && step.bytes_done == 0) others_wait.count_down();
      };
      answers += runner.complete(model_, prompt("hello"), {}, on_progress, {}).text == "You said: hello" ? 1 : 0;
    }));
  }
  for (auto& caller : callers) caller.get();
  EXPECT_EQ(answers, 4);
  EXPECT_EQ(model_.fills, 1);
}

TEST_F(LlamaRunnerTest, AnotherCallerTakesOverWhenTheOneThatLoadsGivesUp) {
  LlamaRunner& runner = start("llama-good");
  std::latch second_waits(1);
  model_.before_fill = [&](const CallOptions& options) {
    if (model_.fills > 1) return;
    second_waits.wait();
    check_cancelled(options, "source");
  };
  std::stop_source stop;
  CallOptions options;
  options.stop = stop.get_token();
  auto first = std::async(std::launch::async, [&] {
    return failure_of([&] { runner.complete(model_, prompt("hello"), {}, {}, options); }).kind;
  });
  while (model_.fills == 0) std::this_thread::yield();
  bool told = false;
  const auto on_progress = [&](const LoadProgress&) {
    if (std::exchange(told, true)) return;
    stop.request_stop();
    second_waits.count_down();
  };
  EXPECT_EQ(runner.complete(model_, prompt("hello"), {}, on_progress, {}).text, "You said: hello");
  EXPECT_EQ(first.get(), ErrorKind::cancelled);
  EXPECT_EQ(model_.fills, 2);
}

TEST_F(LlamaRunnerTest, ACrashedEngineIsStartedAgainAfterAWhileWithoutFetchingAnew) {
  LlamaRunner& runner = start("llama-crash-once");
  const Error crash = failure(model_);
  EXPECT_EQ(crash.kind, ErrorKind::transient);
  EXPECT_THAT(crash.what(), HasSubstr("crashed: signal "));
  EXPECT_EQ(crash.retry_after, seconds(1));
  EXPECT_EQ(runner.running()[0].state, RunningModel::State::stopped);
  EXPECT_EQ(runner.running()[0].requests, 0U);

  clock_.advance(Milliseconds(400));
  const Error too_early = failure(model_);
  EXPECT_EQ(too_early.kind, ErrorKind::transient);
  EXPECT_EQ(too_early.retry_after, Milliseconds(600));

  clock_.advance(Milliseconds(600));
  EXPECT_EQ(complete(model_).text, "You said: hello");
  EXPECT_EQ(model_.fills, 1);
}

TEST_F(LlamaRunnerTest, AnEngineThatDiesWhileItIsIdleIsStartedAgain) {
  LlamaRunner& runner = start("llama-good");
  complete(model_);
  const auto process = runner.process_id(model_.identity());
  ASSERT_EQ(::kill(*process, SIGKILL), 0);
  while (runner.process_id(model_.identity())) runner.unload_idle();
  clock_.advance(seconds(1));
  EXPECT_EQ(complete(model_).text, "You said: hello");
  EXPECT_NE(runner.process_id(model_.identity()), process);
  EXPECT_EQ(model_.fills, 1);
}

TEST_F(LlamaRunnerTest, AnEngineKilledWhileItLoadsIsLeftAloneLongerEachTime) {
  start("llama-die-loading");
  EXPECT_EQ(failure(model_).kind, ErrorKind::transient);
  EXPECT_EQ(failure(model_).retry_after, seconds(1));
  clock_.advance(seconds(1));
  EXPECT_THAT(failure(model_).what(), HasSubstr("signal "));
  EXPECT_EQ(failure(model_).retry_after, seconds(2));
  EXPECT_EQ(model_.fills, 1);
}

TEST(RestartDelay, DoublesUpToAMinute) {
  EXPECT_EQ(restart_delay(0), seconds(0));
  EXPECT_EQ(restart_delay(1), seconds(1));
  EXPECT_EQ(restart_delay(4), seconds(8));
  EXPECT_EQ(restart_delay(7), minutes(1));
  EXPECT_EQ(restart_delay(4'000'000'000), minutes(1));
}

TEST_F(LlamaRunnerTest, AModelThatTheEngineRefusesIsNamedWithTheReasonAndDropped) {
  LlamaRunner& runner = start("llama-refuse");
  const Error refused = failure(model_);
  EXPECT_EQ(refused.kind, ErrorKind::unsupported);
  EXPECT_THAT(refused.what(), HasSubstr("team/model:latest"));
  EXPECT_THAT(refused.what(), HasSubstr("unknown model architecture: '?[31m?'"));
  EXPECT_TRUE(runner.running().empty());
}

TEST_F(LlamaRunnerTest, AnEngineMadeForAnotherProcessorIsNotTheModelsFault) {
  LlamaRunner& runner = start("llama-illegal");
  try {
    complete(model_);
    FAIL() << "it did not fail";
  } catch (const NoEngine& error) {
    EXPECT_THAT(error.what(), HasSubstr("instructions that this processor does not have"));
  }
  EXPECT_TRUE(runner.running().empty());
}

TEST_F(LlamaRunnerTest, AnEngineThatIsKilledWhileItLoadsMayHaveRunOutOfMemory) {
  LlamaRunnerOptions options;
  options.sandbox.namespaces = false;  // the first process of a namespace cannot kill itself
  start("llama-die-loading", options);
  EXPECT_THAT(failure(model_).what(), HasSubstr("memory"));
}

TEST_F(LlamaRunnerTest, TheEngineGetsAllThatWasAskedFor) {
  LlamaRunner& runner = start("llama-show");
  CompletionRequest request = prompt("hello");
  request.max_tokens = 7;
  request.temperature = 0.5;
  request.top_p = 0.25;
  request.seed = 9;
  request.stop = {"END", "\n"};
  const auto asked = nlohmann::json::parse(runner.complete(model_, request, {}, {}, {}).text);
  EXPECT_EQ(asked["n_predict"], 7);
  EXPECT_EQ(asked["temperature"], 0.5);
  EXPECT_EQ(asked["top_p"], 0.25);
  EXPECT_EQ(asked["seed"], 9);
  EXPECT_EQ(asked["stop"], nlohmann::json({"END", "\n"}));
  EXPECT_FALSE(nlohmann::json::parse(complete(model_).text).contains("top_p"));
}

TEST_F(LlamaRunnerTest, AnEngineThatStallsIsKilled) {
  LlamaRunnerOptions options;
  options.stall_limit = Milliseconds(300);
  LlamaRunner& runner = start("llama-stall", options);
  EXPECT_EQ(failure(model_).kind, ErrorKind::timed_out);
  EXPECT_FALSE(runner.process_id(model_.identity()));
  EXPECT_EQ(runner.running()[0].state, RunningModel::State::stopped);
}

TEST_F(LlamaRunnerTest, AnEngineThatNeverGetsReadyIsGivenUp) {
  LlamaRunnerOptions options;
  options.stall_limit = Milliseconds(300);
  LlamaRunner& runner = start("llama-never-ready", options);
  const Error late = failure(model_);
  EXPECT_EQ(late.kind, ErrorKind::timed_out);
  EXPECT_THAT(late.what(), HasSubstr("not ready"));
  EXPECT_TRUE(runner.running().empty());
}

TEST_F(LlamaRunnerTest, AStopEndsAnAnswerAndLeavesTheEngineAlone) {
  LlamaRunner& runner = start("llama-stall");
  std::stop_source stop;
  CallOptions options;
  options.stop = stop.get_token();
  const auto on_text = [&](std::string_view) { stop.request_stop(); };
  EXPECT_EQ(failure_of([&] { runner.complete(model_, prompt("hello"), on_text, {}, options); }).kind,
            ErrorKind::cancelled);
  EXPECT_TRUE(runner.process_id(model_.identity()));
  EXPECT_EQ(runner.running()[0].requests, 0U);
}

TEST_F(LlamaRunnerTest, WhatTheReceiverOfTextThrowsComesOut) {
  LlamaRunner& runner = start("llama-good");
  const auto on_text = [](std::string_view) { throw std::runtime_error("the client has gone"); };
  EXPECT_THROW(runner.complete(model_, prompt("hello"), on_text, {}, {}), std::runtime_error);
  EXPECT_EQ(complete(model_).text, "You said: hello");
}

TEST_F(LlamaRunnerTest, WhatTheReceiverOfProgressThrowsComesOut) {
  LlamaRunner& runner = start("llama-good");
  const auto on_progress = [](const LoadProgress&) { throw std::runtime_error("the client has gone"); };
  EXPECT_THROW(runner.complete(model_, prompt("hello"), {}, on_progress, {}), std::runtime_error);
  EXPECT_TRUE(runner.running().empty());
  EXPECT_EQ(complete(model_).text, "You said: hello");
}

TEST_F(LlamaRunnerTest, ARefusedPromptIsTheCallersFault) {
  LlamaRunner& runner = start("llama-reject");
  const Error rejected = failure(model_);
  EXPECT_EQ(rejected.kind, ErrorKind::invalid);
  EXPECT_THAT(rejected.what(), HasSubstr("the prompt is too long"));
  EXPECT_TRUE(runner.process_id(model_.identity()));
}

TEST_F(LlamaRunnerTest, AnAnswerThatBreaksOffIsNoAnswer) {
  start("llama-break-off");
  EXPECT_EQ(failure(model_).kind, ErrorKind::transient);
  EXPECT_EQ(complete(model_).text, "You said: hello") << "the engine was still there";
}

TEST_F(LlamaRunnerTest, RequestsWithoutSenseAreRefusedBeforeAnythingIsFetched) {
  LlamaRunner& runner = start("llama-good");
  CompletionRequest request = prompt("hello");
  request.max_tokens = 0;
  EXPECT_EQ(failure_of([&] { runner.complete(model_, request, {}, {}, {}); }).kind, ErrorKind::invalid);
  EXPECT_EQ(model_.fills, 0);
  EXPECT_EQ(failure_of([&] { complete(model_, "\xff\xfe"); }).kind, ErrorKind::invalid) << "a prompt that is no UTF-8";
}

TEST_F(LlamaRunnerTest, AModelThatIsNotUsedIsDropped) {
  LlamaRunnerOptions options;
  options.idle_limit = minutes(5);
  LlamaRunner& runner = start("llama-good", options);
  complete(model_);
  const auto process = runner.process_id(model_.identity());
  clock_.advance(minutes(4));
  runner.unload_idle();
  EXPECT_EQ(runner.running().size(), 1U);
  complete(model_);
  clock_.advance(minutes(4));
  runner.unload_idle();
  EXPECT_EQ(runner.running().size(), 1U) << "it was used in between";
  clock_.advance(minutes(1));
  runner.unload_idle();
  EXPECT_TRUE(runner.running().empty());
  EXPECT_EQ(::kill(*process, 0), -1) << "its process is still there";
  complete(model_);
  EXPECT_EQ(model_.fills, 2);
}

TEST_F(LlamaRunnerTest, UnloadingFreesAModelThatNobodyUses) {
  LlamaRunner& runner = start("llama-good");
  EXPECT_FALSE(runner.unload(model_.identity()));
  bool busy_unloaded = true;
  runner.complete(model_, prompt("hello"), [&](std::string_view) { busy_unloaded = runner.unload(model_.identity()); },
                  {}, {});
  EXPECT_FALSE(busy_unloaded);
  EXPECT_TRUE(runner.unload(model_.identity()));
  EXPECT_TRUE(runner.running().empty());
}

// The engine does not even exist here: whoever reached it would say so.
TEST_F(LlamaRunnerTest, HostileFilesAreRefusedBeforeAnEngineSeesThem) {
  LlamaRunnerOptions options;
  options.llama_server = folder_ / "no-such-program";
  LlamaRunner& runner = start("", options);
  std::string hostile = test::small_gguf();
  hostile.replace(8, 8, std::string("\x00\x00\x00\x00\x00\x00\x00\x80", 8));  // 2^63 tensors
  for (const std::string& bytes :
       {hostile, test::small_gguf().substr(0, 600), std::string("no model"), std::string()}) {
    MemoryModelSource source("team/hostile:latest", bytes);
    const Error refused = failure(source);
    EXPECT_EQ(refused.kind, ErrorKind::unsupported);
    EXPECT_THAT(refused.what(), HasSubstr("cannot be run"));
  }
  EXPECT_TRUE(runner.running().empty());
}

TEST_F(LlamaRunnerTest, WhatTheSourceThrowsComesOutAndTheNextCallTriesAgain) {
  LlamaRunner& runner = start("llama-good");
  model_.before_fill = [&](const CallOptions&) {
    if (model_.fills == 1) throw Error(ErrorKind::lost, "pack 7", "too few shards");
  };
  EXPECT_EQ(failure(model_).kind, ErrorKind::lost);
  EXPECT_TRUE(runner.running().empty());
  EXPECT_EQ(complete(model_).text, "You said: hello");
}

TEST_F(LlamaRunnerTest, WithoutAnEngineItSaysHowToGetOne) {
  start("");
  try {
    complete(model_);
    ADD_FAILURE() << "an answer without an engine";
  } catch (const NoEngine& missing) {
    EXPECT_EQ(missing.kind, ErrorKind::unsupported);
    EXPECT_THAT(missing.what(), HasSubstr("tools/setup/llama-server"));
  }
  EXPECT_EQ(model_.fills, 0);
}

TEST_F(LlamaRunnerTest, AProgramThatIsNoEngineIsNamed) {
  start("llama-no-options");
  EXPECT_EQ(failure(model_).kind, ErrorKind::unsupported);
  EXPECT_EQ(failure(model_).kind, ErrorKind::unsupported);
}

TEST_F(LlamaRunnerTest, AModelBeyondTheBudgetIsRefusedWithTheNumbers) {
  LlamaRunnerOptions options;
  options.ram_budget_bytes = 100U << 20;
  start("llama-good", options);
  const Error refused = failure(model_);
  EXPECT_EQ(refused.kind, ErrorKind::out_of_space);
  EXPECT_FALSE(refused.retry_after);
  EXPECT_THAT(refused.what(), HasSubstr("the RAM budget is 100 MiB"));
  EXPECT_EQ(model_.fills, 0) << "nothing should have been fetched";
}

TEST_F(LlamaRunnerTest, AnIdleModelMakesRoomForAnotherAndABusyOneDoesNot) {
  LlamaRunnerOptions options;
  options.ram_budget_bytes = 200U << 20;
  LlamaRunner& runner = start("llama-good", options);
  MemoryModelSource other("team/other:latest", test::small_gguf('b'));
  std::optional<Error> while_busy;
  runner.complete(model_, prompt("hello"),
                  [&](std::string_view) {
                    if (!while_busy) while_busy = failure(other);
                  },
                  {}, {});
  ASSERT_TRUE(while_busy);
  EXPECT_EQ(while_busy->kind, ErrorKind::out_of_space);
  EXPECT_TRUE(while_busy->retry_after) << "it fits as soon as the other one is idle";

  const auto process = runner.process_id(model_.identity());
  EXPECT_EQ(complete(other).text, "You said: hello");
  ASSERT_EQ(runner.running().size(), 1U);
  EXPECT_EQ(runner.running()[0].name, "team/other:latest");
  EXPECT_EQ(::kill(*process, 0), -1);
}

TEST_F(LlamaRunnerTest, TheEngineSeesTheModelAndNoSecret) {
  ::setenv("MODELFLOAT_PASSPHRASE", "a secret of the parent", 1);
  LlamaRunner& runner = start("llama-report");
  const auto report = nlohmann::json::parse(complete(model_).text);
  ::unsetenv("MODELFLOAT_PASSPHRASE");
  EXPECT_THAT(report["descriptors"]["3"].get<std::string>(), HasSubstr("/memfd:modelfloat"));
  EXPECT_EQ(report["core_limit"], 0);
  const std::string seen = report["environment"].dump() + report["arguments"].dump();
  EXPECT_THAT(seen, testing::Not(HasSubstr("secret")));
  // The key is the first thing that was drawn.
  test::FixedRandom same;
  const auto key = same.array<24>();
  EXPECT_THAT(seen, testing::Not(HasSubstr(to_hex(key))));
  EXPECT_TRUE(runner.process_id(model_.identity()));
}

TEST_F(LlamaRunnerTest, LeavesNothingBehind) {
  start("llama-good");
  complete(model_);
  const auto process = runner_->process_id(model_.identity());
  runner_.reset();
  EXPECT_EQ(::kill(*process, 0), -1);
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    EXPECT_TRUE(entry.is_symlink()) << entry.path();
  }
}

}  // namespace
}  // namespace modelfloat::runner
