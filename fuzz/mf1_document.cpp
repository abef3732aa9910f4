// Links: mf1
// The first byte chooses which document the rest is read as. What can be read must be written to
// bytes that read alike.
#include <cstdint>

#include "fuzz_check.h"

#include "modelfloat/base/error.h"
#include "modelfloat/mf1/log_codec.h"
#include "modelfloat/mf1/manifest_codec.h"

namespace {

using namespace modelfloat;

template <typename Document>
void check(Document (*read)(ByteSpan), ByteSpan cbor) {
  try {
    const Document document = read(cbor);
    fuzz_check(read(mf1::to_cbor(document)) == document, "what was read is written to bytes that read alike");
  } catch (const Error& error) {
    fuzz_check(error.kind == ErrorKind::corrupt || error.kind == ErrorKind::unsupported, "bad bytes are called so");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteSpan cbor = std::as_bytes(std::span(data + 1, size - 1));
  switch (data[0] % 6) {
    case 0: check(mf1::structure_root_from_cbor, cbor); break;
    case 1: check(mf1::structure_segment_from_cbor, cbor); break;
    case 2: check(mf1::manifest_root_from_cbor, cbor); break;
    case 3: check(mf1::content_segment_from_cbor, cbor); break;
    case 4: check(mf1::log_record_from_cbor, cbor); break;
    default: check(mf1::checkpoint_from_cbor, cbor); break;
  }
  return 0;
}
