#include "modelfloat/mf1/marker.h"

#include "modelfloat/base/error.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/domain/object_name.h"

namespace modelfloat::mf1 {
namespace {

constexpr std::size_t k_checked_bytes = 32;

Error marker_refused(ErrorKind kind, std::string_view what) { return {kind, "marker", what}; }

}  // namespace

Bytes make_marker(const Marker& marker) {
  Bytes object(k_marker_bytes);
  FieldWriter(object)
      .bytes(k_magic)
      .number(k_format)
      .number(static_cast<std::uint8_t>(ObjectType::marker))
      .zeros(2)
      .bytes(marker.pool)
      .bytes(marker.store);
  const Hash256 sum = crypto::blake3(ByteSpan(object).first(k_checked_bytes));
  std::copy(sum.begin(), sum.end(), object.begin() + k_checked_bytes);
  return object;
}

Marker parse_marker(ByteSpan object) {
  if (object.size() < k_magic.size() + 1 || !equal(object.first(k_magic.size()), k_magic)) {
    throw marker_refused(ErrorKind::corrupt, "is no marker of ours");
  }
  FieldReader fields(object.subspan(k_magic.size()));
  if (fields.number<std::uint8_t>() != k_format)
    throw marker_refused(ErrorKind::unsupported, "is of an unknown format");
  if (object.size() != k_marker_bytes) throw marker_refused(ErrorKind::corrupt, "has a wrong length");
  if (!equal(crypto::blake3(object.first(k_checked_bytes)), object.subspan(k_checked_bytes))) {
    throw marker_refused(ErrorKind::corrupt, "is damaged");
  }
  const bool is_marker = fields.number<std::uint8_t>() == static_cast<std::uint8_t>(ObjectType::marker);
  if (!is_marker || !fields.zeros(2)) throw marker_refused(ErrorKind::corrupt, "has a wrong header");
  Marker marker;
  marker.pool = fields.array<8>();
  marker.store = fields.array<16>();
  return marker;
}

}  // namespace modelfloat::mf1
