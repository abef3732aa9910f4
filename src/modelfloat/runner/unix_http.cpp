#include "modelfloat/runner/unix_http.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/file_descriptor.h"

namespace modelfloat::runner {
namespace {

namespace http = boost::beast::http;
using std::chrono::steady_clock;

// What an answer may hold beside its body: head, framing of chunks, trailers.
constexpr std::uint64_t k_max_framing_bytes = 1 << 20;
constexpr std::uint64_t k_framing_for_each_byte = 16;  // a chunk may hold one byte

constexpr Milliseconds k_wake_up{50};  // how often a wait looks whether it is still wanted

FileDescriptor connect_to(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path) {
    throw Error(ErrorKind::invalid, path.string(), "the path is too long for a Unix socket");
  }
  std::memcpy(address.sun_path, path.c_str(), path.native().size());
  FileDescriptor connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!connection) throw system_error(errno, path.string(), "cannot make a socket");
  if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw Error(ErrorKind::transient, path.string(), "nobody answers: " + std::generic_category().message(errno));
  }
  return connection;
}

// Passes on the pieces of a body as they arrive. Beast's own body type for strings reserves as
// much memory as the head announces.
struct PiecesBody {
  using value_type = std::string;

  class reader {
   public:
    template <bool is_request, typename Fields>
    reader(http::header<is_request, Fields>&, value_type& body) : body_(body) {}
    void init(const boost::optional<std::uint64_t>&, boost::system::error_code& error) { error = {}; }
    template <typename Buffers>
    std::size_t put(const Buffers& buffers, boost::system::error_code& error) {
      error = {};
      std::size_t taken = 0;
      for (auto at = boost::asio::buffer_sequence_begin(buffers); at != boost::asio::buffer_sequence_end(buffers);
           ++at) {
        const boost::asio::const_buffer piece = *at;
        body_.append(static_cast<const char*>(piece.data()), piece.size());
        taken += piece.size();
      }
      return taken;
    }
    void finish(boost::system::error_code& error) { error = {}; }

   private:
    value_type& body_;
  };
};

// Waits on one connection, as long as there is progress and somebody wants the result.
class StallWatch {
 public:
  StallWatch(const std::filesystem::path& socket, Milliseconds stall_limit, const CallOptions& options)
      : where_(socket.string()), stall_limit_(stall_limit), options_(options) {}

  const std::string& where() const noexcept { return where_; }
  void progress() { last_progress_ = steady_clock::now(); }

  void wait_for(const FileDescriptor& connection, short event) {
    for (;;) {
      check_cancelled(options_, where_);
      if (steady_clock::now() - last_progress_ >= stall_limit_) {
        throw Error(ErrorKind::timed_out, where_, "no progress for too long");
      }
      pollfd watched{connection.get(), event, 0};
      const int ready = ::poll(&watched, 1, static_cast<int>(std::min(k_wake_up, stall_limit_).count()));
      if (ready > 0) return;
      if (ready < 0 && errno != EINTR) throw system_error(errno, where_, "cannot wait for a socket");
    }
  }

 private:
  std::string where_;
  Milliseconds stall_limit_;
  const CallOptions& options_;
  steady_clock::time_point last_progress_ = steady_clock::now();
};

Error connection_lost(const StallWatch& watch) {
  return {ErrorKind::transient, watch.where(), "the connection ended before the answer did"};
}

void send_all(const FileDescriptor& connection, std::string_view data, StallWatch& watch) {
  while (!data.empty()) {
    watch.wait_for(connection, POLLOUT);
    const ssize_t sent = ::send(connection.get(), data.data(), data.size(), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (sent < 0) throw connection_lost(watch);
    data.remove_prefix(static_cast<std::size_t>(sent));
    watch.progress();
  }
}

std::string to_text(const HttpRequest& request) {
  std::string text = request.method + " " + request.target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
  for (const auto& [name, value] : request.headers) text.append(name).append(": ").append(value).append("\r\n");
  return text + "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n" + request.body;
}

// An answer as it comes in. The parser is Beast's; the waiting is ours, so that a stop is noticed.
class Answer {
 public:
  Answer(const BodySink& on_body, StallWatch& watch) : on_body_(on_body), watch_(watch) {
    parser_.eager(true);
    // The body is passed on, not kept. Not boost::none: Boost 1.74 takes that for 0 at one place.
    parser_.body_limit(std::numeric_limits<std::uint64_t>::max());
  }

  bool done() const { return parser_.is_done(); }
  HttpAnswerHead head() const {
    const auto type = parser_.get()[http::field::content_type];
    return {parser_.get().result_int(), std::string(type.data(), type.size())};
  }

  void feed(std::string_view data) {
    received_ += data.size();
    pending_ += data;
    boost::system::error_code error;
    while (!pending_.empty() && !done()) {
      const std::size_t used = parser_.put(boost::asio::buffer(pending_), error);
      pending_.erase(0, used);
      hand_out_body();
      if (error == http::error::need_more) break;
      check(error);
      if (used == 0) break;
    }
    // Its sum can't wrap: nobody sends 2^60 bytes.
    if (received_ > k_max_framing_bytes + k_framing_for_each_byte * body_bytes_) {
      throw Error(ErrorKind::internal, watch_.where(), "an answer that is all head");
    }
  }

  void end_of_input() {
    boost::system::error_code error;
    if (parser_.got_some() && !done()) parser_.put_eof(error);
    if (error || !done()) throw connection_lost(watch_);
  }

 private:
  void check(const boost::system::error_code& error) const {
    if (error) throw Error(ErrorKind::internal, watch_.where(), "no HTTP answer: " + error.message());
  }

  void hand_out_body() {
    if (!parser_.is_header_done() || parser_.get().body().empty()) return;
    const std::string body = std::exchange(parser_.get().body(), {});
    body_bytes_ += body.size();
    if (!head_) head_ = head();
    if (on_body_(*head_, body)) watch_.progress();
  }

  const BodySink& on_body_;
  StallWatch& watch_;
  http::response_parser<PiecesBody> parser_;
  std::optional<HttpAnswerHead> head_;  // from the first piece of the body on
  std::uint64_t received_ = 0;
  std::uint64_t body_bytes_ = 0;
  std::string pending_;  // what the parser wants to see again together with more
};

}  // namespace

HttpAnswerHead exchange(const std::filesystem::path& socket, const HttpRequest& request, const BodySink& on_body,
                        Milliseconds stall_limit, const CallOptions& options) {
  StallWatch watch(socket, stall_limit, options);
  const FileDescriptor connection = connect_to(socket);
  send_all(connection, to_text(request), watch);
  Answer answer(on_body, watch);
  std::array<char, 16384> piece{};
  while (!answer.done()) {
    watch.wait_for(connection, POLLIN);
    const ssize_t got = ::recv(connection.get(), piece.data(), piece.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got < 0) throw connection_lost(watch);
    if (got == 0) {
      answer.end_of_input();
    } else {
      answer.feed({piece.data(), static_cast<std::size_t>(got)});
    }
  }
  return answer.head();
}

}  // namespace modelfloat::runner
