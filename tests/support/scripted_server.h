#pragma once
// A TCP server that does exactly what a test says: good answers, bad ones, none.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "modelfloat/base/file_descriptor.h"

namespace modelfloat::test {

struct ScriptedRequest {
  std::string head;  // as it came, with the empty line
  std::string body;  // as long as Content-Length says

  std::string line() const { return head.substr(0, head.find("\r\n")); }
  // The value of the first header of this name, in any case; empty when there is none.
  std::string header(std::string_view name) const;
};

// One connection, from the server's side. Everything here ends early, without a word, when the
// server is destroyed.
class ScriptedConnection {
 public:
  ScriptedConnection(FileDescriptor socket, std::size_t number) : number_(number), socket_(std::move(socket)) {}

  // 0 for the first connection that the server took, and so on.
  std::size_t number() const noexcept { return number_; }
  // The next request whole, or nothing when the client closed the connection before one.
  std::optional<ScriptedRequest> read_request();
  // The head alone: the body stays unread.
  std::optional<ScriptedRequest> read_head();
  void send(std::string_view bytes);
  // "HTTP/1.1 STATUS" with Content-Length and these header lines ("Name: value\r\n").
  void answer(std::string_view status, std::string_view body = {}, std::string_view header_lines = {});
  // Waits until the client closes.
  void wait_for_close();
  // Ends the connection with a reset instead of a goodbye.
  void reset();

 private:
  friend class ScriptedServer;
  bool receive();

  const std::size_t number_;
  FileDescriptor socket_;
  std::string received_;
};

// Listens on a free port of 127.0.0.1, or on a Unix socket, from construction on. The script runs
// for each connection on a thread of its own; the connection closes when it returns.
class ScriptedServer {
 public:
  using Script = std::function<void(ScriptedConnection&)>;
  explicit ScriptedServer(Script script);
  ScriptedServer(const std::filesystem::path& unix_socket, Script script);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::uint16_t port() const noexcept { return port_; }
  std::string url(std::string_view path = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
  }
  // How many connections came so far.
  std::size_t connections() const;

 private:
  void accept_all();

  const Script script_;
  FileDescriptor listener_;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  bool ending_ = false;
  std::vector<std::unique_ptr<ScriptedConnection>> connections_;
  std::vector<std::jthread> threads_;
  std::jthread acceptor_;
};

// A port of 127.0.0.1 where nobody listens.
std::uint16_t closed_port();

}  // namespace modelfloat::test
