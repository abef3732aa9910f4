#pragma once
// How the plain bytes of a fragment become fewer bytes, and back.

#include <cstdint>
#include <string_view>

#include "modelfloat/base/bytes.h"

namespace modelfloat::codec {

// The numbers stand in frames and manifests. 2 and up are reserved: byte planes of floats, planes by position in a
// quantisation block.
enum class CodecId : std::uint8_t { raw = 0, zstd = 1 };

// How one fragment was encoded. The id may be one that this program does not know: then decode() says so.
struct CodecUse {
  CodecId id = CodecId::raw;
  std::uint8_t parameter = 0;  // zstd: the level that was used, only to tell; raw: 0
  friend bool operator==(const CodecUse&, const CodecUse&) = default;
};

std::string_view to_string(CodecId) noexcept;  // "raw", "zstd", "unknown"

struct Encoded {
  CodecUse codec;
  Bytes bytes;  // empty for raw: the plain bytes stand as they are
};

// Encodes a fragment of at most k_max_plain_bytes (else Error{internal}) with the codec that its dtype and a few
// samples of it suggest. `dtype` is the tensor's type as its file spells it, empty for headers and for files without
// tensors. Anything but raw has been decoded again and compared, and has at most 98 % of the plain size. Equal input
// gives equal output with one version of the libraries, on any machine. Any thread; uses a few MB of working memory per
// thread.
Encoded encode(ByteSpan plain, std::string_view dtype);

// Writes exactly plain.size() bytes. Error{corrupt} when `encoded` does not decode to just that many; what `plain`
// holds is then undefined, but nothing outside of it was written and nothing was allocated by what `encoded` claims.
// Error{unsupported} for a codec that this program does not know. Any thread.
void decode(CodecUse codec, ByteSpan encoded, MutableByteSpan plain);

}  // namespace modelfloat::codec
