// Links: store
// What S3 and WebDAV servers send in XML. The first byte chooses the reader, and in pieces of which
// size it is fed.
#include <algorithm>

#include "fuzz_check.h"

#include "modelfloat/base/error.h"
#include "modelfloat/store/s3/reply.h"
#include "modelfloat/store/webdav/reply.h"

namespace {

using namespace modelfloat;

void read_multistatus(ByteSpan body, std::size_t step) {
  store::webdav::MultistatusReader reader("fuzz", [](const store::webdav::Entry& entry) {
    fuzz_check(entry.path.size() <= 4096, "paths are bounded");
    fuzz_check(entry.path.empty() || entry.path.back() != '/', "no path ends in a slash");
    fuzz_check(entry.status >= 0 && entry.status <= 999, "a status has three digits at most");
  });
  for (; !body.empty(); body = body.subspan(std::min(step, body.size())))
    reader.feed(body.first(std::min(step, body.size())));
  reader.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteSpan body = std::as_bytes(std::span(data + 1, size - 1));
  try {
    switch (data[0] & 3U) {
      case 0: read_multistatus(body, std::size_t{data[0]} / 4 + 1); break;
      case 1: {
        const store::s3::Page page = store::s3::read_page(body, "fuzz");
        fuzz_check(page.entries.size() <= body.size(), "every entry stands in the body");
        break;
      }
      case 2: store::s3::read_trouble({.status = 400, .headers = {}, .body = to_bytes(body)}); break;
      default: store::s3::read_element(body, "a", "b", "fuzz"); break;
    }
  } catch (const Error& error) {
    fuzz_check(error.kind == ErrorKind::transient, "an answer that makes no sense is a server's trouble");
    fuzz_check((data[0] & 3U) != 2, "reading an error never fails");
  }
  return 0;
}
