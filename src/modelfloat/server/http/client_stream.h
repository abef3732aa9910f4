#pragma once
// Blocking reads and writes on a connected socket, for the thread that answers a request.

#include <string>

#include "modelfloat/base/bytes.h"
#include "modelfloat/server/http/http_limits.h"

namespace modelfloat::server {

// Used by one thread. Does not own the socket, which is non-blocking. Another thread may shut it
// down to wake this one.
class ClientStream {
 public:
  ClientStream(int fd, std::string peer, const HttpLimits& limits) : fd_(fd), peer_(std::move(peer)), limits_(limits) {}

  // Blocks until there is at least one byte, and returns how many were read; 0 when the client
  // has closed its side. Throws HttpError{408} when the client is too slow, and Error{cancelled}
  // when it has disconnected.
  std::size_t read(MutableByteSpan to);
  // Reads what has arrived already, without waiting; returns 0 when there is nothing.
  std::size_t read_ready(MutableByteSpan to) noexcept;
  // Writes all three parts. Throws Error{cancelled} when the client has disconnected or is too
  // slow.
  void write(ByteSpan head, ByteSpan body = {}, ByteSpan tail = {});

 private:
  // Waits for the client. Returns false after a whole window (HttpLimits::rate_window) with too
  // few bytes.
  bool wait(short events);
  [[noreturn]] void gone() const;

  int fd_;
  std::string peer_;
  const HttpLimits& limits_;
  Milliseconds waited_{0};  // in this window
  std::uint64_t moved_ = 0;
};

}  // namespace modelfloat::server
