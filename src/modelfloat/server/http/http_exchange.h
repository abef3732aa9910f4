#pragma once
// One request being answered: its body and its answer over a client's socket.

#include <atomic>
#include <string>

#include "modelfloat/server/http/chunked.h"
#include "modelfloat/server/http/client_stream.h"
#include "modelfloat/server/http/http_head.h"

namespace modelfloat::server {

// Reads the body that a head announces. Asks for it with "100 Continue" where the client waits for
// that.
class BodySource final : public ByteSource {
 public:
  // `received` is what came behind the head already; what is left of it when the body has ended
  // belongs to the next request.
  BodySource(ClientStream& client, std::string& received, const RequestHead& head);

  std::size_t read(MutableByteSpan to) override;
  std::optional<std::uint64_t> size_bytes() const override { return length_; }

  // Set when the body has been read to its end; may be asked by any thread.
  bool done() const noexcept { return done_.load(std::memory_order_acquire); }
  // Reads the rest if it is there already and small. Returns done().
  bool finish_quickly();
  // An answer has gone out, so "100 Continue" must not any more.
  void answer_began() noexcept { answer_began_ = true; }

 private:
  std::size_t read_raw(MutableByteSpan to);
  std::size_t read_counted(MutableByteSpan to);
  std::size_t read_chunked(MutableByteSpan to);
  void invite();

  ClientStream& client_;
  std::string& received_;
  std::optional<std::uint64_t> length_;
  std::uint64_t rest_ = 0;
  std::optional<ChunkedDecoder> chunks_;
  bool invited_ = true;
  bool answer_began_ = false;
  std::atomic<bool> done_ = false;
};

class SocketResponse final : public Response {
 public:
  SocketResponse(ClientStream& client, BodySource& body, const RequestHead& head)
      : client_(client),
        body_(body),
        is_head_(head.request.method == "HEAD"),
        http_1_1_(head.http_1_1),
        keep_alive_(head.keep_alive) {}

  void set_header(std::string name, std::string value) override;
  void send(int status, std::string_view content_type, std::string_view body) override;
  void begin(int status, std::string_view content_type, std::optional<std::uint64_t> length_bytes) override;
  void write(ByteSpan bytes) override;
  void end() override;
  bool begun() const noexcept override { return begun_; }

  bool ended() const noexcept { return ended_; }
  // The connection is of no use after this answer.
  void close_afterwards() noexcept { keep_alive_ = false; }
  bool keeps_alive() const noexcept { return keep_alive_; }

 private:
  void write_parts(ByteSpan body, std::string_view tail);

  ClientStream& client_;
  BodySource& body_;
  const bool is_head_;
  const bool http_1_1_;
  bool keep_alive_;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::string head_;  // not yet sent
  std::optional<std::uint64_t> length_;
  std::uint64_t written_ = 0;
  bool bodiless_ = false;
  bool chunked_ = false;
  bool begun_ = false;
  bool ended_ = false;
};

// A request whose head has come, and the connection that it came by.
struct PendingRequest {
  int fd;
  const std::string& peer;
  const HttpLimits& limits;
  std::string& received;  // what came behind the head; the rest belongs to the next request
  RequestHead& head;
  std::stop_token stop;
  // True from the end of the body to the end of the answer. Other threads may read it.
  std::atomic<bool>& body_done;
  bool close_afterwards;  // take no more requests by this connection
};

// Calls the handler. Answers with a 500 where it fails before it has begun, and logs what it
// throws. Returns whether the connection can take another request. Blocks as long as handler and
// client do.
bool answer_request(const PendingRequest& pending, const Handler& handler);

// The head of an answer with the headers that protect it, unless `headers` says otherwise. For
// answers outside of an exchange too.
std::string response_head(int status, std::string_view content_type, std::optional<std::uint64_t> length_bytes,
                          bool chunked, bool keep_alive,
                          const std::vector<std::pair<std::string, std::string>>& headers);

}  // namespace modelfloat::server
