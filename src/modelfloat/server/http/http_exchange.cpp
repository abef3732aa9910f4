#include "modelfloat/server/http/http_exchange.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/server/json.h"

namespace modelfloat::server {
namespace {

// Of a body that nobody read, to keep the connection.
constexpr std::size_t k_quick_bytes = 64 << 10;
constexpr std::size_t k_chunk_buffer_bytes = 64 << 10;

bool has_header(const std::vector<std::pair<std::string, std::string>>& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(), [&](const auto& field) { return field.first == name; });
}

// A body that tells others when it has been read.
class WatchedBody final : public ByteSource {
 public:
  WatchedBody(BodySource& inner, std::atomic<bool>& done) : inner_(inner), done_(done) { update(); }
  std::size_t read(MutableByteSpan to) override {
    const auto count = inner_.read(to);
    update();
    return count;
  }
  std::optional<std::uint64_t> size_bytes() const override { return inner_.size_bytes(); }

 private:
  void update() { done_.store(inner_.done(), std::memory_order_release); }
  BodySource& inner_;
  std::atomic<bool>& done_;
};

// The handler answers its own errors; what comes here is a client that is gone, or a bug.
void answer_failure(SocketResponse& response, const std::string& peer, const std::exception& error) {
  const auto* known = dynamic_cast<const Error*>(&error);
  const bool client_gone = known != nullptr && known->kind == ErrorKind::cancelled;
  if (!client_gone) log_error(peer + ": " + error.what());
  if (response.begun()) return;
  try {
    response.close_afterwards();
    if (!client_gone) {
      response.send(500, "application/json", error_json("internal", "something went wrong in the server"));
    }
  } catch (const Error& gone) {
    log_debug(peer + ": " + gone.what());  // the client is gone too
  }
}

}  // namespace

BodySource::BodySource(ClientStream& client, std::string& received, const RequestHead& head)
    : client_(client), received_(received), length_(head.request.content_length), rest_(length_.value_or(0)) {
  if (head.chunked) chunks_.emplace();
  invited_ = !head.expects_continue;
  done_ = !head.chunked && rest_ == 0;
}

void BodySource::invite() {
  if (!invited_ && received_.empty() && !answer_began_) client_.write(as_bytes("HTTP/1.1 100 Continue\r\n\r\n"));
  invited_ = true;
}

std::size_t BodySource::read(MutableByteSpan to) {
  if (done() || to.empty()) return 0;
  invite();
  return chunks_ ? read_chunked(to) : read_counted(to);
}

std::size_t BodySource::read_raw(MutableByteSpan to) {
  if (received_.empty()) {
    const auto count = client_.read(to);
    if (count == 0) throw Error(ErrorKind::cancelled, "request", "the client went away before the end of the body");
    return count;
  }
  const auto count = std::min(to.size(), received_.size());
  std::memcpy(to.data(), received_.data(), count);
  received_.erase(0, count);
  return count;
}

std::size_t BodySource::read_counted(MutableByteSpan to) {
  const auto count = read_raw(to.first(static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), rest_))));
  rest_ -= count;
  if (rest_ == 0) done_.store(true, std::memory_order_release);
  return count;
}

std::size_t BodySource::read_chunked(MutableByteSpan to) {
  for (;;) {
    if (received_.empty()) {
      // Inside a long chunk the bytes go straight to where they are wanted.
      if (const auto rest = chunks_->rest_of_chunk(); rest >= k_chunk_buffer_bytes) {
        const auto count = read_raw(to.first(static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), rest))));
        chunks_->skip(count);
        return count;
      }
      received_.resize(k_chunk_buffer_bytes);
      std::size_t count = 0;
      try {
        count = client_.read(std::as_writable_bytes(std::span(received_)));
      } catch (...) {
        received_.clear();
        throw;
      }
      received_.resize(count);
      if (count == 0) throw Error(ErrorKind::cancelled, "request", "the client went away before the end of the body");
    }
    const auto step = chunks_->decode(as_bytes(received_), to);
    received_.erase(0, step.taken);
    if (chunks_->done()) done_.store(true, std::memory_order_release);
    if (step.written > 0 || chunks_->done()) return step.written;
  }
}

bool BodySource::finish_quickly() {
  // Whether chunks end soon cannot be known.
  if (done() || !invited_ || chunks_ || rest_ > k_quick_bytes) return done();
  std::array<std::byte, 4096> dropped;
  while (rest_ > 0) {
    const auto room =
        MutableByteSpan(dropped).first(static_cast<std::size_t>(std::min<std::uint64_t>(dropped.size(), rest_)));
    const auto count = received_.empty() ? client_.read_ready(room) : read_raw(room);
    if (count == 0) return false;
    rest_ -= count;
  }
  done_.store(true, std::memory_order_release);
  return true;
}

std::string response_head(int status, std::string_view content_type, std::optional<std::uint64_t> length_bytes,
                          bool chunked, bool keep_alive,
                          const std::vector<std::pair<std::string, std::string>>& headers) {
  auto head = fmt::format("HTTP/1.1 {} {}\r\n", status, reason_phrase(status));
  const auto add = [&head](std::string_view name, std::string_view value) {
    fmt::format_to(std::back_inserter(head), "{}: {}\r\n", name, value);
  };
  if (!content_type.empty()) add("Content-Type", content_type);
  if (length_bytes) add("Content-Length", std::to_string(*length_bytes));
  if (chunked) add("Transfer-Encoding", "chunked");
  if (!keep_alive) add("Connection", "close");
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 3> k_protection{
      {{"X-Content-Type-Options", "nosniff"},
       {"Cache-Control", "no-store"},
       {"Content-Security-Policy", "default-src 'none'"}}};
  for (const auto& [name, value] : k_protection) {
    if (!has_header(headers, name)) add(name, value);
  }
  for (const auto& [name, value] : headers) add(name, value);
  head += "\r\n";
  return head;
}

void SocketResponse::set_header(std::string name, std::string value) {
  const auto printable = [](const std::string& text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
  };
  if (begun_ || !printable(name) || !printable(value))
    throw Error(ErrorKind::internal, name, "this header cannot be set");
  std::erase_if(headers_, [&](const auto& field) { return field.first == name; });
  headers_.emplace_back(std::move(name), std::move(value));
}

void SocketResponse::begin(int status, std::string_view content_type, std::optional<std::uint64_t> length_bytes) {
  if (begun_) throw Error(ErrorKind::internal, "response", "an answer was begun twice");
  begun_ = true;
  body_.answer_began();
  if (!body_.finish_quickly()) keep_alive_ = false;
  const bool never_has_body = status == 204 || status == 304;
  bodiless_ = is_head_ || never_has_body;
  length_ = length_bytes;
  chunked_ = !length_bytes && http_1_1_ && !never_has_body;
  if (!length_bytes && !http_1_1_) keep_alive_ = false;
  head_ = response_head(status, content_type, never_has_body ? std::nullopt : length_bytes, chunked_, keep_alive_,
                        headers_);
}

void SocketResponse::write_parts(ByteSpan body, std::string_view tail) {
  client_.write(as_bytes(head_), body, as_bytes(tail));
  head_.clear();
}

void SocketResponse::write(ByteSpan bytes) {
  written_ += bytes.size();
  if (length_ && written_ > *length_)
    throw Error(ErrorKind::internal, "response", "the body is longer than was announced");
  if (bodiless_ || bytes.empty()) return;
  if (!chunked_) return write_parts(bytes, {});
  fmt::format_to(std::back_inserter(head_), "{:x}\r\n", bytes.size());
  write_parts(bytes, "\r\n");
}

void SocketResponse::end() {
  if (length_ && written_ != *length_ && !bodiless_)
    throw Error(ErrorKind::internal, "response", "the body is shorter than was announced");
  write_parts({}, chunked_ && !bodiless_ ? "0\r\n\r\n" : "");
  ended_ = true;
}

void SocketResponse::send(int status, std::string_view content_type, std::string_view body) {
  begin(status, content_type, body.size());
  if (bodiless_) written_ = body.size();
  if (!bodiless_) write(as_bytes(body));
  end();
}

bool answer_request(const PendingRequest& pending, const Handler& handler) {
  ClientStream client(pending.fd, pending.peer, pending.limits);
  BodySource source(client, pending.received, pending.head);
  WatchedBody body(source, pending.body_done);
  SocketResponse response(client, source, pending.head);
  Request& request = pending.head.request;
  request.body = &body;
  request.peer = pending.peer;
  request.stop = pending.stop;
  try {
    if (pending.close_afterwards) response.close_afterwards();
    handler(request, response);
    if (!response.begun()) throw Error(ErrorKind::internal, "handler", "it gave no answer");
  } catch (const std::exception& error) {
    answer_failure(response, pending.peer, error);
  }
  pending.body_done.store(false, std::memory_order_release);
  return response.ended() && response.keeps_alive();
}

}  // namespace modelfloat::server
