// Links: server
// The input is a form with the boundary XX.
#include <algorithm>
#include <cstdint>

#include "fuzz_check.h"
#include "support/stepped_source.h"

#include "modelfloat/server/http/multipart.h"

namespace {

using namespace modelfloat;

// All that was understood, as one text.
std::string read_form(std::string_view text, std::size_t step, std::size_t piece) {
  std::string seen;
  test::SteppedSource source(as_bytes(text), step);
  try {
    server::MultipartReader form(source, "XX", 1);
    while (const auto part = form.next_part()) {
      seen += part->name + "|" + part->filename.value_or("-") + "|";
      Bytes buffer(piece);
      while (const auto count = form.content().read(buffer)) {
        fuzz_check(count <= buffer.size(), "a read stays in its buffer");
        seen += as_text(ByteSpan(buffer).first(count));
      }
    }
    seen += "end";
  } catch (const server::HttpError& error) {
    // What is wrong is seen sooner or later than the bytes before it.
    fuzz_check(error.status == 400, "a refusal has a status");
    return "refused";
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto at_once = read_form(text, std::max<std::size_t>(size, 1), 4096);
  fuzz_check(at_once == read_form(text, 1, 4096), "pieces do not matter");
  fuzz_check(at_once == read_form(text, 7, 3), "the reader's buffer does not matter");
  return 0;
}
