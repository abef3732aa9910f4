#include "modelfloat/mf1/shard.h"

#include <algorithm>
#include <optional>
#include <string>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/domain/object_name.h"
#include "modelfloat/domain/redundancy.h"
#include "modelfloat/erasure/reed_solomon.h"

namespace modelfloat::mf1 {
namespace {

Error refused(ErrorKind kind, std::string_view what) { return {kind, "shard", what}; }

std::string where_of(const Pack& pack) { return "pack " + to_hex(pack.id); }

bool numbers_fit(const ShardHeader& header) noexcept {
  if (header.epoch == 0 || !is_valid(Redundancy{header.k, header.m})) return false;
  const unsigned shards = header.k == 1 ? 1 : header.k + Redundancy::k_max_parity;
  if (header.index >= shards) return false;
  return is_slice_size(header.slice_bytes, header.k);
}

bool is_of_one_pack(const ShardHeader& header, const ShardHeader& other) noexcept {
  ShardHeader same = header;
  same.index = other.index;
  return same == other;
}

// The header that a shard object must begin with to be of this pack.
ShardHeader checked_header(const Pack& pack, ByteSpan object) {
  const ShardHeader header = parse_shard_header(object);
  const bool fits = header.pack == pack.id && header.epoch == pack.epoch &&
                    static_cast<std::uint8_t>(header.suite) == pack.suite && header.k == pack.k && header.m == pack.m &&
                    header.slice_bytes == pack.slice_bytes;
  if (!fits) throw Error(ErrorKind::corrupt, where_of(pack), "a shard is not one of this pack");
  return header;
}

}  // namespace

void write_shard_header(const ShardHeader& header, MutableByteSpan out) {
  FieldWriter(out)
      .bytes(k_magic)
      .number(k_format)
      .number(static_cast<std::uint8_t>(ObjectType::shard))
      .number(static_cast<std::uint8_t>(header.suite))
      .zeros(1)
      .number(header.epoch)
      .number(header.index)
      .number(header.k)
      .number(header.m)
      .zeros(1)
      .number(header.slice_bytes)
      .bytes(header.pool)
      .bytes(header.pack)
      .bytes(header.commitment);
}

ShardHeader parse_shard_header(ByteSpan object) {
  if (object.size() < k_header_bytes || !equal(object.first(k_magic.size()), k_magic)) {
    throw refused(ErrorKind::corrupt, "has no header of ours");
  }
  FieldReader fields(object.subspan(k_magic.size()));
  if (fields.number<std::uint8_t>() != k_format) throw refused(ErrorKind::unsupported, "is of an unknown format");
  if (fields.number<std::uint8_t>() != static_cast<std::uint8_t>(ObjectType::shard)) {
    throw refused(ErrorKind::corrupt, "is an object of another type");
  }
  ShardHeader header;
  const auto suite = crypto::suite_from(fields.number<std::uint8_t>());
  if (!suite) throw refused(ErrorKind::unsupported, "has an unknown suite");
  header.suite = *suite;
  bool zeros = fields.zeros(1);
  header.epoch = fields.number<std::uint32_t>();
  header.index = fields.number<std::uint8_t>();
  header.k = fields.number<std::uint8_t>();
  header.m = fields.number<std::uint8_t>();
  zeros = fields.zeros(1) && zeros;
  header.slice_bytes = fields.number<std::uint64_t>();
  header.pool = fields.array<8>();
  header.pack = fields.array<32>();
  header.commitment = fields.array<32>();
  if (!zeros || !numbers_fit(header)) throw refused(ErrorKind::corrupt, "has a header that makes no sense");
  return header;
}

Pack pack_of(const ShardHeader& header) {
  Pack pack;
  pack.id = header.pack;
  pack.epoch = header.epoch;
  pack.suite = static_cast<std::uint8_t>(header.suite);
  pack.k = header.k;
  pack.m = header.m;
  pack.slice_bytes = header.slice_bytes;
  return pack;
}

ByteSpan slice_of(ByteSpan object) {
  const ShardHeader header = parse_shard_header(object);
  const ByteSpan slice = object.subspan(k_header_bytes);
  if (slice.size() != header.slice_bytes) throw refused(ErrorKind::corrupt, "has a wrong length");
  return slice;
}

std::vector<SlicePiece> slice_pieces(const Pack& pack, std::uint64_t offset, std::uint64_t bytes) {
  const auto end = checked_add(offset, bytes);
  const auto pack_bytes = checked_multiply(pack.slice_bytes, pack.k);
  if (!end || !pack_bytes || *end > *pack_bytes) {
    throw Error(ErrorKind::corrupt, where_of(pack), "something is said to lie beyond its end");
  }
  std::vector<SlicePiece> pieces;
  while (bytes > 0) {
    SlicePiece piece;
    piece.shard = static_cast<std::size_t>(offset / pack.slice_bytes);
    piece.offset = offset % pack.slice_bytes;
    piece.bytes = std::min(bytes, pack.slice_bytes - piece.offset);
    offset += piece.bytes;
    bytes -= piece.bytes;
    pieces.push_back(piece);
  }
  return pieces;
}

Bytes rebuild_shard(const Pack& pack, std::size_t index, std::span<const ByteSpan> objects) {
  std::vector<erasure::Shard> have;
  std::optional<ShardHeader> header;
  for (const ByteSpan object : objects) {
    if (have.size() == pack.k) break;
    const ShardHeader found = checked_header(pack, object);
    if (header && !is_of_one_pack(*header, found)) {
      throw Error(ErrorKind::corrupt, where_of(pack), "its shards have different headers");
    }
    header = found;
    const auto is_same = [&](const erasure::Shard& shard) { return shard.index == found.index; };
    if (std::none_of(have.begin(), have.end(), is_same)) have.push_back({found.index, slice_of(object)});
  }
  if (have.size() < pack.k) throw Error(ErrorKind::lost, where_of(pack), "too few of its shards are left");
  if (index >= pack.k + (pack.k == 1 ? std::size_t{pack.m} : std::size_t{Redundancy::k_max_parity})) {
    throw Error(ErrorKind::internal, where_of(pack), "has no shard of this number");
  }

  header->index = static_cast<std::uint8_t>(pack.k == 1 ? 0 : index);
  Bytes object(k_header_bytes + pack.slice_bytes);
  write_shard_header(*header, object);
  const MutableByteSpan slice = MutableByteSpan(object).subspan(k_header_bytes);
  const erasure::WantedShard want{header->index, slice};
  erasure::ReedSolomon(pack.k, Redundancy::k_max_parity).rebuild(have, std::span(&want, 1));
  if (index < pack.shard_count() && crypto::blake3(object) != pack.shard_name(index)) {
    throw Error(ErrorKind::corrupt, where_of(pack), "a rebuilt shard does not have the name that it should");
  }
  return object;
}

}  // namespace modelfloat::mf1
