#include "raw_client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace modelfloat::test {

RawClient::RawClient(std::uint16_t port, const char* address_text)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, address_text, &address.sin_addr) != 1) throw std::invalid_argument(address_text);
  if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect to the test server");
  }
}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::uint64_t RawClient::send_until_stuck(std::uint64_t bytes) {
  const std::string piece(1 << 16, 'x');
  std::uint64_t sent = 0;
  while (sent < bytes) {
    pollfd entry{socket_.get(), POLLOUT, 0};
    if (::poll(&entry, 1, 300) <= 0) break;
    const auto count = ::send(socket_.get(), piece.data(), std::min<std::uint64_t>(piece.size(), bytes - sent),
                              MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno != EAGAIN) break;
    if (count > 0) sent += static_cast<std::uint64_t>(count);
  }
  return sent;
}

void RawClient::end_sending() { ::shutdown(socket_.get(), SHUT_WR); }

bool RawClient::receive() {
  std::array<char, 65536> piece;
  const auto count = ::recv(socket_.get(), piece.data(), piece.size(), 0);
  if (count <= 0) return false;
  received_.append(piece.data(), static_cast<std::size_t>(count));
  return true;
}

std::optional<std::string> RawClient::take(std::size_t bytes) {
  while (received_.size() < bytes) {
    if (!receive()) return std::nullopt;
  }
  auto taken = received_.substr(0, bytes);
  received_.erase(0, bytes);
  return taken;
}

std::optional<std::string> RawClient::take_line() {
  std::size_t end = 0;
  while ((end = received_.find("\r\n")) == std::string::npos) {
    if (!receive()) return std::nullopt;
  }
  auto line = received_.substr(0, end);
  received_.erase(0, end + 2);
  return line;
}

bool RawClient::take_chunks(std::string& body) {
  for (;;) {
    const auto size_line = take_line();
    if (!size_line) return false;
    const auto size = std::stoull(*size_line, nullptr, 16);
    const auto data = take(size + 2);
    if (!data) return false;
    if (size == 0) return true;
    body += data->substr(0, size);
  }
}

RawAnswer RawClient::read_answer(bool to_head) {
  RawAnswer answer;
  const auto status_line = take_line();
  if (!status_line) return answer;
  answer.status = std::stoi(status_line->substr(9, 3));
  for (;;) {
    const auto line = take_line();
    if (!line) return answer;
    if (line->empty()) break;
    const auto colon = line->find(": ");
    auto name = line->substr(0, colon);
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    answer.headers[name] = line->substr(colon + 2);
  }
  if (to_head || answer.status == 204 || answer.status == 100) {
    answer.whole = true;
  } else if (answer.headers.contains("content-length")) {
    const auto body = take(std::stoull(answer.headers["content-length"]));
    answer.whole = body.has_value();
    answer.body = body.value_or(received_);
  } else if (answer.headers.contains("transfer-encoding")) {
    answer.whole = take_chunks(answer.body);
  } else {
    while (receive()) {
    }
    answer.whole = true;
    answer.body.swap(received_);
  }
  return answer;
}

bool RawClient::answered_before(const RawClient& other) const {
  std::array<pollfd, 2> entries{pollfd{socket_.get(), POLLIN, 0}, pollfd{other.socket_.get(), POLLIN, 0}};
  ::poll(entries.data(), entries.size(), -1);
  return entries[0].revents != 0;
}

std::string RawClient::read_until(std::string_view text) {
  while (received_.find(text) == std::string::npos) {
    if (!receive()) break;
  }
  const auto found = received_.find(text);
  const auto end = found == std::string::npos ? received_.size() : found + text.size();
  auto taken = received_.substr(0, end);
  received_.erase(0, end);
  return taken;
}

bool RawClient::closed_by_server() { return received_.empty() && !receive(); }

}  // namespace modelfloat::test
