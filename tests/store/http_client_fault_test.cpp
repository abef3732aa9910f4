// The HTTP client when connections die, servers hang, and descriptors run out.

#include <algorithm>
#include <future>
#include <mutex>

#include "store/http_requests.h"
#include "support/fixed_random.h"
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>

#include "modelfloat/base/file_descriptor.h"

namespace modelfloat::test {
namespace {

using namespace http_requests;
using store::http::BasicLogin;
using store::http::ClientSettings;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// The client cannot know that the server closes a kept connection just now.
TEST(HttpClientTest, SendsOnceMoreWhenAKeptConnectionIsDead) {
  std::mutex mutex;
  std::vector<std::string> bodies;
  ScriptedServer server([&](ScriptedConnection& connection) {
    const auto first = connection.read_request();
    if (!first) return;
    connection.answer("200 OK", "first");
    const auto second = connection.read_request();
    if (!second) return;
    const std::lock_guard lock(mutex);
    bodies.push_back(second->body);  // read, and not answered
  });
  const Bytes big = random_bytes(1'500'000);
  Request put = get(server.url());
  put.method = "PUT";
  put.body = {as_bytes("head"), big};
  HttpClient client;
  EXPECT_EQ(client.send(get(server.url()), k_no_deadline).text(), "first");
  // As the first request of a second connection.
  EXPECT_EQ(client.send(put, k_no_deadline).text(), "first");
  EXPECT_EQ(server.connections(), 2U);
  const std::lock_guard lock(mutex);
  EXPECT_THAT(bodies, testing::ElementsAre("head" + std::string(as_text(big))));
}

TEST(HttpClientTest, WhatIsSentOnceMoreIsTheWholeBody) {
  std::promise<std::string> second;
  ScriptedServer server([&](ScriptedConnection& connection) {
    const auto request = connection.read_request();
    if (!request) return;
    if (connection.number() == 1) second.set_value(request->body);
    connection.answer("200 OK");
    // Most of the body of the second request is never read.
    if (connection.read_head()) connection.reset();
  });
  const Bytes big = random_bytes(8'000'000);
  Request put = get(server.url());
  put.method = "PUT";
  put.body = {as_bytes("head"), big};
  HttpClient client;
  client.send(get(server.url()), k_no_deadline);
  EXPECT_TRUE(client.send(put, k_no_deadline).ok());
  EXPECT_TRUE(second.get_future().get() == "head" + std::string(as_text(big)));
}

TEST(HttpClientTest, ANewConnectionThatDiesIsNotTriedAgain) {
  ScriptedServer server([](ScriptedConnection& connection) { connection.read_request(); });
  HttpClient client;
  EXPECT_EQ(kind_of_failure(client, get(server.url())), ErrorKind::transient);
  EXPECT_EQ(server.connections(), 1U);
}

TEST(HttpClientTest, CutAnswersAreTransient) {
  for (const char* answer : {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Le", "HTTP", "", "SSH-2.0-x\r\n\r\n"}) {
    ScriptedServer server(send_and_close(answer));
    HttpClient client;
    EXPECT_EQ(kind_of_failure(client, get(server.url())), ErrorKind::transient) << answer;
  }
}

TEST(HttpClientTest, AResetIsTransient) {
  ScriptedServer server([](ScriptedConnection& connection) {
    if (!connection.read_head()) return;
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
    connection.reset();
  });
  HttpClient client;
  EXPECT_EQ(kind_of_failure(client, get(server.url())), ErrorKind::transient);
}

TEST(HttpClientTest, NobodyThereIsOffline) {
  HttpClient client;
  EXPECT_EQ(kind_of_failure(client, get("http://127.0.0.1:" + std::to_string(closed_port()) + "/")),
            ErrorKind::offline);
  EXPECT_EQ(kind_of_failure(client, get("http://name.invalid/")), ErrorKind::offline);
}

TEST(HttpClientTest, WhatIsNoHttpUrlIsInvalid) {
  HttpClient client;
  for (const char* url :
       {"", "ftp://127.0.0.1/", "file:///etc/passwd", "http://127.0.0.1:99999/", "http://127.0.0.1/a b\r\nX: y"}) {
    EXPECT_EQ(kind_of_failure(client, get(url)), ErrorKind::invalid) << url;
  }
}

ClientSettings impatient() {
  ClientSettings settings;
  settings.stall_timeout = Milliseconds(1000);
  return settings;
}

TEST(HttpClientTest, AServerThatNeverAnswersIsTimedOut) {
  ScriptedServer server([](ScriptedConnection& connection) { connection.wait_for_close(); });
  HttpClient client(impatient());
  EXPECT_EQ(kind_of_failure(client, get(server.url())), ErrorKind::timed_out);
}

TEST(HttpClientTest, AnAnswerThatStallsIsTimedOut) {
  ScriptedServer server([](ScriptedConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
    connection.wait_for_close();
  });
  HttpClient client(impatient());
  EXPECT_EQ(kind_of_failure(client, get(server.url())), ErrorKind::timed_out);
}

TEST(HttpClientTest, ABodyThatNobodyTakesIsTimedOut) {
  std::promise<void> done;
  const auto wait = done.get_future().share();
  ScriptedServer server([wait](ScriptedConnection& connection) {
    connection.read_head();
    wait.wait();
  });
  HttpClient client(impatient());
  const Bytes big = random_bytes(64 << 20);
  Request put = get(server.url());
  put.method = "PUT";
  put.body = {big};
  EXPECT_EQ(kind_of_failure(client, put), ErrorKind::timed_out);
  done.set_value();
}

TEST(HttpClientTest, AStallOnAKeptConnectionIsTimedOutToo) {
  ScriptedServer server([](ScriptedConnection& connection) {
    connection.read_request();
    connection.answer("200 OK");
    connection.wait_for_close();
  });
  HttpClient client(impatient());
  client.send(get(server.url()), k_no_deadline);
  EXPECT_EQ(kind_of_failure(client, get(server.url())), ErrorKind::timed_out);
}

TEST(HttpClientTest, TheDeadlineEndsACall) {
  ScriptedServer server([](ScriptedConnection& connection) { connection.wait_for_close(); });
  HttpClient client;
  CallOptions options;
  options.deadline = std::chrono::steady_clock::now() + Milliseconds(100);
  EXPECT_EQ(kind_of_failure(client, get(server.url()), options), ErrorKind::timed_out);
  EXPECT_LT(std::chrono::steady_clock::now(), *options.deadline + Milliseconds(8000));
  // Without a new connection.
  EXPECT_EQ(kind_of_failure(client, get(server.url()), options), ErrorKind::timed_out);
  EXPECT_EQ(server.connections(), 1U);
}

TEST(HttpClientTest, AStopInTheMiddleEndsACallAtOnce) {
  std::stop_source stop;
  ScriptedServer server([&](ScriptedConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
    stop.request_stop();
    connection.wait_for_close();
  });
  HttpClient client;
  CallOptions options;
  options.stop = stop.get_token();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(kind_of_failure(client, get(server.url()), options), ErrorKind::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now(),
            begin + Milliseconds(8000));  // waiting for the stall would take 30 s, the poll 10 s
  EXPECT_EQ(kind_of_failure(client, get(server.url()), options), ErrorKind::cancelled);
  EXPECT_EQ(server.connections(), 1U);
}

TEST(HttpClientTest, MessagesNameNoUrl) {
  ScriptedServer unresponsive([](ScriptedConnection& connection) { connection.wait_for_close(); });
  ScriptedServer cut(send_and_close("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"));
  HttpClient client(impatient());
  const BasicLogin login{"secret-user", crypto::SecretBytes(std::string_view("secret-word")), false};
  for (const std::string& url :
       {unresponsive.url("/secret?token=secret"), cut.url("/secret?token=secret"),
        std::string("http://secret.invalid/secret"), std::string("secret://secret"),
        std::string("http://secret:99999999/"), "http://127.0.0.1:" + std::to_string(closed_port()) + "/secret"}) {
    Request request = get(url);
    request.where = "the place";
    request.headers = {{"Authorization", "Bearer secret"}};
    request.login = &login;
    const auto error = failure_of(client, request);
    ASSERT_TRUE(error) << url;
    EXPECT_THAT(error->what(), StartsWith("the place: ")) << url;
    EXPECT_THAT(error->what(), Not(HasSubstr("secret"))) << url;
  }
}

// Uses up all descriptors of this process for as long as it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    constexpr rlim_t k_few = 200;
    const rlimit few{std::min(k_few, before_.rlim_cur), before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
    for (;;) {
      FileDescriptor one(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      if (!one) break;
      held_.push_back(std::move(one));
    }
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
  std::vector<FileDescriptor> held_;
};

TEST(HttpClient, TooFewDescriptorsAreNotTheHostsFault) {
  ScriptedServer server(always_answer("200 OK"));
  HttpClient client;
  std::optional<Error> by_address;
  std::optional<Error> by_name;
  {
    const NoDescriptors none;
    by_address = failure_of(client, get(server.url()));
    by_name = failure_of(client, get("http://localhost:" + std::to_string(server.port()) + "/"));
  }
  for (const auto& error : {by_address, by_name}) {
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, ErrorKind::transient) << error->what();
    EXPECT_THAT(error->what(), HasSubstr("Too many open files"));
  }
  EXPECT_TRUE(client.send(get(server.url()), k_no_deadline).ok());
}

}  // namespace
}  // namespace modelfloat::test
