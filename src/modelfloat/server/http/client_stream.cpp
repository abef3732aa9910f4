#include "modelfloat/server/http/client_stream.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "modelfloat/server/http/http.h"

namespace modelfloat::server {
namespace {

iovec to_iovec(ByteSpan bytes) { return {const_cast<std::byte*>(bytes.data()), bytes.size()}; }

}  // namespace

void ClientStream::gone() const { throw Error(ErrorKind::cancelled, peer_, "the client went away"); }

bool ClientStream::wait(short events) {
  const auto start = std::chrono::steady_clock::now();
  pollfd entry{fd_, events, 0};
  const auto remaining = std::max(limits_.rate_window - waited_, Milliseconds{1});
  ::poll(&entry, 1, static_cast<int>(remaining.count()));
  waited_ += std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - start);
  if (waited_ < limits_.rate_window) return true;
  const auto asked = limits_.least_bytes_per_second * static_cast<std::uint64_t>(waited_.count()) / 1000;
  const bool fast_enough = moved_ >= std::max<std::uint64_t>(asked, 1);
  waited_ = Milliseconds{0};
  moved_ = 0;
  return fast_enough;
}

std::size_t ClientStream::read(MutableByteSpan to) {
  for (;;) {
    const auto count = ::recv(fd_, to.data(), to.size(), MSG_DONTWAIT);
    if (count >= 0) {
      moved_ += static_cast<std::uint64_t>(count);
      return static_cast<std::size_t>(count);
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) gone();
    if (!wait(POLLIN)) throw HttpError(408, "too_slow", "the body came too slowly");
  }
}

std::size_t ClientStream::read_ready(MutableByteSpan to) noexcept {
  const auto count = ::recv(fd_, to.data(), to.size(), MSG_DONTWAIT);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

void ClientStream::write(ByteSpan head, ByteSpan body, ByteSpan tail) {
  std::array<iovec, 3> parts{to_iovec(head), to_iovec(body), to_iovec(tail)};
  std::size_t first = 0;
  for (;;) {
    while (first < parts.size() && parts[first].iov_len == 0) ++first;
    if (first == parts.size()) return;
    msghdr message{};
    message.msg_iov = &parts[first];
    message.msg_iovlen = parts.size() - first;
    const auto sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN || !wait(POLLOUT)) gone();
      continue;
    }
    auto rest = static_cast<std::size_t>(sent);
    moved_ += rest;
    for (auto i = first; i < parts.size() && rest > 0; ++i) {
      const auto count = std::min(rest, parts[i].iov_len);
      parts[i].iov_base = static_cast<std::byte*>(parts[i].iov_base) + count;
      parts[i].iov_len -= count;
      rest -= count;
    }
  }
}

}  // namespace modelfloat::server
