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

  // At least one byte; 0 when the client has ended its side. Throws HttpError{408} when it is too
  // slow, Error{cancelled} when it is gone.
  std::size_t read(MutableByteSpan to);
  // What is there already, without waiting; 0 for nothing.
  std::size_t read_ready(MutableByteSpan to) noexcept;
  // All of the three parts. Throws Error{cancelled} when the client is gone or too slow.
  void write(ByteSpan head, ByteSpan body = {}, ByteSpan tail = {});

 private:
  // Waits for the client. False after a whole window with too few bytes.
  bool wait(short events);
  [[noreturn]] void gone() const;

  int fd_;
  std::string peer_;
  const HttpLimits& limits_;
  Milliseconds waited_{0};  // in this window
  std::uint64_t moved_ = 0;
};

}  // namespace modelfloat::server
