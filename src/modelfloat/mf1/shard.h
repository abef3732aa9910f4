#pragma once
// A shard object: a clear header, and a slice of a pack or a parity of its slices (format document,
// section 7).

#include <cstdint>
#include <span>
#include <vector>

#include "modelfloat/base/bytes.h"
#include "modelfloat/crypto/aead.h"
#include "modelfloat/domain/pack.h"
#include "modelfloat/mf1/format.h"

namespace modelfloat::mf1 {

inline constexpr std::uint64_t k_slice_unit = 64;  // slices are multiples of this

// Whether a pack of k slices can have slices of this length: a multiple of 64, and less than 4 GiB
// in all.
inline bool is_slice_size(std::uint64_t slice_bytes, unsigned k) noexcept {
  return slice_bytes > 0 && slice_bytes % k_slice_unit == 0 && slice_bytes <= UINT32_MAX / k;
}

struct ShardHeader {
  crypto::Suite suite = crypto::Suite::aes_256_gcm;
  std::uint32_t epoch = 1;
  std::uint8_t index = 0;  // may be k + m or more: parity that was added later
  std::uint8_t k = 1;
  std::uint8_t m = 0;
  std::uint64_t slice_bytes = 0;
  PoolTag pool{};
  PackId pack{};  // the salt
  Hash256 commitment{};
  bool operator==(const ShardHeader&) const = default;
};

// `out` has k_header_bytes.
void write_shard_header(const ShardHeader& header, MutableByteSpan out);

// Reads the first k_header_bytes of a shard object; what follows is not looked at. Error{corrupt}
// or Error{unsupported}.
ShardHeader parse_shard_header(ByteSpan object);

// The pack that the header describes. A header holds neither `survive` nor the names of the
// shards, so these are not set.
Pack pack_of(const ShardHeader& header);

// The slice behind the header of a whole shard object; Error{corrupt} unless the object has exactly
// the length that its header says.
ByteSpan slice_of(ByteSpan object);

// A part of a pack as it lies in one data slice.
struct SlicePiece {
  std::size_t shard = 0;     // < k
  std::uint64_t offset = 0;  // in the slice; in the object it is k_header_bytes more
  std::uint64_t bytes = 0;
  bool operator==(const SlicePiece&) const = default;
};

// Where bytes [offset, offset + bytes) of a pack lie, in order. Error{corrupt} when that reaches
// beyond the pack.
std::vector<SlicePiece> slice_pieces(const Pack& pack, std::uint64_t offset, std::uint64_t bytes);

// Rebuilds the complete object of shard `index` from k other shard objects of the pack. Needs no
// key. The caller has checked that the objects fit their names. `index` may be k + m or more, to
// add parity. Error{lost} for fewer than k different objects; more than k are fine.
// Error{corrupt} when the objects do not fit together, or when the result does not have the name
// that the pack lists.
Bytes rebuild_shard(const Pack& pack, std::size_t index, std::span<const ByteSpan> objects);

}  // namespace modelfloat::mf1
