#pragma once
// Systematic Reed-Solomon code: any k of k + m shards suffice to rebuild the others.

#include <cstddef>
#include <span>

#include "modelfloat/base/bytes.h"

namespace modelfloat::erasure {

// An available shard: its number (0 <= index < k is data, from k on parity) and its bytes.
struct Shard {
  std::size_t index;
  ByteSpan bytes;
};

// A shard to rebuild, and the buffer for its bytes.
struct WantedShard {
  std::size_t index;
  MutableByteSpan bytes;
};

// The code of MF1: over GF(2^8) with polynomial 0x11d. Row i < k of its matrix is the unit row
// (shard i is the data itself); row i >= k has inverse(i xor j) in column j, so that more parity
// rows can be added without changing those that are there. With k = 1 every coefficient is 1:
// each parity is a copy of the data. All shards of a call have the same length, which may be 0.
// Misuse (k or m out of range, wrong number or lengths of shards, an index that is too large or
// comes twice) is Error{internal}. An immutable value; all methods may be called from many
// threads.
class ReedSolomon {
 public:
  static constexpr std::size_t k_max_data = 16;
  static constexpr std::size_t k_max_parity = 8;

  // 1 <= data_shards <= 16, 0 <= parity_shards <= 8.
  ReedSolomon(std::size_t data_shards, std::size_t parity_shards);

  std::size_t data_shards() const noexcept { return data_shards_; }
  std::size_t parity_shards() const noexcept { return parity_shards_; }

  // Writes all m parities of the k data shards. No parity may overlap another shard.
  void encode(std::span<const ByteSpan> data, std::span<const MutableByteSpan> parity) const;

  // Computes the wanted shards, data or parity, from exactly k others. `have` is trusted: wrong
  // input gives wrong output, without an error.
  void rebuild(std::span<const Shard> have, std::span<const WantedShard> want) const;

 private:
  std::size_t data_shards_;
  std::size_t parity_shards_;
};

}  // namespace modelfloat::erasure
