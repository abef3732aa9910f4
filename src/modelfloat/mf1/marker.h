#pragma once
// The marker at "mf1/marker": it identifies the store and its pool (format document, section 10).

#include "modelfloat/base/bytes.h"
#include "modelfloat/domain/ids.h"
#include "modelfloat/mf1/format.h"

namespace modelfloat::mf1 {

inline constexpr std::size_t k_marker_bytes = 64;

struct Marker {
  PoolTag pool{};
  StoreId store{};
  bool operator==(const Marker&) const = default;
};

Bytes make_marker(const Marker& marker);
// Error{corrupt} when the object is damaged or is not a marker, Error{unsupported} for a newer
// format.
Marker parse_marker(ByteSpan object);

}  // namespace modelfloat::mf1
