#pragma once
// A pack: all that is needed to check and repair it. That does not include the keys to read it.

#include <cstdint>
#include <vector>

#include "modelfloat/domain/ids.h"

namespace modelfloat {

struct Pack {
  PackId id{};  // also its salt
  std::uint32_t epoch = 1;
  std::uint8_t suite = 1;  // crypto::Suite
  std::uint8_t k = 1;
  std::uint8_t m = 0;
  std::uint64_t slice_bytes = 0;
  std::uint8_t survive = 0;     // how many failure domains may be lost, by the pool's promise
  std::vector<Hash256> shards;  // object names of shards 0 .. k+m-1; a single one when k = 1

  std::uint64_t pack_bytes() const noexcept { return slice_bytes * k; }
  std::size_t shard_count() const noexcept { return static_cast<std::size_t>(k) + m; }
  // The object that holds shard i; the same for all copies when k = 1.
  const Hash256& shard_name(std::size_t i) const { return shards.at(k == 1 ? 0 : i); }
  bool operator==(const Pack&) const = default;
};

}  // namespace modelfloat
