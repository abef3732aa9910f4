// Requests that the runner passes on to the engine's own API.

#include <string>
#include <thread>
#include <vector>

#include "runner/llama_runner_fixture.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace modelfloat::runner {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

const EngineCall k_streamed{.path = "/v1/chat/completions", .body = R"({"stream":true})"};
const std::string k_first_event = "data: \"one\"\n\n";

class ForwardTest : public LlamaRunnerTest {
 protected:
  void forward(const EngineCall& call, const CallOptions& options = {}) {
    heads_.clear();
    received_.clear();
    runner_->forward(
        model_, call,
        [&](const EngineAnswerHead& head, std::string_view bytes) {
          heads_.push_back(head);
          received_ += bytes;
          if (on_bytes_) on_bytes_();
        },
        [&](const LoadProgress& step) { progress_.push_back(step); }, options);
  }
  Error forward_failure(const EngineCall& call, const CallOptions& options = {}) {
    return failure_of([&] { forward(call, options); });
  }

  std::vector<EngineAnswerHead> heads_;
  std::string received_;
  std::vector<LoadProgress> progress_;
  std::function<void()> on_bytes_;
};

TEST_F(ForwardTest, PassesARequestOnAndItsAnswerBack) {
  start("llama-good");
  for (const std::string path : {"/v1/chat/completions", "/v1/completions", "/v1/embeddings"}) {
    forward({.path = path, .body = R"({"messages":[{"role":"user"}]})"});
    ASSERT_FALSE(heads_.empty());
    EXPECT_EQ(heads_[0].status, 200U);
    EXPECT_EQ(heads_[0].content_type, "application/json");
    const auto answer = nlohmann::json::parse(received_);
    EXPECT_EQ(answer["path"], path);
    EXPECT_EQ(answer["body"], nlohmann::json::parse(R"({"messages":[{"role":"user"}]})"));
  }
  EXPECT_EQ(model_.fills, 1);
  ASSERT_FALSE(progress_.empty());
  EXPECT_EQ(progress_.front().step, LoadProgress::Step::fetching);
  EXPECT_EQ(progress_.back().step, LoadProgress::Step::starting);
  EXPECT_EQ(runner_->running()[0].requests, 0U);
}

TEST_F(ForwardTest, SharesTheModelWithPrompts) {
  start("llama-good");
  EXPECT_EQ(complete(model_).text, "You said: hello");
  forward(k_streamed);
  EXPECT_EQ(model_.fills, 1);
  EXPECT_EQ(runner_->running().size(), 1U);
}

TEST_F(ForwardTest, EventsComeAsTheyAre) {
  start("llama-good");
  forward(k_streamed);
  EXPECT_EQ(received_, k_first_event + "data: \"two\"\n\ndata: [DONE]\n\n");
  for (const auto& head : heads_) {
    EXPECT_EQ(head.status, 200U);
    EXPECT_EQ(head.content_type, "text/event-stream");
  }
}

TEST_F(ForwardTest, BytesComeBeforeTheAnswerIsComplete) {
  start("llama-stall");
  std::stop_source stop;
  on_bytes_ = [&] { stop.request_stop(); };  // the engine says nothing more after this
  EXPECT_EQ(forward_failure(k_streamed, {stop.get_token(), std::nullopt}).kind, ErrorKind::cancelled);
  EXPECT_EQ(received_, k_first_event);
  EXPECT_TRUE(runner_->process_id(model_.identity())) << "the engine is not to blame";
  EXPECT_EQ(runner_->running()[0].requests, 0U);
}

TEST_F(ForwardTest, AStopWhileTheModelComesEndsTheCall) {
  start("llama-good");
  std::stop_source stop;
  model_.before_fill = [&](const CallOptions& options) {
    stop.request_stop();
    check_cancelled(options, "source");
  };
  EXPECT_EQ(forward_failure(k_streamed, {stop.get_token(), std::nullopt}).kind, ErrorKind::cancelled);
  EXPECT_TRUE(heads_.empty());
}

TEST_F(ForwardTest, AnErrorOfTheEngineIsAnAnswer) {
  start("llama-reject");
  forward(k_streamed);
  ASSERT_FALSE(heads_.empty());
  EXPECT_EQ(heads_[0].status, 400U);
  EXPECT_EQ(heads_[0].content_type, "application/json");
  EXPECT_EQ(nlohmann::json::parse(received_)["error"]["message"], "the prompt is too long");
}

TEST_F(ForwardTest, AnotherPathIsRefusedBeforeAnythingIsFetched) {
  start("llama-good");
  for (const std::string path :
       {"/slots/0?action=erase", "/models/load", "/completion", "/v1/chat/completions?x", "/v1/chat/completions/",
        "v1/completions", "/v1/completions HTTP/1.1\r\nX-Field: x", ""}) {
    EXPECT_EQ(forward_failure({.path = path, .body = "{}"}).kind, ErrorKind::invalid) << path;
  }
  EXPECT_EQ(model_.fills, 0);
  EXPECT_TRUE(heads_.empty());
}

TEST_F(ForwardTest, AnEngineThatDiesInTheMiddleIsToldAndStartedAgain) {
  start("llama-crash-once");
  const Error crash = forward_failure(k_streamed);
  EXPECT_EQ(crash.kind, ErrorKind::transient);
  EXPECT_THAT(crash.what(), HasSubstr("crashed: signal "));
  EXPECT_EQ(crash.retry_after, seconds(1));
  EXPECT_EQ(received_, k_first_event);
  EXPECT_EQ(runner_->running()[0].state, RunningModel::State::stopped);
  EXPECT_EQ(runner_->running()[0].requests, 0U);

  EXPECT_EQ(forward_failure(k_streamed).retry_after, seconds(1)) << "it is not to be started again yet";
  clock_.advance(seconds(1));
  forward(k_streamed);
  EXPECT_THAT(received_, HasSubstr("[DONE]"));
  EXPECT_EQ(model_.fills, 1);
}

TEST_F(ForwardTest, AnAnswerThatBreaksOffIsAnError) {
  start("llama-break-off");
  EXPECT_EQ(forward_failure(k_streamed).kind, ErrorKind::transient);
  EXPECT_EQ(received_, k_first_event);
  EXPECT_TRUE(runner_->process_id(model_.identity()));
}

TEST_F(ForwardTest, AnEngineThatIsSilentForLongerThanTheCallAllowsIsEnded) {
  LlamaRunnerOptions options;
  options.stall_limit = minutes(10);
  start("llama-stall", options);
  EngineCall call = k_streamed;
  call.stall_limit = Milliseconds(300);
  EXPECT_EQ(forward_failure(call).kind, ErrorKind::timed_out);
  EXPECT_FALSE(runner_->process_id(model_.identity()));
}

TEST_F(ForwardTest, WhatTheReceiverThrowsComesOut) {
  start("llama-good");
  on_bytes_ = [] { throw std::runtime_error("the client has gone"); };
  EXPECT_THROW(forward(k_streamed), std::runtime_error);
  on_bytes_ = {};
  forward(k_streamed);
  EXPECT_THAT(received_, HasSubstr("[DONE]"));
}

TEST_F(ForwardTest, WithoutAnEngineItSaysHowToGetOne) {
  start("");
  EXPECT_THROW(forward(k_streamed), NoEngine);
}

}  // namespace
}  // namespace modelfloat::runner
