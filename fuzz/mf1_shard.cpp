// Links: mf1
// Headers of shards, and markers: clear bytes that anybody can write. What can be read is written
// to the same bytes.
#include <cstdint>

#include "fuzz_check.h"

#include "modelfloat/base/error.h"
#include "modelfloat/mf1/marker.h"
#include "modelfloat/mf1/shard.h"

namespace {

using namespace modelfloat;

template <typename Read>
void check(Read&& read) {
  try {
    read();
  } catch (const Error& error) {
    fuzz_check(error.kind == ErrorKind::corrupt || error.kind == ErrorKind::unsupported, "bad bytes are called so");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteSpan object = std::as_bytes(std::span(data, size));
  check([&] {
    Bytes again(mf1::k_header_bytes);
    mf1::write_shard_header(mf1::parse_shard_header(object), again);
    fuzz_check(equal(again, object.first(mf1::k_header_bytes)), "a header has one form");
  });
  check([&] { fuzz_check(mf1::slice_of(object).size() % mf1::k_slice_unit == 0, "slices are multiples of 64"); });
  check([&] { fuzz_check(equal(mf1::make_marker(mf1::parse_marker(object)), object), "a marker has one form"); });
  return 0;
}
