#pragma once
// Handles one request on a client's socket: reads its body and writes the response.

#include <atomic>
#include <string>

#include "modelfloat/server/http/chunked.h"
#include "modelfloat/server/http/client_stream.h"
#include "modelfloat/server/http/http_head.h"

namespace modelfloat::server {

// Reads the body that a head announces. Sends "100 Continue" first where the client waits for it.
class BodySource final : public ByteSource {
 public:
  // `received` holds the bytes that arrived after the head. What remains in it after the body
  // belongs to the next request.
  BodySource(ClientStream& client, std::string& received, const RequestHead& head);

  std::size_t read(MutableByteSpan to) override;
  std::optional<std::uint64_t> size_bytes() const override { return length_; }

  // Whether the body has been read to its end. May be called from any thread.
  bool done() const noexcept { return done_.load(std::memory_order_acquire); }
  // Reads the rest of the body if it is small and has arrived already. Returns done().
  bool finish_quickly();
  // The response has begun, so "100 Continue" must not be sent any more.
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
  // The connection is closed after this response.
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

// A request whose head has arrived, and its connection.
struct PendingRequest {
  int fd;
  const std::string& peer;
  const HttpLimits& limits;
  std::string& received;  // bytes after the head; those after the body belong to the next request
  RequestHead& head;
  std::stop_token stop;
  // True from the end of the body to the end of the answer. Other threads may read it.
  std::atomic<bool>& body_done;
  bool close_afterwards;  // close the connection after this request
};

// Calls the handler, and logs what it throws. Sends a 500 when the handler throws before it has
// begun to answer. Returns whether the connection can be used for another request. Blocks as long
// as handler and client do.
bool answer_request(const PendingRequest& pending, const Handler& handler);

// The head of a response. Security headers are added unless `headers` has its own value for them.
// Also used for responses outside of an exchange.
std::string response_head(int status, std::string_view content_type, std::optional<std::uint64_t> length_bytes,
                          bool chunked, bool keep_alive,
                          const std::vector<std::pair<std::string, std::string>>& headers);

}  // namespace modelfloat::server
