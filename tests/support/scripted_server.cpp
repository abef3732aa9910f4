#include "support/scripted_server.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace modelfloat::test {
namespace {

bool same_letters(std::string_view a, std::string_view b) {
  const auto small = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return small(x) == small(y); });
}

FileDescriptor listen_on(const sockaddr* address, socklen_t length) {
  FileDescriptor socket(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::bind(socket.get(), address, length) != 0 || ::listen(socket.get(), 64) != 0)
    throw std::runtime_error("the test server cannot listen");
  return socket;
}

FileDescriptor listen_on_loopback() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return listen_on(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

FileDescriptor listen_on_file(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path)
    throw std::runtime_error("the path of the test server's socket is too long");
  path.native().copy(address.sun_path, sizeof address.sun_path - 1);
  return listen_on(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

std::uint16_t port_of(const FileDescriptor& socket) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

}  // namespace

std::string ScriptedRequest::header(std::string_view name) const {
  for (std::size_t at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at + 2)) {
    const std::string_view rest = std::string_view(head).substr(at + 2);
    const std::string_view text = rest.substr(0, rest.find("\r\n"));
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || !same_letters(text.substr(0, colon), name)) continue;
    const auto begin = text.find_first_not_of(' ', colon + 1);
    return begin == std::string_view::npos ? std::string() : std::string(text.substr(begin));
  }
  return {};
}

bool ScriptedConnection::receive() {
  std::array<char, 65536> piece;
  const auto count = ::recv(socket_.get(), piece.data(), piece.size(), 0);
  if (count <= 0) return false;
  received_.append(piece.data(), static_cast<std::size_t>(count));
  return true;
}

std::optional<ScriptedRequest> ScriptedConnection::read_head() {
  std::size_t end = std::string::npos;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (!receive()) return std::nullopt;
  }
  ScriptedRequest request{received_.substr(0, end + 4), {}};
  received_.erase(0, end + 4);
  return request;
}

std::optional<ScriptedRequest> ScriptedConnection::read_request() {
  auto request = read_head();
  if (!request) return request;
  const std::string length = request->header("content-length");
  const std::size_t bytes = length.empty() ? 0 : std::stoull(length);
  while (received_.size() < bytes) {
    if (!receive()) return std::nullopt;
  }
  request->body = received_.substr(0, bytes);
  received_.erase(0, bytes);
  return request;
}

void ScriptedConnection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void ScriptedConnection::answer(std::string_view status, std::string_view body, std::string_view header_lines) {
  send("HTTP/1.1 " + std::string(status) + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
       std::string(header_lines) + "\r\n" + std::string(body));
}

void ScriptedConnection::wait_for_close() {
  while (receive()) received_.clear();
}

void ScriptedConnection::reset() {
  const linger at_once{1, 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

ScriptedServer::ScriptedServer(Script script)
    : script_(std::move(script)), listener_(listen_on_loopback()), port_(port_of(listener_)) {
  acceptor_ = std::jthread([this] { accept_all(); });
}

ScriptedServer::ScriptedServer(const std::filesystem::path& unix_socket, Script script)
    : script_(std::move(script)), listener_(listen_on_file(unix_socket)) {
  acceptor_ = std::jthread([this] { accept_all(); });
}

ScriptedServer::~ScriptedServer() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    for (const auto& connection : connections_) {
      if (connection->socket_) ::shutdown(connection->socket_.get(), SHUT_RDWR);
    }
  }
  acceptor_.join();
  threads_.clear();
}

void ScriptedServer::accept_all() {
  for (;;) {
    FileDescriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const std::lock_guard lock(mutex_);
    if (!socket || ending_) return;
    connections_.push_back(std::make_unique<ScriptedConnection>(std::move(socket), connections_.size()));
    threads_.emplace_back([this, connection = connections_.back().get()] {
      script_(*connection);
      const std::lock_guard closing(mutex_);
      connection->socket_.reset();
    });
  }
}

std::size_t ScriptedServer::connections() const {
  const std::lock_guard lock(mutex_);
  return connections_.size();
}

std::uint16_t closed_port() { return port_of(listen_on_loopback()); }

}  // namespace modelfloat::test
