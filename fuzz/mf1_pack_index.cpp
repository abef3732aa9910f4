// Links: mf1
// Eight bytes say where the index begins, the rest is the index as it was sealed.
#include <cstdint>

#include "fuzz_check.h"

#include "modelfloat/base/error.h"
#include "modelfloat/mf1/pack_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace modelfloat;
  if (size < 8) return 0;
  const ByteSpan input = std::as_bytes(std::span(data, size));
  const auto offset = load_le<std::uint64_t>(input);
  try {
    const auto fragments = mf1::parse_index(input.subspan(8), PackId{}, offset);
    std::uint64_t end = 0;
    for (const Fragment& fragment : fragments) {
      fuzz_check(fragment.frame()->offset == end, "frames lie end to end");
      fuzz_check(fragment.plain_bytes >= 1 && fragment.plain_bytes <= k_max_fragment_bytes,
                 "fragments have sane sizes");
      end += fragment.frame()->sealed_bytes;
    }
    fuzz_check(end == offset && !fragments.empty(), "the frames end where the index begins");
  } catch (const Error& error) {
    fuzz_check(error.kind == ErrorKind::corrupt || error.kind == ErrorKind::unsupported, "bad bytes are called so");
  }
  return 0;
}
