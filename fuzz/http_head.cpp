// Links: server
// The input is the head of a request, and after its first empty line a chunked body.
#include "modelfloat/server/http/http_head.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "fuzz_check.h"

#include "modelfloat/server/http/chunked.h"

namespace {

using namespace modelfloat;

void read_head(std::string_view text) {
  try {
    const auto head = server::parse_head(text, 100);
    fuzz_check(!(head.chunked && head.request.content_length), "a body has one length");
    fuzz_check(head.request.headers.size() <= 100, "the number of fields is bounded");
    for (const auto& called : head.called) fuzz_check(!called.host.empty(), "who is called has a name");
    for (const auto& segment : head.request.path) fuzz_check(segment != ".." && segment != ".", "no dot segments");
    for (const auto& [name, value] : head.request.headers) {
      fuzz_check(value.find_first_of("\r\n") == std::string::npos, "no line ends in values");
    }
  } catch (const server::HttpError& error) {
    fuzz_check(error.status >= 400 && error.status < 600, "a refusal has a status");
  }
}

// However the body is cut, it is read the same.
std::string read_chunks(std::string_view text, std::size_t step, bool& whole) {
  server::ChunkedDecoder decoder;
  std::string body;
  std::array<std::byte, 64> buffer;
  try {
    while (!text.empty() && !decoder.done()) {
      const auto result = decoder.decode(as_bytes(text.substr(0, step)), buffer);
      body += as_text(ByteSpan(buffer).first(result.written));
      text.remove_prefix(result.taken);
    }
  } catch (const server::HttpError&) {
    body += "!";
  }
  whole = decoder.done();
  return body;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto end = std::min(text.find("\r\n\r\n"), text.size());
  read_head(text.substr(0, std::min(end + 4, text.size())));
  const auto body = text.substr(std::min(end + 4, text.size()));
  bool whole_by_one = false;
  bool whole_at_once = false;
  const auto by_one = read_chunks(body, 1, whole_by_one);
  fuzz_check(by_one == read_chunks(body, std::max<std::size_t>(body.size(), 1), whole_at_once) &&
                 whole_by_one == whole_at_once,
             "pieces do not matter");
  return 0;
}
