#include "modelfloat/store/drive/loopback.h"

#include <cerrno>
#include <optional>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "modelfloat/crypto/secret.h"
#include "modelfloat/store/http/url.h"

namespace modelfloat::store::drive {
namespace {

constexpr int k_look_around_ms = 200;
constexpr int k_longest_visit_ms = 5000;  // a client that sends nothing must not block others
constexpr std::size_t k_longest_request = 16U << 10;

// Whether the socket can be read within the time.
bool is_readable(int socket, int milliseconds) {
  pollfd entry{socket, POLLIN, 0};
  return ::poll(&entry, 1, milliseconds) > 0;
}

// Reads the head of the request, or the part of it that comes.
std::string read_head(int socket) {
  std::string head;
  while (head.size() < k_longest_request && head.find("\r\n\r\n") == std::string::npos &&
         is_readable(socket, k_longest_visit_ms)) {
    char buffer[2048];
    const ssize_t count = ::recv(socket, buffer, sizeof buffer, 0);
    if (count <= 0) break;
    head.append(buffer, static_cast<std::size_t>(count));
  }
  return head;
}

void answer(int socket, std::string_view status, std::string_view words) {
  const std::string page =
      "<!doctype html><meta charset=utf-8><title>ModelFloat</title><p>" + std::string(words) + "</p>\n";
  const std::string text = "HTTP/1.1 " + std::string(status) +
                           "\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\nReferrer-Policy: "
                           "no-referrer\r\nConnection: close\r\nContent-Length: " +
                           std::to_string(page.size()) + "\r\n\r\n" + page;
  // Errors are ignored: the login does not depend on the page.
  ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
  ::shutdown(socket, SHUT_WR);
  while (is_readable(socket, k_look_around_ms)) {  // else the page may be lost
    char rest[512];
    if (::recv(socket, rest, sizeof rest, 0) <= 0) break;
  }
}

// The value of a field in "GET /?name=value&name=value HTTP/1.1".
std::optional<std::string> query_value(std::string_view head, std::string_view name) {
  const auto start = head.find("GET /?");
  if (start != 0) return std::nullopt;
  std::string_view query = head.substr(6, head.find(' ', 6) - 6);
  while (!query.empty()) {
    const std::string_view field = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(field.size() + 1, query.size()));
    const auto equals = field.find('=');
    if (equals == std::string_view::npos || field.substr(0, equals) != name) continue;
    try {
      return http::percent_decode(field.substr(equals + 1));
    } catch (const Error&) {
      return std::nullopt;  // not our browser
    }
  }
  return std::nullopt;
}

}  // namespace

LoopbackListener::LoopbackListener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (!socket_ || ::bind(socket_.get(), generic, length) != 0 || ::listen(socket_.get(), 8) != 0 ||
      ::getsockname(socket_.get(), generic, &length) != 0) {
    throw system_error(errno, "127.0.0.1", "cannot wait for a browser");
  }
  port_ = ntohs(address.sin_port);
}

std::string LoopbackListener::redirect_uri() const { return "http://127.0.0.1:" + std::to_string(port_); }

std::string LoopbackListener::wait_for_code(std::string_view state, const std::string& where,
                                            const CallOptions& options) {
  for (;;) {
    check_cancelled(options, where);
    if (!is_readable(socket_.get(), k_look_around_ms)) continue;
    const FileDescriptor visitor(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!visitor) continue;
    const std::string head = read_head(visitor.get());
    const auto their_state = query_value(head, "state");
    if (!their_state || !crypto::equal_in_constant_time(as_bytes(*their_state), as_bytes(state))) {
      answer(visitor.get(), "400 Bad Request", "This is not the login that was begun.");
      continue;
    }
    if (const auto code = query_value(head, "code"); code && !code->empty()) {
      answer(visitor.get(), "200 OK", "You are logged in. Go back to the terminal.");
      return *code;
    }
    answer(visitor.get(), "200 OK", "You are not logged in.");
    throw Error(ErrorKind::denied, where,
                "the login was refused: " + query_value(head, "error").value_or("no reason was given"));
  }
}

}  // namespace modelfloat::store::drive
