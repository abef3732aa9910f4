#pragma once
// How the bytes of a fragment were encoded before they were sealed.

#include <cstdint>
#include <optional>

#include "modelfloat/domain/ids.h"

namespace modelfloat {

// The numbers are those of the format (docs/formats/mf1.md section 3). Numbers from 2 on are
// reserved: byte planes of floats, planes by position in a quantisation block.
enum class CodecId : std::uint8_t { raw = 0, zstd = 1 };

// What a reader must know to decode one fragment. The id may be one that this program does not
// know.
struct Codec {
  CodecId id = CodecId::raw;
  std::uint8_t parameter = 0;  // zstd: the level that was used, for information; raw: 0
  // The fragment that this one is encoded as a difference to. No known codec uses it.
  std::optional<FragmentId> base = {};
  bool operator==(const Codec&) const = default;
};

}  // namespace modelfloat
