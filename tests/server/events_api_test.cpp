// The stream of events over HTTP.

#include "api_fixture.h"

namespace modelfloat::test {
namespace {

class EventsApiTest : public ApiTest {
 protected:
  std::string request(const std::string& last_id = "", const std::string& method = "GET") {
    return head(method + " /api/v1/events", "read", last_id.empty() ? "" : "Last-Event-ID: " + last_id + "\r\n");
  }
  // Chunks have their lengths between the events, so each event is looked for alone.
  std::string event(std::uint64_t number, const std::string& data) {
    return "event: store\nid: " + events_.id_of(number) + "\ndata: " + data + "\n\n";
  }
};

TEST_F(EventsApiTest, BeginsWithWhatComesNext) {
  events_.publish("store", "old");
  RawClient client(port());
  client.send(request());
  const auto opened = client.read_until("id: " + events_.id_of(1) + "\n\n");
  EXPECT_NE(opened.find(" 200 "), std::string::npos);
  EXPECT_NE(opened.find("Content-Type: text/event-stream"), std::string::npos);
  events_.publish("store", "new");
  const auto text = client.read_until(event(2, "new"));
  EXPECT_NE(text.find(event(2, "new")), std::string::npos) << text;
  EXPECT_EQ((opened + text).find("old"), std::string::npos);
  EXPECT_EQ((opened + text).find("reset"), std::string::npos);
}

TEST_F(EventsApiTest, GoesOnAfterTheLastEventThatTheClientHas) {
  for (const auto* data : {"a1", "b2", "c3"}) events_.publish("store", data);
  RawClient client(port());
  client.send(request(events_.id_of(1)));
  const auto text = client.read_until(event(3, "c3"));
  EXPECT_EQ(text.find("a1"), std::string::npos) << text;
  EXPECT_NE(text.find(event(2, "b2")), std::string::npos) << text;
  EXPECT_EQ(text.find("reset"), std::string::npos);
}

TEST_F(EventsApiTest, SaysWhenTheClientHasToReadEverythingAnew) {
  events_.publish("store", "a1");
  const auto first = events_.id_of(1);
  for (int i = 0; i < 1100; ++i) events_.publish("store", "x");
  server::EventLog other_run(clock_, random_);
  other_run.publish("store", "x");
  for (const auto& id : {first, other_run.id_of(1), std::string("nonsense"), events_.id_of(5000)}) {
    RawClient client(port());
    client.send(request(id));
    const auto reset = "event: reset\nid: " + events_.id_of(1101) + "\ndata: {}\n\n";
    const auto text = client.read_until(reset);
    EXPECT_NE(text.find(reset), std::string::npos) << id << "\n" << text;
    EXPECT_EQ(text.find("event: store"), std::string::npos) << "reset comes first";
  }
}

TEST_F(EventsApiTest, IsNotSilentForLong) {
  api_options_.heartbeat = Milliseconds{5};
  RawClient client(port());
  client.send(request());
  const auto text = client.read_until(": still here\n\n");
  EXPECT_NE(text.find(": still here\n\n"), std::string::npos);
}

TEST_F(EventsApiTest, ThereArePlacesForSomeAndOneThatLeavesGivesItsBack) {
  api_options_.event_streams = 1;
  std::optional<RawClient> client(port());
  client->send(request());
  client->read_until(": open");
  const auto refused = ask(request());
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(code_of(refused), "busy");
  EXPECT_EQ(ask(head("GET /models", "read")).status, 200) << "others are not in the way";
  client.reset();
  for (;;) {
    RawClient next(port());
    next.send(request());
    const auto answer = next.read_until("\r\n");
    if (answer.find(" 200 ") != std::string::npos) break;
    ASSERT_NE(answer.find(" 503 "), std::string::npos) << answer;
  }
}

TEST_F(EventsApiTest, AClientThatDoesNotReadHoldsUpNobody) {
  RawClient client(port());
  client.send(request());
  client.read_until(": open");
  // More than the buffers of the socket and the log hold together.
  const std::string large(10'000, 'x');
  for (int i = 0; i < 3000; ++i) events_.publish("store", large);
  const auto text = client.read_until("event: reset\n");
  EXPECT_NE(text.find("event: reset\n"), std::string::npos) << "it is told that it missed some";
}

TEST_F(EventsApiTest, StreamsEndWhenTheServerDoes) {
  RawClient client(port());
  client.send(request());
  client.read_until("\n\n");
  events_.close();
  server_->stop();  // waits for running requests
  client.read_until("0\r\n\r\n");
  EXPECT_TRUE(client.closed_by_server());
}

TEST_F(EventsApiTest, HeadHasAnEnd) {
  const auto answer = ask(request("", "HEAD"), true);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("content-type"), "text/event-stream");
}

}  // namespace
}  // namespace modelfloat::test
