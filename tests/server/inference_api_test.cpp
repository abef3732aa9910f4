#include <condition_variable>
#include <future>
#include <mutex>

#include "api_fixture.h"

namespace modelfloat::test {
namespace {

using nlohmann::json;
using runner::LoadProgress;

class InferenceTest : public ApiTest {
 protected:
  InferenceTest() { service_.add_model("ns/m"); }
  RawAnswer infer(const json& body) { return ask(with_json("POST /models/ns%2Fm/inference", "infer", body)); }
};

TEST_F(InferenceTest, AnswersAPrompt) {
  runner::CompletionRequest seen;
  service_.on_infer = [&](const std::string&, const runner::CompletionRequest& request, const auto&, const auto&,
                          const CallOptions&) {
    seen = request;
    return runner::Completion{"Paris", 1, 0.5, 20};
  };
  const auto answer = infer({{"prompt", "The capital of France is"}, {"max_tokens", 5}, {"temperature", 0}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(json_of(answer),
            json::parse(
                R"({"text":"Paris","model":"ns/m","tokens":1,"seconds_to_first_token":0.5,"tokens_per_second":20.0})"));
  EXPECT_EQ(seen.prompt, "The capital of France is");
  EXPECT_EQ(seen.max_tokens, 5U);
  EXPECT_EQ(seen.temperature, 0);
  infer({{"prompt", "x"}});
  EXPECT_EQ(seen.max_tokens, 128U);
}

TEST_F(InferenceTest, StopSeedAndTopPReachTheRunner) {
  runner::CompletionRequest seen;
  service_.on_infer = [&](const std::string&, const runner::CompletionRequest& request, const auto&, const auto&,
                          const CallOptions&) {
    seen = request;
    return runner::Completion{};
  };
  EXPECT_EQ(infer({{"prompt", "x"}, {"stop", {"\n", "END"}}, {"seed", 4294967294U}, {"top_p", 0.5}}).status, 200);
  EXPECT_EQ(seen.stop, (std::vector<std::string>{"\n", "END"}));
  EXPECT_EQ(seen.seed, 4294967294U);
  EXPECT_EQ(seen.top_p, 0.5);
  EXPECT_EQ(infer({{"prompt", "x"}, {"stop", "END"}, {"seed", 0}, {"top_p", 1}}).status, 200);
  EXPECT_EQ(seen.stop, std::vector<std::string>{"END"});
  EXPECT_EQ(seen.seed, 0U);
  const json null;
  EXPECT_EQ(infer({{"prompt", "x"}, {"stop", null}, {"seed", null}, {"top_p", null}, {"temperature", null}}).status,
            200);
  EXPECT_EQ(seen.stop, std::vector<std::string>{});
  EXPECT_EQ(seen.seed, std::nullopt);
  EXPECT_EQ(infer({{"prompt", "x"}, {"stop", json::array()}}).status, 200);
  EXPECT_EQ(seen.seed, std::nullopt);
  EXPECT_EQ(seen.top_p, std::nullopt);
}

TEST_F(InferenceTest, AFieldThatIsNotKnownIsNamed) {
  const auto answer = infer({{"prompt", "x"}, {"presence_penalty", 1}});
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(code_of(answer), "unknown_field");
  EXPECT_NE(answer.body.find("`presence_penalty`"), std::string::npos);
}

TEST_F(InferenceTest, AFieldThatStandsTwiceIsNamed) {
  for (const std::string body : {R"({"prompt":"x","max_tokens":1,"max_tokens":2})", R"({"prompt":"x","prompt":"y"})"}) {
    const auto answer = ask(with_body("POST /models/ns%2Fm/inference", "infer", "application/json", body));
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_NE(answer.body.find("twice"), std::string::npos) << answer.body;
  }
}

TEST_F(InferenceTest, TakesUnusualFormsOfTheSame) {
  const auto status = [this](const std::string& body, const std::string& type = "application/json") {
    return ask(with_body("POST /models/ns%2Fm/inference", "infer", type, body)).status;
  };
  EXPECT_EQ(status("\xef\xbb\xbf{\"prompt\":\"x\"}"), 200);
  EXPECT_EQ(status(" \r\n{\"prompt\":\"x\"}\n"), 200);
  EXPECT_EQ(status(R"({"prompt":"x","max_tokens":16.0,"seed":7.0})"), 200);
  EXPECT_EQ(status(R"({"prompt":"x"})", "Application/JSON; Charset=\"UTF-8\""), 200);
  EXPECT_EQ(status(R"({"prompt":"x"})", "application/json;charset=utf-8"), 200);
  EXPECT_EQ(status(R"({"prompt":"x"})", "application/json; charset=latin1"), 415);
}

TEST_F(InferenceTest, ChecksWhatIsAsked) {
  service_.on_infer = [](const auto&, const auto&, const auto&, const auto&, const CallOptions&) -> runner::Completion {
    throw std::logic_error("this must not be reached");
  };
  for (const auto* bad :
       {R"({})",
        R"({"prompt":1})",
        R"({"prompt":""})",
        R"({"prompt":null})",
        R"({"prompt":"x","max_tokens":0})",
        R"({"prompt":"x","max_tokens":-1})",
        R"({"prompt":"x","max_tokens":8193})",
        R"({"prompt":"x","max_tokens":1.5})",
        R"({"prompt":"x","max_tokens":"5"})",
        R"({"prompt":"x","max_tokens":18446744073709551615})",
        R"({"prompt":"x","max_tokens":9223372036854775809})",
        R"({"prompt":"x","max_tokens":1e300})",
        R"({"prompt":"x","temperature":-0.1})",
        R"({"prompt":"x","temperature":2.1})",
        R"({"prompt":"x","stream":"yes"})",
        R"({"prompt":"x","stop":1})",
        R"({"prompt":"x","stop":""})",
        R"({"prompt":"x","stop":["a",1]})",
        R"({"prompt":"x","stop":["a",""]})",
        R"({"prompt":"x","stop":[["a"]]})",
        R"({"prompt":"x","stop":["1","2","3","4","5","6","7","8","9","a","b","c","d","e","f","g","h"]})",
        R"({"prompt":"x","seed":-1})",
        R"({"prompt":"x","seed":1.5})",
        R"({"prompt":"x","seed":"7"})",
        R"({"prompt":"x","seed":4294967295})",
        R"({"prompt":"x","seed":18446744073709551616})",
        R"({"prompt":"x","top_p":-0.1})",
        R"({"prompt":"x","top_p":1.1})",
        R"({"prompt":"x","top_p":"1"})",
        R"({"prompt":"x","top_p":1e999})",
        R"([])",
        R"("x")",
        R"(null)",
        R"({"prompt":"x")",
        R"({"prompt":"x"}})",
        "",
        "{\"prompt\":\"\xff\"}",
        R"({"prompt":"x","temperature":NaN})"}) {
    EXPECT_EQ(ask(with_body("POST /models/ns%2Fm/inference", "infer", "application/json", bad)).status, 400) << bad;
  }
  const auto deep = "{\"prompt\":\"x\",\"a\":" + std::string(100, '[') + std::string(100, ']') + "}";
  EXPECT_EQ(ask(with_body("POST /models/ns%2Fm/inference", "infer", "application/json", deep)).status, 400);
  const auto very_deep = "{\"a\":" + std::string(900'000, '[');
  EXPECT_EQ(ask(with_body("POST /models/ns%2Fm/inference", "infer", "application/json", very_deep)).status, 400);
  EXPECT_EQ(infer({{"prompt", std::string(600 << 10, 'x')}}).status, 413);
  EXPECT_EQ(infer({{"prompt", std::string(2 << 20, 'x')}}).status, 413);
  const auto chunked = head("POST /models/ns%2Fm/inference", "infer",
                            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n") +
                       "200000\r\n" + std::string(2 << 20, ' ') + "\r\n0\r\n\r\n";
  EXPECT_EQ(ask(chunked).status, 413);
  EXPECT_EQ(ask(with_body("POST /models/ns%2Fm/inference", "infer", "text/plain", R"({"prompt":"x"})")).status, 415);
}

TEST_F(InferenceTest, HostileChunksAreRefused) {
  for (const auto* chunk :
       {"-2\r\nxx\r\n", "+5\r\nhello\r\n", "0x5\r\nhello\r\n", "5\nhello\r\n", "ffffffffffffffffff\r\n"}) {
    const auto answer = ask(head("POST /models/ns%2Fm/inference", "infer",
                                 "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n") +
                            chunk);
    EXPECT_EQ(answer.status, 400) << chunk;
    EXPECT_EQ(code_of(answer), "bad_chunk");
  }
}

TEST_F(InferenceTest, StreamsTextAndProgress) {
  service_.on_infer = [](const auto&, const auto&, const runner::TokenSink& on_text,
                         const runner::LoadProgressSink& on_progress, const CallOptions&) {
    on_progress(LoadProgress{LoadProgress::Step::fetching, 12'000'000, 98'000'000});
    on_text("The \"answer\"\n");
    on_text("ä");
    return runner::Completion{};
  };
  const auto answer = infer({{"prompt", "x"}, {"stream", true}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("content-type"), "text/event-stream");
  EXPECT_EQ(answer.headers.at("cache-control"), "no-store");
  EXPECT_TRUE(answer.whole);
  EXPECT_EQ(
      answer.body,
      ": 12 of 98 MB\n\ndata: {\"text\":\"The \\\"answer\\\"\\n\"}\n\ndata: {\"text\":\"ä\"}\n\ndata: [DONE]\n\n");
}

TEST_F(InferenceTest, EventsGoOutAsTheyAre) {
  std::promise<void> go_on;
  service_.on_infer = [&](const auto&, const auto&, const runner::TokenSink& on_text, const auto&, const CallOptions&) {
    on_text("one");
    go_on.get_future().wait();
    on_text("two");
    return runner::Completion{};
  };
  RawClient client(port());
  client.send(with_json("POST /models/ns%2Fm/inference", "infer", {{"prompt", "x"}, {"stream", true}}));
  // While the answer still goes on.
  EXPECT_NE(client.read_until("\"one\"}\n\n").find("\"one\""), std::string::npos);
  go_on.set_value();
  EXPECT_NE(client.read_until("[DONE]\n\n").find("\"two\""), std::string::npos);
}

TEST_F(InferenceTest, AnErrorBeforeTheFirstWordHasItsOwnStatus) {
  std::optional<Error> error;
  service_.on_infer = [&](const auto&, const auto&, const auto&, const auto&,
                          const CallOptions&) -> runner::Completion { throw Error(*error); };
  struct Case {
    Error error;
    int status;
    std::string code;
  };
  const std::vector<Case> cases{
      {Error(ErrorKind::unsupported, "ns/m", "it has no GGUF file"), 422, "not_runnable"},
      {Error(ErrorKind::out_of_space, "ram", "too big"), 507, "out_of_space"},
      {Error(ErrorKind::rate_limited, "store", "wait", Milliseconds{2500}), 429, "rate_limited"},
      {Error(ErrorKind::transient, "engine", "crashed"), 503, "try_again"},
      {Error(ErrorKind::timed_out, "engine", "stalled"), 504, "timed_out"},
      {Error(ErrorKind::offline, "store", "gone"), 503, "stores_offline"},
      {Error(ErrorKind::lost, "pack", "3 of 4 shards"), 503, "data_lost"},
      {Error(ErrorKind::lost, "pack", "3 of 4 shards now", Milliseconds{2500}), 503, "stores_offline"},
      {Error(ErrorKind::corrupt, "pack", "bad tag"), 500, "data_corrupt"},
      {Error(ErrorKind::denied, "key", "wrong"), 403, "denied"},
      {Error(ErrorKind::internal, "secret", "detail"), 500, "internal"},
  };
  for (const auto& [thrown, status, code] : cases) {
    error = thrown;
    for (const bool stream : {false, true}) {
      const auto answer = infer({{"prompt", "x"}, {"stream", stream}});
      EXPECT_EQ(answer.status, status) << code;
      EXPECT_EQ(code_of(answer), code);
      const bool tells = answer.body.find("detail") != std::string::npos;
      EXPECT_FALSE(tells);
      if (thrown.retry_after) {
        EXPECT_EQ(answer.headers.at("retry-after"), "3");
      }
      EXPECT_EQ(answer.headers.contains("retry-after"), thrown.retry_after || code == "try_again") << code;
    }
  }
}

TEST_F(InferenceTest, AMachineWithoutAnEngineDoesNotBlameTheModel) {
  service_.on_infer = [](const auto&, const auto&, const auto&, const auto&, const CallOptions&) -> runner::Completion {
    throw runner::NoEngine("llama-server", "not found");
  };
  for (const bool stream : {false, true}) {
    const auto answer = infer({{"prompt", "x"}, {"stream", stream}});
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(code_of(answer), "no_engine");
    EXPECT_FALSE(answer.headers.contains("retry-after"));
  }
}

TEST_F(InferenceTest, AnErrorInTheMiddleIsAnEvent) {
  service_.on_infer = [](const auto&, const auto&, const runner::TokenSink& on_text, const auto&,
                         const CallOptions&) -> runner::Completion {
    on_text("one");
    throw Error(ErrorKind::transient, "engine", "it crashed");
  };
  const auto answer = infer({{"prompt", "x"}, {"stream", true}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("data: {\"error\":{\"code\":\"try_again\",\"message\":\"engine: it crashed\"}}\n\n"),
            std::string::npos);
  EXPECT_EQ(answer.body.find("[DONE]"), std::string::npos);
}

TEST_F(InferenceTest, AClientThatGoesAwayStopsTheGeneration) {
  for (const bool stream : {false, true}) {
    std::promise<void> stopped;
    service_.on_infer = [&](const auto&, const auto&, const runner::TokenSink& on_text, const auto&,
                            const CallOptions& call) -> runner::Completion {
      if (on_text) on_text("one");
      std::mutex mutex;
      std::condition_variable_any changed;
      std::unique_lock lock(mutex);
      changed.wait(lock, call.stop, [] { return false; });
      stopped.set_value();
      throw Error(ErrorKind::cancelled, "test", "stopped");
    };
    RawClient client(port());
    client.send(with_json("POST /models/ns%2Fm/inference", "infer", {{"prompt", "x"}, {"stream", stream}}));
    if (stream) client.read_until("one");
    client.hang_up();
    stopped.get_future().wait();
    server_.reset();
  }
}

TEST_F(InferenceTest, NamesThatAreNotUtf8CannotBreakAnAnswer) {
  service_.on_infer = [](const auto&, const auto&, const runner::TokenSink& on_text, const auto&, const CallOptions&) {
    on_text("\xff");
    return runner::Completion{};
  };
  EXPECT_NE(infer({{"prompt", "x"}, {"stream", true}}).body.find("[DONE]"), std::string::npos);
}

}  // namespace
}  // namespace modelfloat::test
