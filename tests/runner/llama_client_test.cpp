// Answers of an engine that was taken over: nothing of it may cost more than a bounded piece of
// memory and time.

#include "modelfloat/runner/llama_client.h"

#include <cstring>
#include <thread>

#include "support/temporary_folder.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/file_descriptor.h"

namespace modelfloat::runner {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

const std::string k_event_head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

// Says `start` to each client, then `again` until nobody listens any more.
class HostileServer {
 public:
  HostileServer(std::string start, std::string again) : start_(std::move(start)), again_(std::move(again)) {
    listener_ = FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path().c_str());
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 4), 0);
    thread_ = std::jthread([this] { serve(); });
  }
  ~HostileServer() { ::shutdown(listener_.get(), SHUT_RDWR); }
  HostileServer(const HostileServer&) = delete;
  HostileServer& operator=(const HostileServer&) = delete;

  std::filesystem::path path() const { return folder_ / "x.sock"; }

 private:
  static bool say(const FileDescriptor& connection, const std::string& text) {
    return ::send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL) >= 0;
  }
  void serve() {
    for (;;) {
      const FileDescriptor connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection) return;
      char request[4096];
      if (::recv(connection.get(), request, sizeof request, 0) <= 0) continue;
      if (!say(connection, start_)) continue;
      while (!again_.empty() && say(connection, again_)) {
      }
    }
  }

  test::TemporaryFolder folder_;
  std::string start_;
  std::string again_;
  FileDescriptor listener_;
  std::jthread thread_;
};

CompletionRequest few_tokens() {
  CompletionRequest request;
  request.prompt = "hello";
  request.max_tokens = 4;
  return request;
}

Error failure(const HostileServer& server, Milliseconds stall_limit = seconds(60)) {
  try {
    const LlamaClient client(server.path(), "key", stall_limit);
    client.complete(few_tokens(), {}, {});
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "it was taken for an answer";
  return {ErrorKind::internal, "test", "no failure"};
}

TEST(HostileAnswer, ALengthBeyondAllMemoryReservesNone) {
  const HostileServer server("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000000\r\n\r\ndata: {}\n\n", "");
  EXPECT_EQ(failure(server).kind, ErrorKind::transient);
}

TEST(HostileAnswer, TextWithoutAnEndIsMoreThanWasAskedFor) {
  const HostileServer server(k_event_head, "data: {\"content\": \"" + std::string(2000, 'x') + "\"}\n\n");
  EXPECT_THAT(failure(server).what(), HasSubstr("more than it was asked for"));
}

TEST(HostileAnswer, EventsWithoutTextHaveAnEndToo) {
  const HostileServer server(k_event_head, "data: {\"content\": \"\"}\n\n");
  EXPECT_THAT(failure(server).what(), HasSubstr("more than it was asked for"));
}

TEST(HostileAnswer, ALineWithoutAnEndIsNotKept) {
  const HostileServer server(k_event_head + "data: ", std::string(100'000, 'x'));
  EXPECT_THAT(failure(server).what(), HasSubstr("without an end"));
}

TEST(HostileAnswer, AnEventOfEndlessLinesIsNotKept) {
  const HostileServer server(k_event_head, "data: " + std::string(100'000, 'x') + "\n");
  EXPECT_THAT(failure(server).what(), HasSubstr("without an end"));
}

TEST(HostileAnswer, AHeadWithoutAnEndIsNotKept) {
  const HostileServer server("HTTP/1.1 200 OK\r\n", "X-Field: " + std::string(1000, 'x') + "\r\n");
  EXPECT_EQ(failure(server).kind, ErrorKind::internal);
}

TEST(HostileAnswer, TrailersWithoutAnEndAreNotKept) {
  const HostileServer server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
                             "X-Field: " + std::string(1000, 'x') + "\r\n");
  EXPECT_EQ(failure(server).kind, ErrorKind::internal);
}

TEST(HostileAnswer, AChunkExtensionWithoutAnEndIsNotKept) {
  const HostileServer server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=", std::string(100'000, 'x'));
  EXPECT_EQ(failure(server).kind, ErrorKind::internal);
}

TEST(HostileAnswer, AComplaintWithoutAnEndIsNotKept) {
  const HostileServer server("HTTP/1.1 500 Internal Server Error\r\n\r\n", std::string(100'000, 'x'));
  EXPECT_THAT(failure(server).what(), HasSubstr("does not end"));
}

TEST(HostileAnswer, JsonThatIsNestedDeeplyIsNotRead) {
  const HostileServer event(k_event_head + "data: {\"error\": {\"x\": " + std::string(1'000'000, '[') +
                                std::string(1'000'000, ']') + "}}\n\n",
                            "");
  EXPECT_THAT(failure(event).what(), HasSubstr("no JSON object"));
  const std::string deep = "{\"error\":" + std::string(30'000, '[') + std::string(30'000, ']') + "}";
  const HostileServer complaint(
      "HTTP/1.1 500 Internal Server Error\r\nContent-Length: " + std::to_string(deep.size()) + "\r\n\r\n" + deep, "");
  EXPECT_THAT(failure(complaint).what(), HasSubstr("no reason given"));
}

TEST(HostileAnswer, NumbersOfAnyKindAreTakenOrLeft) {
  const HostileServer server(k_event_head +
                                 "data: {\"content\": \"x\", \"tokens_predicted\": -1}\n\n"
                                 "data: {\"content\": \"\", \"tokens_predicted\": 1e300}\n\n"
                                 "data: {\"error\": {\"code\": 1e300, \"message\": 5}}\n\n",
                             "");
  EXPECT_THAT(failure(server).what(), HasSubstr("no reason given (status 500)"));
}

TEST(HostileAnswer, WhatItComplainsCannotRewriteATerminal) {
  const std::string body =
      "{\"error\": {\"message\": \"\\u001b[2J\\u009b1m\\r\\nWARNING forged " + std::string(10'000, 'x') + "\"}}";
  const HostileServer server(
      "HTTP/1.1 400 Bad Request\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body, "");
  const std::string said = failure(server).what();
  EXPECT_THAT(said, HasSubstr("[2J"));
  for (const char* control : {"\x1b", "\xc2\x9b", "\r", "\n"}) EXPECT_THAT(said, Not(HasSubstr(control)));
  EXPECT_LT(said.size(), 1000U);
}

TEST(HostileAnswer, ASecondAnswerBehindTheFirstIsNobodys) {
  const std::string event = "data: {\"content\": \"one\", \"stop\": true}\n\n";
  const std::string second = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsmuggled!";
  const HostileServer server(
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(event.size()) + "\r\n\r\n" + event + second, "");
  const LlamaClient client(server.path(), "key", seconds(60));
  EXPECT_EQ(client.complete(few_tokens(), {}, {}).text, "one");
  EXPECT_EQ(client.complete(few_tokens(), {}, {}).text, "one");
}

TEST(HostileAnswer, TwoWaysToSayTheLengthAreOneTooMany) {
  const HostileServer server(
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ndata:\r\n0\r\n\r\n", "");
  EXPECT_NE(failure(server).kind, ErrorKind::invalid);
}

Error forward_failure_of(const HostileServer& server) {
  try {
    const LlamaClient client(server.path(), "key", seconds(60));
    client.forward({.path = "/v1/completions", .body = "{}"}, [](const auto&, auto) {}, {});
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "it was passed on";
  return {ErrorKind::internal, "test", "no failure"};
}

TEST(HostileAnswer, OnlyJsonAndEventsArePassedOn) {
  for (const std::string type : {"Content-Type: text/html\r\n", "Content-Type: application/jsonx\r\n",
                                 "Content-Type: \r\n", "X-Field: application/json\r\n"}) {
    for (const std::string body : {"<script>", ""}) {
      const HostileServer server(
          "HTTP/1.1 200 OK\r\n" + type + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body, "");
      EXPECT_EQ(forward_failure_of(server).kind, ErrorKind::internal) << type;
    }
  }
}

TEST(HostileAnswer, OnlySuccessAndErrorsArePassedOn) {
  for (const std::string status : {"201", "204", "302", "401", "600", "999"}) {
    const HostileServer server(
        "HTTP/1.1 " + status + " X\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n", "");
    EXPECT_EQ(forward_failure_of(server).kind, ErrorKind::internal) << status;
  }
}

TEST(HostileAnswer, WhatIsPassedOnHasAnEnd) {
  const HostileServer server("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", std::string(1 << 20, ' '));
  EXPECT_THAT(forward_failure_of(server).what(), HasSubstr("does not end"));
}

TEST(HostileAnswer, AnAnswerWithoutBytesIsPassedOnToo) {
  const HostileServer server(
      "HTTP/1.1 503 X\r\nContent-Type: Application/JSON; charset=utf-8\r\nContent-Length: 0\r\n\r\n", "");
  const LlamaClient client(server.path(), "key", seconds(60));
  std::vector<EngineAnswerHead> heads;
  client.forward({.path = "/v1/completions", .body = "{}"},
                 [&](const EngineAnswerHead& head, std::string_view) { heads.push_back(head); }, {});
  ASSERT_EQ(heads.size(), 1U);
  EXPECT_EQ(heads[0].status, 503U);
  EXPECT_EQ(heads[0].content_type, "application/json");
}

TEST(HostileAnswer, AHealthWithoutAnEndIsNoHealth) {
  const HostileServer server("HTTP/1.1 200 OK\r\n\r\n", std::string(1000, 'x'));
  const LlamaClient client(server.path(), "key", seconds(60));
  EXPECT_THROW(client.ready({}), Error);
}

}  // namespace
}  // namespace modelfloat::runner
