#include "modelfloat/codec/codec.h"

#include <string>

#include "modelfloat/base/error.h"

namespace modelfloat::codec {
namespace {

// What a gain of 2 % leaves.
std::size_t most_bytes_worth_keeping(std::size_t plain_bytes) { return plain_bytes - (plain_bytes + 49) / 50; }

// Working memory of a thread. It grows as needed and is kept, because getting fresh pages from
// the kernel costs more time than compressing into them.
MutableByteSpan scratch(Bytes& buffer, std::size_t bytes) {
  if (buffer.size() < bytes) buffer = Bytes(bytes);
  return MutableByteSpan(buffer).first(bytes);
}

void check_round_trip(const Coder& coder, const Codec& codec, ByteSpan encoded, ByteSpan plain) {
  thread_local Bytes buffer;
  const MutableByteSpan again = scratch(buffer, plain.size());
  if (!coder.decode(codec, encoded, again) || !equal(again, plain)) {
    throw Error(ErrorKind::internal, std::string(coder.name),
                "a fragment did not decode to what was encoded; is the memory sound?");
  }
}

}  // namespace

std::string_view to_string(CodecId id) noexcept {
  const Coder* const coder = find_coder(id);
  return coder == nullptr ? "unknown" : coder->name;
}

Encoded encode(ByteSpan plain, const FragmentShape& shape, std::span<const Coder> with) {
  thread_local Bytes buffer;
  const MutableByteSpan out = scratch(buffer, most_bytes_worth_keeping(plain.size()));
  for (const Coder& coder : with) {
    const auto written = coder.try_encode(plain, shape, out);
    if (!written) continue;
    const ByteSpan encoded = out.first(written->bytes);
    const Codec codec{coder.id, written->parameter};
    check_round_trip(coder, codec, encoded, plain);
    return {codec, to_bytes(encoded)};
  }
  return {};
}

bool can_decode(const Codec& codec) noexcept { return !codec.base && find_coder(codec.id) != nullptr; }

void decode(const Codec& codec, ByteSpan encoded, MutableByteSpan plain) {
  const Coder* const coder = find_coder(codec.id);
  if (coder == nullptr || codec.base) {
    throw Error(ErrorKind::unsupported, "codec " + std::to_string(static_cast<int>(codec.id)),
                codec.base ? "with a base fragment is not known to this version of ModelFloat"
                           : "is not known to this version of ModelFloat");
  }
  if (!coder->decode(codec, encoded, plain)) {
    throw Error(ErrorKind::corrupt, std::string(coder->name) + " fragment", "does not decode");
  }
}

}  // namespace modelfloat::codec
