#include "modelfloat/runner/unix_http.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "support/temporary_folder.h"
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/file_descriptor.h"

namespace modelfloat::runner {
namespace {

// Answers one connection with fixed bytes and closes it.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer, bool stay_open = false, std::size_t piece_bytes = 1) {
    listener_ = FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path().c_str());
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    thread_ = std::jthread([this, stay_open, piece_bytes, text = std::move(answer)] {
      connection_ = FileDescriptor(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      char piece[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const auto got = ::read(connection_.get(), piece, sizeof piece);
        if (got <= 0) return;
        request.append(piece, static_cast<std::size_t>(got));
      }
      for (std::size_t at = 0; at < text.size(); at += piece_bytes) {
        ::send(connection_.get(), text.data() + at, std::min(piece_bytes, text.size() - at), MSG_NOSIGNAL);
      }
      if (!stay_open) connection_.reset();
    });
  }
  std::filesystem::path path() const { return folder_ / "x.sock"; }

  std::string request;

 private:
  test::TemporaryFolder folder_;
  FileDescriptor listener_;
  FileDescriptor connection_;
  std::jthread thread_;
};

struct Result {
  unsigned status = 0;
  std::string body;
};

Result ask(const std::filesystem::path& socket, Milliseconds stall_limit = std::chrono::seconds(30)) {
  Result result;
  result.status = exchange(socket, {},
                           [&](const HttpAnswerHead&, std::string_view piece) {
                             result.body += piece;
                             return true;
                           },
                           stall_limit, {})
                      .status;
  return result;
}

ErrorKind failure(const std::filesystem::path& socket, Milliseconds stall_limit = std::chrono::seconds(30)) {
  try {
    ask(socket, stall_limit);
  } catch (const Error& error) {
    return error.kind;
  }
  ADD_FAILURE() << "it did not fail";
  return ErrorKind::internal;
}

TEST(UnixHttp, ReadsABodyOfKnownLength) {
  const OneAnswer server("HTTP/1.1 503 Loading\r\nContent-Length: 5\r\n\r\nhello");
  const Result result = ask(server.path());
  EXPECT_EQ(result.status, 503U);
  EXPECT_EQ(result.body, "hello");
}

TEST(UnixHttp, ReadsABodyWhoseBeginningComesWithTheHeader) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
  const std::string body(100'000, 'x');
  const OneAnswer server(head + body, false, head.size() + 1);
  EXPECT_EQ(ask(server.path()).body, body);
}

TEST(UnixHttp, ReadsABodyInChunks) {
  const OneAnswer server(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n");
  EXPECT_EQ(ask(server.path()).body, "hello world");
}

TEST(UnixHttp, ReadsABodyThatEndsWithItsConnection) {
  const OneAnswer server("HTTP/1.0 200 OK\r\n\r\nhello");
  EXPECT_EQ(ask(server.path()).body, "hello");
}

TEST(UnixHttp, ACutAnswerIsAnError) {
  for (const char* answer : {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"}) {
    const OneAnswer server(answer);
    EXPECT_EQ(failure(server.path()), ErrorKind::transient) << answer;
  }
}

TEST(UnixHttp, AnAnswerInAnotherLanguageIsAnError) {
  const OneAnswer server("SSH-2.0-OpenSSH_9.2\r\n\r\n");
  EXPECT_EQ(failure(server.path()), ErrorKind::internal);
}

TEST(UnixHttp, ChunksWithoutSenseAreAnError) {
  const OneAnswer server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");
  EXPECT_EQ(failure(server.path()), ErrorKind::internal);
}

TEST(UnixHttp, NobodyAtTheSocketIsTransient) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(failure(folder / "x.sock"), ErrorKind::transient);
}

TEST(UnixHttp, SilenceEndsWithTheStallLimit) {
  const OneAnswer server("HTTP/1.1 200 OK\r\n", true);
  EXPECT_EQ(failure(server.path(), Milliseconds(100)), ErrorKind::timed_out);
}

TEST(UnixHttp, ADeadlineEndsTheWait) {
  const OneAnswer server("", true);
  CallOptions options;
  options.deadline = std::chrono::steady_clock::now();
  EXPECT_THROW(exchange(
                   server.path(), {}, [](const HttpAnswerHead&, std::string_view) { return true; },
                   std::chrono::hours(1), options),
               Error);
}

TEST(UnixHttp, APathTooLongForASocketIsRefused) { EXPECT_EQ(failure("/" + std::string(200, 'x')), ErrorKind::invalid); }

}  // namespace
}  // namespace modelfloat::runner
