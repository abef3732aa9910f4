#include "modelfloat/server/http/http_server.h"

#include <future>

#include "http_server_fixture.h"
#include "raw_client.h"
#include <gtest/gtest.h>

namespace modelfloat::server {
namespace {

using test::RawAnswer;
using test::RawClient;

TEST_F(HttpServerTest, AnswersSeveralRequestsOnOneConnection) {
  RawClient client(start(echo));
  client.send(head("POST /a", "Content-Length: 3\r\n") + "one");
  EXPECT_EQ(client.read_answer().body, "a:one");
  client.send(head("POST /b", "Transfer-Encoding: chunked\r\n") + "2\r\ntw\r\n1\r\no\r\n0\r\n\r\n");
  EXPECT_EQ(client.read_answer().body, "b:two");
  client.send(head("GET /c", "Connection: close\r\n"));
  const auto last = client.read_answer();
  EXPECT_EQ(last.body, "c:");
  EXPECT_EQ(last.headers.at("connection"), "close");
  EXPECT_TRUE(client.closed_by_server());
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  RawClient client(start(echo));
  client.send(head("POST /a", "Content-Length: 1\r\n") + "1" + head("POST /b", "Transfer-Encoding: chunked\r\n") +
              "1\r\n2\r\n0\r\n\r\n" + head("GET /c"));
  EXPECT_EQ(client.read_answer().body, "a:1");
  EXPECT_EQ(client.read_answer().body, "b:2");
  EXPECT_EQ(client.read_answer().body, "c:");
}

TEST_F(HttpServerTest, AHeadMayComeByteByByte) {
  RawClient client(start(echo));
  for (const char c : head("POST /a", "Content-Length: 1\r\n") + "1") client.send({&c, 1});
  EXPECT_EQ(client.read_answer().body, "a:1");
}

TEST_F(HttpServerTest, ProtectsItsAnswers) {
  RawClient client(start([](Request&, Response& response) {
    response.set_header("Cache-Control", "max-age=1");
    response.send(200, "text/plain", "");
  }));
  client.send(head("GET /"));
  const auto answer = client.read_answer();
  EXPECT_EQ(answer.headers.at("x-content-type-options"), "nosniff");
  EXPECT_EQ(answer.headers.at("content-security-policy"), "default-src 'none'");
  EXPECT_EQ(answer.headers.at("cache-control"), "max-age=1");
  EXPECT_FALSE(answer.headers.contains("set-cookie"));
  EXPECT_FALSE(answer.headers.contains("access-control-allow-origin"));
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  RawClient client(start([](Request&, Response& response) { response.send(200, "text/plain", "12345"); }));
  client.send(head("HEAD /") + head("GET /"));
  EXPECT_EQ(client.read_answer(true).headers.at("content-length"), "5");
  EXPECT_EQ(client.read_answer().body, "12345");
}

TEST_F(HttpServerTest, InvitesABodyOnlyWhenItIsWanted) {
  RawClient client(start([](Request& request, Response& response) {
    if (request.path.back() == "refused") return response.send(401, "text/plain", "no");
    echo(request, response);
  }));
  client.send(head("POST /wanted", "Content-Length: 2\r\nExpect: 100-continue\r\n"));
  EXPECT_EQ(client.read_answer().status, 100);
  client.send("ok");
  EXPECT_EQ(client.read_answer().body, "wanted:ok");
  client.send(head("POST /refused", "Content-Length: 2\r\nExpect: 100-continue\r\n"));
  EXPECT_EQ(client.read_answer().status, 401);
  EXPECT_TRUE(client.closed_by_server());  // whether the body comes cannot be known
}

TEST_F(HttpServerTest, KeepsTheConnectionWhenASmallBodyIsNotRead) {
  RawClient client(start([](Request&, Response& response) { response.send(404, "text/plain", "no"); }));
  client.send(head("POST /", "Content-Length: 5\r\n") + "12345" + head("GET /"));
  EXPECT_EQ(client.read_answer().status, 404);
  EXPECT_EQ(client.read_answer().status, 404);
}

TEST_F(HttpServerTest, AnAnswerReachesAClientThatIsStillSending) {
  RawClient client(start([](Request&, Response& response) { response.send(401, "text/plain", "no"); }));
  client.send(head("POST /", "Content-Length: 100000000\r\n") + std::string(3'000'000, 'x'));
  const auto answer = client.read_answer();
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.headers.at("connection"), "close");
}

TEST_F(HttpServerTest, StreamsALargeAnswer) {
  const auto port = start([](Request&, Response& response) {
    response.begin(200, "application/octet-stream", std::nullopt);
    const Bytes piece(1 << 20, std::byte{'x'});
    for (int i = 0; i < 40; ++i) response.write(piece);
    response.end();
  });
  RawClient client(port);
  client.send(head("GET /"));
  const auto answer = client.read_answer();
  EXPECT_TRUE(answer.whole);
  EXPECT_EQ(answer.body.size(), 40U << 20);
  RawClient old_client(port);
  old_client.send("GET / HTTP/1.0\r\nHost: 127.0.0.1:" + std::to_string(port) + "\r\n\r\n");
  EXPECT_EQ(old_client.read_answer().body.size(), 40U << 20);
}

TEST_F(HttpServerTest, ReadsNoFasterThanTheHandler) {
  std::promise<void> go_on;
  const auto may_go_on = go_on.get_future().share();
  std::promise<std::uint64_t> received;
  RawClient client(start([&, may_go_on](Request& request, Response& response) {
    may_go_on.wait();
    std::uint64_t bytes = 0;
    Bytes buffer(1 << 20);
    while (const auto count = request.body->read(buffer)) bytes += count;
    received.set_value(bytes);
    response.send(200, "text/plain", "");
  }));
  constexpr std::uint64_t k_body_bytes = 64 << 20;
  client.send(head("POST /", "Content-Length: " + std::to_string(k_body_bytes) + "\r\n"));
  // Only what fits into the buffers of the sockets goes out before the handler reads.
  const auto sent = client.send_until_stuck(k_body_bytes);
  EXPECT_LT(sent, k_body_bytes);
  go_on.set_value();
  client.send(std::string(k_body_bytes - sent, 'x'));
  EXPECT_EQ(received.get_future().get(), k_body_bytes);
  EXPECT_EQ(client.read_answer().status, 200);
}

TEST_F(HttpServerTest, AThrowingHandlerTellsNothing) {
  RawClient client(start([](Request& request, Response& response) {
    if (request.path.back() == "late") {
      response.begin(200, "text/plain", std::nullopt);
      response.write(as_bytes("some"));
    }
    throw std::runtime_error("secret");
  }));
  client.send(head("GET /early"));
  const auto answer = client.read_answer();
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body.find("secret"), std::string::npos);
  RawClient second(server_->port());
  second.send(head("GET /late"));
  const auto cut = second.read_answer();
  EXPECT_EQ(cut.body, "some");
  EXPECT_FALSE(cut.whole);
}

TEST_F(HttpServerTest, AHandlerWithoutAnAnswerIsAnError) {
  RawClient client(start([](Request&, Response&) {}));
  client.send(head("GET /"));
  EXPECT_EQ(client.read_answer().status, 500);
}

TEST_F(HttpServerTest, HeadersCannotBeInjected) {
  RawClient client(start([](Request&, Response& response) {
    response.set_header("X", "a\r\nSet-Cookie: b");
    response.send(200, "text/plain", "");
  }));
  client.send(head("GET /"));
  const auto answer = client.read_answer();
  EXPECT_EQ(answer.status, 500);
  EXPECT_FALSE(answer.headers.contains("set-cookie"));
}

TEST_F(HttpServerTest, IsCalledByItsOwnNamesOnly) {
  options_.host_names = {"models.example"};
  const auto port = start(echo);
  const auto status = [port](const std::string& fields) {
    RawClient client(port);
    client.send("GET / HTTP/1.1\r\n" + fields + "\r\n");
    return client.read_answer().status;
  };
  const auto own = "Host: localhost:" + std::to_string(port) + "\r\n";
  EXPECT_EQ(status(own), 200);
  EXPECT_EQ(status("Host: models.example\r\n"), 200);
  EXPECT_EQ(status("Host: evil.example\r\n"), 403);
  EXPECT_EQ(status("Host: MODELS.example.:99\r\n"), 200);
  EXPECT_EQ(status("Host: localhost.evil.example\r\n"), 403);
  EXPECT_EQ(status(""), 400);
  EXPECT_EQ(status(own + "Origin: http://localhost:" + std::to_string(port) + "\r\n"), 200);
  EXPECT_EQ(status(own + "Origin: https://models.example\r\n"), 200);
  EXPECT_EQ(status(own + "Origin: http://evil.example\r\n"), 403);
  EXPECT_EQ(status(own + "Origin: http://localhost:1\r\n"), 403);
  EXPECT_EQ(status(own + "Origin: null\r\n"), 403);
}

// Statuses of GETs with these lines behind the request line.
class Asked {
 public:
  explicit Asked(std::uint16_t port, const char* address = "127.0.0.1") : port_(port), address_(address) {}
  RawAnswer answer(const std::string& fields, const std::string& line = "GET /x HTTP/1.1") const {
    RawClient client(port_, address_);
    client.send(line + "\r\n" + fields + "\r\n");
    return client.read_answer();
  }
  int status(const std::string& fields, const std::string& line = "GET /x HTTP/1.1") const {
    return answer(fields, line).status;
  }

 private:
  std::uint16_t port_;
  const char* address_;
};

TEST_F(HttpServerTest, LoopbackNamesAreItsOwnWithAnyPortAndWithout) {
  const Asked asked(start(echo));
  for (const std::string host :
       {"localhost", "localhost:9000", "localhost:", "LOCALHOST", "localhost.", "localhost.:80", "127.0.0.1",
        "127.0.0.1:1", "[::1]", "[::1]:65535", "[0:0:0:0:0:0:0:1]:80", "[::FFFF:127.0.0.1]"}) {
    EXPECT_EQ(asked.status("Host: " + host + "\r\n"), 200) << host;
    EXPECT_EQ(asked.status("Host: " + host + "\r\nOrigin: http://" + host + "\r\n"), 200) << host;
  }
  // A proxy that drops the port.
  EXPECT_EQ(asked.status("Host: localhost\r\nOrigin: http://localhost:9000\r\n"), 200);
}

TEST_F(HttpServerTest, ListeningOnAllAddressesItAnswersToTheOneThatWasCalled) {
  options_.address = "0.0.0.0";
  const auto port = start(echo);
  EXPECT_EQ(Asked(port, "127.0.0.2").status("Host: 127.0.0.2:9000\r\n"), 200);
  EXPECT_EQ(Asked(port, "127.0.0.2").status("Host: 127.0.0.2\r\n"), 200);
  EXPECT_EQ(Asked(port, "127.0.0.2").status("Host: localhost\r\n"), 200);
  EXPECT_EQ(Asked(port, "127.0.0.2").status("Host: 127.0.0.3\r\n"), 403);
  EXPECT_EQ(Asked(port, "127.0.0.2").status("Host: evil.example\r\n"), 403);
}

TEST_F(HttpServerTest, ListeningOnBothFamiliesItKnowsAnAddressOfTheOldOne) {
  options_.address = "::";
  std::uint16_t port = 0;
  try {
    port = start(echo);
  } catch (const Error& error) {
    GTEST_SKIP() << "no IPv6 here: " << error.what();
  }
  EXPECT_EQ(Asked(port, "127.0.0.2").status("Host: 127.0.0.2:9000\r\n"), 200);
  EXPECT_EQ(Asked(port, "127.0.0.2").status("Host: 127.0.0.3:9000\r\n"), 403);
}

TEST_F(HttpServerTest, AForeignNameIsToldWhichSettingLetsItIn) {
  const Asked asked(start(echo));
  for (const std::string more :
       {"", "X-Forwarded-Host: localhost\r\n", "Forwarded: host=localhost\r\n", "X-Host: localhost\r\n"}) {
    const auto answer = asked.answer("Host: evil.example\r\n" + more);
    EXPECT_EQ(answer.status, 403);
    EXPECT_NE(answer.body.find("serve --host evil.example"), std::string::npos) << answer.body;
    EXPECT_NE(answer.body.find("config.toml"), std::string::npos) << answer.body;
  }
  const auto page = asked.answer("Host: localhost\r\nOrigin: http://evil.example\r\n");
  EXPECT_NE(page.body.find("serve --host"), std::string::npos) << page.body;
}

TEST_F(HttpServerTest, AHostThatIsNoHostIsABadRequest) {
  const Asked asked(start(echo));
  for (const std::string host :
       {"", ":80", "localhost:99999", "localhost:x", "localhost:-1", "localhost:80,evil", "a b", "user@localhost",
        "localhost/", "[::1", "::1", "[localhost]", "localhost..", "%6c", "[::1]x", "[fe80::1%25lo]"}) {
    EXPECT_EQ(asked.status("Host: " + host + "\r\n"), 400) << host;
  }
  EXPECT_EQ(asked.status("Host: " + std::string(300, 'a') + "\r\n"), 400);
}

TEST_F(HttpServerTest, AWholeAddressMayStandInTheRequestLine) {
  const auto port = start(echo);
  const Asked asked(port);
  const auto answer = asked.answer("Host: localhost\r\n", "GET http://localhost:1/a?b=c HTTP/1.1");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "a:");
  EXPECT_EQ(asked.answer("Host: localhost\r\n", "GET HTTPS://LOCALHOST HTTP/1.1").body, ":");
  EXPECT_EQ(asked.status("Host: localhost\r\n", "GET http://localhost?a HTTP/1.1"), 200);
  EXPECT_EQ(asked.status("Host: localhost\r\n", "GET http://evil.example/a HTTP/1.1"), 403);
  EXPECT_EQ(asked.status("Host: evil.example\r\n", "GET http://localhost/a HTTP/1.1"), 403);
  for (const std::string target : {"http:///a", "http://", "ftp://localhost/a", "localhost/a", "http://a@localhost/a"})
    EXPECT_EQ(asked.status("Host: localhost\r\n", "GET " + target + " HTTP/1.1"), 400) << target;
}

TEST_F(HttpServerTest, AProbeOfHttp10MayLeaveTheHostOut) {
  const Asked asked(start(echo));
  EXPECT_EQ(asked.status("", "GET /x HTTP/1.0"), 200);
  EXPECT_EQ(asked.status("Host: evil.example\r\n", "GET /x HTTP/1.0"), 403);
  EXPECT_EQ(asked.status("", "GET /x HTTP/1.1"), 400);
}

TEST_F(HttpServerTest, AnEmptyLineBeforeARequestIsPassedOver) {
  RawClient client(start(echo));
  client.send(head("POST /a", "Content-Length: 1\r\n") + "1\r\n" + head("GET /b"));
  EXPECT_EQ(client.read_answer().body, "a:1");
  EXPECT_EQ(client.read_answer().body, "b:");
  client.send("\r\n\r\n" + head("GET /c"));
  EXPECT_EQ(client.read_answer().status, 400);
}

TEST_F(HttpServerTest, ARefusalOfHeadHasNoBody) {
  RawClient client(start(echo));
  client.send("HEAD / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  EXPECT_EQ(client.read_answer(true).status, 403);
  EXPECT_TRUE(client.closed_by_server());
}

TEST_F(HttpServerTest, RefusesHostileHeadsAndLivesOn) {
  const auto port = start(echo);
  const auto status = [port](const std::string& bytes) {
    RawClient client(port);
    client.send(bytes);
    const auto answer = client.read_answer();
    EXPECT_EQ(answer.headers.at("connection"), "close");
    EXPECT_TRUE(client.closed_by_server());
    return answer.status;
  };
  EXPECT_EQ(status(head("POST /", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n" +
                   head("GET /smuggled")),
            400);
  EXPECT_EQ(status("GET / HTTP/1.1\nHost: a\n\n\r\n\r\n"), 400);
  EXPECT_EQ(status(std::string("\0\1\2\3\r\n\r\n", 8)), 400);
  EXPECT_EQ(status("GET /" + std::string(20'000, 'a')), 431);
  std::string fields;
  for (int i = 0; i < 100'000; ++i) fields += "X: a\r\n";
  EXPECT_EQ(status(head("GET /", fields)), 431);
  RawClient client(port);
  client.send(head("GET /fine"));
  EXPECT_EQ(client.read_answer().body, "fine:");
}

TEST_F(HttpServerTest, ABrokenBodyIsAnError) {
  std::promise<int> status;
  RawClient client(start([&status](Request& request, Response&) {
    try {
      body_of(request);
    } catch (const HttpError& error) {
      status.set_value(error.status);
      throw;
    }
  }));
  client.send(head("POST /", "Transfer-Encoding: chunked\r\n") + "-2\r\nab\r\n0\r\n\r\n");
  EXPECT_EQ(status.get_future().get(), 400);
}

TEST_F(HttpServerTest, ACutBodyIsCancelled) {
  for (const std::string& cut :
       {std::string("Content-Length: 10\r\n\r\n12345"), std::string("Transfer-Encoding: chunked\r\n\r\n5\r\n123"),
        std::string("Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n")}) {
    std::promise<ErrorKind> kind;
    RawClient client(start([&kind](Request& request, Response&) {
      try {
        body_of(request);
        kind.set_value(ErrorKind::internal);
      } catch (const Error& error) {
        kind.set_value(error.kind);
        throw;
      }
    }));
    auto bytes = head("POST /");
    bytes.resize(bytes.size() - 2);
    client.send(bytes + cut);
    client.hang_up();
    EXPECT_EQ(kind.get_future().get(), ErrorKind::cancelled);
    server_.reset();
  }
}

}  // namespace
}  // namespace modelfloat::server
