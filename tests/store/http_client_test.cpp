#include "modelfloat/store/http/http_client.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <future>

#include "support/fixed_random.h"
#include "support/plain_call.h"
#include "support/scripted_server.h"
#include "support/temporary_folder.h"
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/file_descriptor.h"

namespace modelfloat::test {
namespace {

using store::http::BasicLogin;
using store::http::ClientSettings;
using store::http::HttpClient;
using store::http::Request;
using store::http::Response;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Request get(const std::string& url) { return {.method = "GET", .url = url, .where = "test"}; }

std::optional<Error> failure_of(HttpClient& client, const Request& request,
                                const CallOptions& options = k_no_deadline) {
  try {
    client.send(request, options);
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  }
}

ErrorKind kind_of_failure(HttpClient& client, const Request& request, const CallOptions& options = k_no_deadline) {
  const auto error = failure_of(client, request, options);
  EXPECT_TRUE(error);
  return error ? error->kind : ErrorKind::internal;
}

// Answers every request of every connection by `reply`.
ScriptedServer::Script always(std::function<void(ScriptedConnection&, const ScriptedRequest&)> reply) {
  return [reply = std::move(reply)](ScriptedConnection& connection) {
    while (const auto request = connection.read_request()) reply(connection, *request);
  };
}

ScriptedServer::Script always_answer(const std::string& status, const std::string& body = {},
                                     const std::string& header_lines = {}) {
  return always(
      [=](ScriptedConnection& connection, const ScriptedRequest&) { connection.answer(status, body, header_lines); });
}

// Sends these bytes for the first request of each connection, then closes.
ScriptedServer::Script send_and_close(std::string bytes) {
  return [bytes = std::move(bytes)](ScriptedConnection& connection) {
    if (connection.read_request()) connection.send(bytes);
  };
}

TEST(HttpClientTest, GivesStatusHeadersAndBody) {
  ScriptedServer server(always_answer("418 Short and stout", "tea", "X-Pot:  blue \r\nx-pot: second\r\nEmpty:\r\n"));
  const Response response = HttpClient().send(get(server.url()), k_no_deadline);
  EXPECT_EQ(response.status, 418);
  EXPECT_FALSE(response.ok());
  EXPECT_EQ(response.text(), "tea");
  EXPECT_EQ(response.header("x-pot"), "blue");
  EXPECT_EQ(response.header("empty"), "");
  EXPECT_EQ(response.header("none"), std::nullopt);
}

TEST(HttpClientTest, SendsMethodPathAndHeaders) {
  std::promise<ScriptedRequest> seen;
  ScriptedServer server([&](ScriptedConnection& connection) {
    seen.set_value(connection.read_request().value());
    connection.answer("200 OK");
  });
  Request request = get(server.url("/a/../b%20c?x=1&y="));
  request.method = "PROPFIND";
  request.headers = {{"Depth", "1"}, {"X-Empty", ""}};
  HttpClient().send(request, k_no_deadline);
  const ScriptedRequest got = seen.get_future().get();
  EXPECT_EQ(got.line(), "PROPFIND /a/../b%20c?x=1&y= HTTP/1.1");
  EXPECT_EQ(got.header("depth"), "1");
  EXPECT_THAT(got.head, HasSubstr("X-Empty:"));
  EXPECT_EQ(got.header("content-length"), "");  // no body is announced
  EXPECT_EQ(got.header("expect"), "");
  EXPECT_EQ(got.header("authorization"), "");
}

TEST(HttpClientTest, SendsTheBodyOfAllParts) {
  std::promise<ScriptedRequest> seen;
  ScriptedServer server([&](ScriptedConnection& connection) {
    seen.set_value(connection.read_request().value());
    connection.answer("201 Created");
  });
  const Bytes big = random_bytes(3'000'001);
  Request request = get(server.url());
  request.method = "PUT";
  request.body = {as_bytes("begin"), {}, big, as_bytes("end"), {}};
  EXPECT_EQ(HttpClient().send(request, k_no_deadline).status, 201);
  const ScriptedRequest got = seen.get_future().get();
  EXPECT_EQ(got.header("content-length"), std::to_string(big.size() + 8));
  EXPECT_EQ(got.header("transfer-encoding"), "");
  EXPECT_TRUE(got.body == "begin" + std::string(as_text(big)) + "end");
}

TEST(HttpClientTest, AnnouncesAnEmptyBodyWhereOneIsUsual) {
  std::mutex mutex;
  std::vector<std::string> lengths;
  ScriptedServer server(always([&](ScriptedConnection& connection, const ScriptedRequest& request) {
    const std::lock_guard lock(mutex);
    lengths.push_back(request.line().substr(0, 6) + "|" + request.header("content-length"));
    connection.answer("200 OK");
  }));
  HttpClient client;
  for (const char* method : {"PUT", "POST", "MKCOL", "DELETE"}) {
    Request request = get(server.url());
    request.method = method;
    request.has_body = request.method == "MKCOL";
    client.send(request, k_no_deadline);
  }
  const std::lock_guard lock(mutex);
  EXPECT_THAT(lengths, testing::ElementsAre("PUT / |0", "POST /|0", "MKCOL |0", "DELETE|"));
}

TEST(HttpClientTest, HeadHasNoBody) {
  ScriptedServer server(always([](ScriptedConnection& connection, const ScriptedRequest& request) {
    if (request.line().starts_with("HEAD")) {
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    } else {
      connection.answer("200 OK", "after");
    }
  }));
  HttpClient client;
  Request request = get(server.url());
  request.method = "HEAD";
  const Response head = client.send(request, k_no_deadline);
  EXPECT_EQ(head.header("content-length"), "1000000");
  EXPECT_TRUE(head.body.empty());
  // On the same connection.
  EXPECT_EQ(client.send(get(server.url()), k_no_deadline).text(), "after");
  EXPECT_EQ(server.connections(), 1U);
}

TEST(HttpClientTest, JoinsChunks) {
  ScriptedServer server(
      send_and_close("HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                     "chunked\r\n\r\n4\r\nWiki\r\n5;ext=1\r\npedia\r\n0\r\nX-Trailer: t\r\n\r\n"));
  EXPECT_EQ(HttpClient().send(get(server.url()), k_no_deadline).text(), "Wikipedia");
}

TEST(HttpClientTest, AnAnswerWithoutLengthEndsWithTheConnection) {
  ScriptedServer server(send_and_close("HTTP/1.0 200 OK\r\n\r\nall of it"));
  EXPECT_EQ(HttpClient().send(get(server.url()), k_no_deadline).text(), "all of it");
}

TEST(HttpClientTest, PassesOverContinue) {
  ScriptedServer server(
      send_and_close("HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  const Response response = HttpClient().send(get(server.url()), k_no_deadline);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("x-early"), std::nullopt);
  EXPECT_EQ(response.text(), "ok");
}

TEST(HttpClientTest, KeepsTheConnection) {
  ScriptedServer server(always_answer("200 OK", "x"));
  HttpClient client;
  for (int i = 0; i < 20; ++i) client.send(get(server.url()), k_no_deadline);
  EXPECT_EQ(server.connections(), 1U);
}

TEST(HttpClientTest, NothingOfOneRequestLeaksIntoTheNext) {
  std::mutex mutex;
  std::vector<ScriptedRequest> seen;
  ScriptedServer server(always([&](ScriptedConnection& connection, const ScriptedRequest& request) {
    const std::lock_guard lock(mutex);
    seen.push_back(request);
    connection.answer("200 OK");
  }));
  HttpClient client;
  const BasicLogin login{"user", crypto::SecretBytes(std::string_view("password")), false};
  Request first = get(server.url("/first"));
  first.method = "PUT";
  first.headers = {{"X-Only", "first"}};
  first.body = {as_bytes("body")};
  first.login = &login;
  client.send(first, k_no_deadline);
  client.send(get(server.url("/second")), k_no_deadline);
  const std::lock_guard lock(mutex);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].header("authorization"), "Basic dXNlcjpwYXNzd29yZA==");
  EXPECT_EQ(seen[1].line(), "GET /second HTTP/1.1");
  for (const char* header : {"x-only", "authorization", "content-length"}) EXPECT_EQ(seen[1].header(header), "");
}

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

TEST(HttpClientTest, TooLongAnAnswerIsCorrupt) {
  ScriptedServer server(always_answer("200 OK", std::string(1001, 'x')));
  ScriptedServer endless([](ScriptedConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\n\r\n");
    for (int i = 0; i < 100; ++i) connection.send(std::string(100'000, 'x'));
  });
  HttpClient client;
  Request request = get(server.url());
  request.max_answer_bytes = 1000;
  EXPECT_EQ(kind_of_failure(client, request), ErrorKind::corrupt);
  request.max_answer_bytes = 1001;
  EXPECT_EQ(client.send(request, k_no_deadline).body.size(), 1001U);
  EXPECT_EQ(kind_of_failure(client, get(endless.url())), ErrorKind::corrupt);
}

TEST(HttpClientTest, AnErrorMaySayMoreThanAnAnswer) {
  ScriptedServer server(always_answer("500 Oh", std::string(5000, 'x')));
  Request request = get(server.url());
  request.max_answer_bytes = 10;
  EXPECT_EQ(HttpClient().send(request, k_no_deadline).body.size(), 5000U);
}

TEST(HttpClientTest, TooLongAHeadIsCorrupt) {
  std::string lines;
  for (int i = 0; i < 40; ++i) lines += "X-Fill: " + std::string(10'000, 'x') + "\r\n";
  ScriptedServer server(always_answer("200 OK", {}, lines));
  HttpClient client;
  const auto error = failure_of(client, get(server.url()));
  ASSERT_TRUE(error);
  EXPECT_FALSE(error->kind == ErrorKind::internal);
}

TEST(HttpClientTest, ALengthThatLiesReservesNoMoreThanIsAllowed) {
  ScriptedServer server(send_and_close("HTTP/1.1 200 OK\r\nContent-Length: 9000000000000000000\r\n\r\n12345"));
  HttpClient client;
  EXPECT_EQ(kind_of_failure(client, get(server.url())), ErrorKind::transient);
}

TEST(HttpClientTest, TheSinkGetsGoodBodiesOnly) {
  ScriptedServer server(always([](ScriptedConnection& connection, const ScriptedRequest& request) {
    connection.answer(request.line().starts_with("GET /good") ? "206 Partial" : "404 No",
                      std::string(2'000'000 >> (request.line().starts_with("GET /good") ? 0 : 10), 'x'));
  }));
  HttpClient client;
  std::uint64_t sunk = 0;
  Request request = get(server.url("/good"));
  request.max_answer_bytes = 10;
  request.sink = [&](ByteSpan piece) { sunk += piece.size(); };
  EXPECT_TRUE(client.send(request, k_no_deadline).body.empty());
  EXPECT_EQ(sunk, 2'000'000U);
  request.url = server.url("/bad");
  EXPECT_EQ(client.send(request, k_no_deadline).body.size(), 1953U);
  EXPECT_EQ(sunk, 2'000'000U);
}

TEST(HttpClientTest, WhatTheSinkThrowsComesOut) {
  ScriptedServer server(always_answer("200 OK", "body"));
  HttpClient client;
  Request request = get(server.url());
  request.sink = [](ByteSpan) { throw Error(ErrorKind::out_of_space, "sink", "full"); };
  EXPECT_EQ(kind_of_failure(client, request), ErrorKind::out_of_space);
  request.sink = {};
  EXPECT_EQ(client.send(request, k_no_deadline).text(), "body");
}

TEST(HttpClientTest, NothingIsInjectedIntoTheHead) {
  ScriptedServer server(always_answer("200 OK"));
  HttpClient client;
  for (const std::string& value :
       {std::string("secret\r\nX-Evil: 1"), std::string("secret\nX-Evil: 1"), std::string("secret\0x", 8)}) {
    Request request = get(server.url());
    request.headers = {{"X-Good", value}};
    const auto error = failure_of(client, request);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, ErrorKind::invalid);
    EXPECT_THAT(error->what(), Not(HasSubstr("secret")));
  }
  EXPECT_EQ(server.connections(), 0U);
}

TEST(HttpClientTest, DigestSendsTheBodyOnce) {
  std::mutex mutex;
  std::vector<ScriptedRequest> seen;
  ScriptedServer server(always([&](ScriptedConnection& connection, const ScriptedRequest& request) {
    {
      const std::lock_guard lock(mutex);
      seen.push_back(request);
    }
    if (request.header("authorization").empty()) {
      connection.answer(
          "401 Who", "no",
          "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=MD5\r\nX-First: 1\r\n");
    } else {
      connection.answer("200 OK", "in");
    }
  }));
  const BasicLogin login{"us\"er", crypto::SecretBytes(std::string_view("pass:word")), true};
  Request request = get(server.url("/x"));
  request.method = "PUT";
  request.body = {as_bytes("the body")};
  request.login = &login;
  const Response response = HttpClient().send(request, k_no_deadline);
  EXPECT_EQ(response.text(), "in");
  EXPECT_EQ(response.header("x-first"), std::nullopt);
  const std::lock_guard lock(mutex);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].body, "");
  EXPECT_EQ(seen[1].body, "the body");
  EXPECT_THAT(seen[1].header("authorization"), StartsWith("Digest "));
  EXPECT_THAT(seen[1].header("authorization"), Not(HasSubstr("pass:word")));
}

TEST(HttpClientTest, AWrongLoginIsAnAnswerLikeAnyOther) {
  ScriptedServer server(
      always_answer("401 Who", "no", "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth\"\r\n"));
  for (const bool digest : {false, true}) {
    const BasicLogin login{"user", crypto::SecretBytes(std::string_view("password")), digest};
    Request request = get(server.url("/x"));
    request.login = &login;
    EXPECT_EQ(HttpClient().send(request, k_no_deadline).status, 401);
  }
}

TEST(HttpClientTest, SpeaksOverAUnixSocket) {
  const TemporaryFolder folder;
  ScriptedServer server(folder / "socket", always([](ScriptedConnection& connection, const ScriptedRequest& request) {
                          connection.answer("200 OK", request.header("host"));
                        }));
  ClientSettings settings;
  settings.unix_socket = (folder / "socket").string();
  HttpClient client(settings);
  EXPECT_EQ(client.send(get("http://any.host/x"), k_no_deadline).text(), "any.host");
  EXPECT_EQ(client.send(get("http://any.host/x"), k_no_deadline).text(), "any.host");
  EXPECT_EQ(server.connections(), 1U);
  settings.unix_socket = (folder / "nobody").string();
  HttpClient other(settings);
  EXPECT_EQ(kind_of_failure(other, get("http://any.host/x")), ErrorKind::offline);
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

TEST(HttpClientTest, DoesNotFollowRedirects) {
  ScriptedServer other(always_answer("200 OK", "there"));
  ScriptedServer server(always_answer("302 Found", "elsewhere", "Location: " + other.url() + "\r\n"));
  const Response response = HttpClient().send(get(server.url()), k_no_deadline);
  EXPECT_EQ(response.status, 302);
  EXPECT_EQ(response.header("location"), other.url());
  EXPECT_EQ(other.connections(), 0U);
}

// Sets environment variables while no other thread reads any.
class ProxyEnvironment {
 public:
  explicit ProxyEnvironment(const std::string& proxy) {
    for (const char* name : {"http_proxy", "no_proxy", "NO_PROXY"}) {
      const char* old = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
      old_.emplace_back(name, old == nullptr ? std::nullopt : std::optional<std::string>(old));
      ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
    }
    ::setenv("http_proxy", proxy.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  }
  ~ProxyEnvironment() {
    for (const auto& [name, value] : old_) {
      value ? ::setenv(name, value->c_str(), 1) : ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
    }
  }
  ProxyEnvironment(const ProxyEnvironment&) = delete;
  ProxyEnvironment& operator=(const ProxyEnvironment&) = delete;

 private:
  std::vector<std::pair<const char*, std::optional<std::string>>> old_;
};

TEST(HttpClientTest, TakesTheProxyOfTheEnvironmentButNotForThisMachine) {
  ScriptedServer proxy(always([](ScriptedConnection& connection, const ScriptedRequest& request) {
    connection.answer("200 OK", request.line());
  }));
  ScriptedServer server(always_answer("200 OK", "direct"));
  const ProxyEnvironment environment(proxy.url());
  HttpClient client;
  EXPECT_EQ(client.send(get("http://somewhere.invalid/x"), k_no_deadline).text(),
            "GET http://somewhere.invalid/x HTTP/1.1");
  EXPECT_EQ(client.send(get(server.url()), k_no_deadline).text(), "direct");
  EXPECT_EQ(client.send(get("http://LOCALHOST:" + std::to_string(server.port()) + "/"), k_no_deadline).text(),
            "direct");
  EXPECT_EQ(client.send(get("http://127.0.0.1.somewhere.invalid/"), k_no_deadline).text(),
            "GET http://127.0.0.1.somewhere.invalid/ HTTP/1.1");
}

TEST(HttpClientTest, ManyThreadsShareOneClient) {
  ScriptedServer server(always([](ScriptedConnection& connection, const ScriptedRequest& request) {
    connection.answer("200 OK", request.body);
  }));
  HttpClient client;
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        for (std::uint64_t i = 0; i < 25; ++i) {
          const Bytes bytes = random_bytes(20'000 + i, t * 100 + i);
          Request put = get(server.url());
          put.method = "PUT";
          put.body = {bytes};
          if (!equal(client.send(put, k_no_deadline).body, bytes)) ++wrong;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(server.connections(), 8U);
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
