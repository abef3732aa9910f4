#pragma once
// A client that sends exactly what it is told to, right or wrong, and reads what comes back.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/file_descriptor.h"

namespace modelfloat::test {

struct RawAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // with the chunks joined
  bool whole = false;                          // it ended as its head said, not by a cut
};

class RawClient {
 public:
  explicit RawClient(std::uint16_t port, const char* address = "127.0.0.1");

  // False when the server has closed the connection.
  bool send(std::string_view bytes);
  // Sends so many bytes, but gives up when the server takes none for a good while. Returns how many
  // went out.
  std::uint64_t send_until_stuck(std::uint64_t bytes);
  // Says that nothing more is coming, and still reads.
  void end_sending();
  // Gone without a goodbye.
  void hang_up() { socket_.reset(); }

  // The next answer; those to HEAD have no body. An answer with status 0 when the server closed the
  // connection before one.
  RawAnswer read_answer(bool to_head = false);
  // Waits until one of the two has bytes to read, and says whether it is this one.
  bool answered_before(const RawClient& other) const;
  // Until `text` has come, or the end.
  std::string read_until(std::string_view text);
  // True when the server closes without another byte.
  bool closed_by_server();

 private:
  bool receive();
  std::optional<std::string> take(std::size_t bytes);
  std::optional<std::string> take_line();
  bool take_chunks(std::string& body);

  FileDescriptor socket_;
  std::string received_;
};

}  // namespace modelfloat::test
