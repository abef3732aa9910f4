// Slow, idle and too many clients, and the end of the server.

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "http_server_fixture.h"
#include "raw_client.h"
#include <gtest/gtest.h>

namespace modelfloat::server {
namespace {

using test::RawClient;

TEST_F(HttpServerTest, ASlowHeadIsCutOff) {
  options_.limits.head_time = Milliseconds{50};
  const auto port = start(echo);
  RawClient slow(port);
  slow.send("GET / HTTP/1.1\r\nHost: ");
  EXPECT_EQ(slow.read_answer().status, 408);
  EXPECT_TRUE(slow.closed_by_server());
  RawClient unresponsive(port);
  EXPECT_TRUE(unresponsive.closed_by_server());
}

TEST_F(HttpServerTest, AnIdleConnectionIsClosed) {
  options_.limits.idle_time = Milliseconds{50};
  RawClient client(start(echo));
  client.send(head("GET /a"));
  EXPECT_EQ(client.read_answer().status, 200);
  EXPECT_TRUE(client.closed_by_server());
}

TEST_F(HttpServerTest, ASlowBodyIsCutOff) {
  options_.limits.rate_window = Milliseconds{50};
  options_.limits.least_bytes_per_second = 1000;
  std::promise<int> status;
  RawClient client(start([&status](Request& request, Response&) {
    try {
      body_of(request);
    } catch (const HttpError& error) {
      status.set_value(error.status);
      throw;
    }
  }));
  client.send(head("POST /", "Content-Length: 1000\r\n") + "x");
  EXPECT_EQ(status.get_future().get(), 408);
}

TEST_F(HttpServerTest, AClientThatDoesNotReadIsCutOff) {
  options_.limits.rate_window = Milliseconds{50};
  options_.limits.least_bytes_per_second = UINT64_MAX / 1'000'000;
  std::promise<ErrorKind> kind;
  RawClient client(start([&kind](Request&, Response& response) {
    response.begin(200, "text/plain", std::nullopt);
    const Bytes piece(1 << 20, std::byte{'x'});
    try {
      for (;;) response.write(piece);
    } catch (const Error& error) {
      kind.set_value(error.kind);
      throw;
    }
  }));
  client.send(head("GET /"));
  EXPECT_EQ(kind.get_future().get(), ErrorKind::cancelled);
}

TEST_F(HttpServerTest, AClientThatGoesAwayStopsItsRequest) {
  std::promise<void> working;
  std::promise<void> stopped;
  RawClient client(start([&](Request& request, Response&) {
    body_of(request);
    working.set_value();
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock(mutex);
    changed.wait(lock, request.stop, [] { return false; });
    stopped.set_value();
    throw Error(ErrorKind::cancelled, "test", "stopped");
  }));
  client.send(head("POST /", "Content-Length: 1\r\n") + "x");
  working.get_future().wait();
  client.hang_up();
  stopped.get_future().wait();
}

TEST_F(HttpServerTest, IdleAndSlowClientsTakeNoThread) {
  options_.limits.handlers = 1;
  const auto port = start(echo);
  std::vector<std::unique_ptr<RawClient>> others;
  for (int i = 0; i < 200; ++i) {
    others.push_back(std::make_unique<RawClient>(port));
    if (i % 2 == 0) others.back()->send("GET / HTTP/1.1\r\nHos");
    if (i % 10 == 1) {
      others.back()->send(head("GET /a"));
      EXPECT_EQ(others.back()->read_answer().status, 200);
    }
  }
  RawClient client(port);
  client.send(head("GET /b"));
  EXPECT_EQ(client.read_answer().body, "b:");
}

TEST_F(HttpServerTest, TheLongestIdleConnectionMakesRoom) {
  options_.limits.connections = 3;
  // So that connections become idle in the order in which they were answered.
  options_.limits.handlers = 1;
  const auto port = start(echo);
  const auto ask = [this](RawClient& client) {
    client.send(head("GET /a"));
    return client.read_answer().status;
  };
  RawClient first(port), second(port), third(port);
  EXPECT_EQ(ask(first), 200);
  EXPECT_EQ(ask(second), 200);
  EXPECT_EQ(ask(third), 200);
  RawClient fourth(port);
  EXPECT_EQ(ask(fourth), 200);
  EXPECT_TRUE(first.closed_by_server());
  EXPECT_EQ(ask(second), 200);
}

TEST_F(HttpServerTest, TooManyRequestsAreRefused) {
  options_.limits.handlers = 1;
  options_.limits.queued = 1;
  std::promise<void> working;
  std::promise<void> go_on;
  const auto may_go_on = go_on.get_future().share();
  const auto port = start([&working, may_go_on](Request& request, Response& response) {
    if (request.path.back() == "slow") {
      working.set_value();
      may_go_on.wait();
    }
    echo(request, response);
  });
  RawClient slow(port), one(port), other(port);
  slow.send(head("GET /slow"));
  working.get_future().wait();
  // One of the two is queued, the other refused; which one, only their way to the server knows.
  one.send(head("GET /one"));
  other.send(head("GET /other"));
  const bool one_is_refused = one.answered_before(other);
  const auto refused = one_is_refused ? one.read_answer() : other.read_answer();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.at("retry-after"), "1");
  go_on.set_value();
  EXPECT_EQ(slow.read_answer().body, "slow:");
  EXPECT_EQ((one_is_refused ? other : one).read_answer().status, 200);
}

TEST_F(HttpServerTest, StoppingWaitsForRunningRequests) {
  std::promise<void> working;
  std::promise<void> go_on;
  const auto may_go_on = go_on.get_future().share();
  const auto port = start([&working, may_go_on](Request& request, Response& response) {
    working.set_value();
    may_go_on.wait();
    echo(request, response);
  });
  RawClient idle(port), busy(port);
  busy.send(head("GET /a"));
  working.get_future().wait();
  std::thread stopping([this] { server_->stop(); });
  EXPECT_TRUE(idle.closed_by_server());  // so the stop has begun
  go_on.set_value();
  EXPECT_EQ(busy.read_answer().body, "a:");
  stopping.join();
  server_->stop();
  EXPECT_THROW(RawClient{port}, std::runtime_error);
}

TEST_F(HttpServerTest, StoppingCutsOffWhatDoesNotEnd) {
  options_.limits.drain_time = Milliseconds{50};
  std::promise<void> working;
  std::promise<void> also_working;
  const auto port = start([&](Request& request, Response&) {
    if (request.method == "POST") {
      also_working.set_value();
      body_of(request);  // which never comes
    }
    working.set_value();
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock(mutex);
    changed.wait(lock, request.stop, [] { return false; });
    throw Error(ErrorKind::cancelled, "test", "stopped");
  });
  RawClient waiting(port), sending(port);
  waiting.send(head("GET /"));
  sending.send(head("POST /", "Content-Length: 5\r\n"));
  working.get_future().wait();
  also_working.get_future().wait();
  server_->stop();
  EXPECT_EQ(waiting.read_answer().status, 0);
  EXPECT_EQ(sending.read_answer().status, 0);
}

TEST_F(HttpServerTest, SaysWhereItListens) {
  const auto port = start(echo);
  EXPECT_NE(port, 0);
  EXPECT_EQ(server_->url(), "http://127.0.0.1:" + std::to_string(port));
  HttpOptions taken;
  taken.port = port;
  EXPECT_THROW(HttpServer(taken, echo), Error);
  HttpOptions nonsense;
  nonsense.address = "nowhere";
  EXPECT_THROW(HttpServer(nonsense, echo), Error);
}

TEST_F(HttpServerTest, RunsUntilItIsToldToStop) {
  start(echo);
  std::stop_source stop;
  std::thread running([&] { server_->run(stop.get_token()); });
  RawClient client(server_->port());
  client.send(head("GET /a"));
  EXPECT_EQ(client.read_answer().status, 200);
  stop.request_stop();
  running.join();
}

}  // namespace
}  // namespace modelfloat::server
