// Links: mf1
// The first byte chooses which document the rest is read as. What can be read must be written to
// bytes that read alike.
#include <cstdint>
#include <vector>

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

// A part has no form of its own in memory: its entries are written again from what was read of
// them.
void check_part(ByteSpan cbor) {
  try {
    const mf1::Part part = mf1::part_from_cbor(cbor);
    std::vector<Bytes> entries;
    for (const mf1::PartEntry& entry : part.entries) {
      const LogRecord record = mf1::record_from_either(entry.cbor, part.writer);
      const mf1::RecordBytes bytes = mf1::record_bytes(entry.cbor);
      fuzz_check(record.seq == entry.seq && bytes.seq == entry.seq, "an entry has one number");
      fuzz_check(record.changes.size() == bytes.changes.size(), "each change has its bytes");
      entries.push_back(mf1::entry_cbor(bytes, entry.hash, record.heads, bytes.changes));
      fuzz_check(equal(entries.back(), entry.cbor), "an entry is carried on to the byte");
    }
    const Bytes again = mf1::part_cbor(part.writer, part.seq, entries);
    const mf1::Part other = mf1::part_from_cbor(again);
    fuzz_check(other.writer == part.writer && other.seq == part.seq && other.entries.size() == part.entries.size(),
               "what was read is written to bytes that read alike");
  } catch (const Error& error) {
    fuzz_check(error.kind == ErrorKind::corrupt, "bad bytes are called so");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteSpan cbor = std::as_bytes(std::span(data + 1, size - 1));
  switch (data[0] % 7) {
    case 0: check(mf1::structure_root_from_cbor, cbor); break;
    case 1: check(mf1::structure_segment_from_cbor, cbor); break;
    case 2: check(mf1::manifest_root_from_cbor, cbor); break;
    case 3: check(mf1::content_segment_from_cbor, cbor); break;
    case 4: check(mf1::log_record_from_cbor, cbor); break;
    case 5: check(mf1::checkpoint_from_cbor, cbor); break;
    default: check_part(cbor); break;
  }
  return 0;
}
