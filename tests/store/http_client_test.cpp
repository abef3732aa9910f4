#include "modelfloat/store/http/http_client.h"

#include <atomic>
#include <cstdlib>
#include <future>
#include <mutex>
#include <thread>

#include "store/http_requests.h"
#include "support/fixed_random.h"
#include "support/temporary_folder.h"
#include <gmock/gmock.h>

namespace modelfloat::test {
namespace {

using namespace http_requests;
using store::http::BasicLogin;
using store::http::ClientSettings;
using store::http::Response;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

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

}  // namespace
}  // namespace modelfloat::test
