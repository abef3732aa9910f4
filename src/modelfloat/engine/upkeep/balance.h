#pragma once
// Decides which shards go to which stores so that all are equally full. Pure.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace modelfloat::engine {

// A store, by its index in the list that is passed.
struct BalancedStore {
  std::string domain;
  std::uint64_t room_bytes = 0;  // all that it has for shards: those that count there, and what is free
  std::uint64_t free_bytes = 0;  // 0: takes no shard
  bool is_read_last = false;     // reading from it is limited
};

// The shards of a pack: one store for each, which has the copy that counts.
struct BalancedPack {
  unsigned m = 0;
  unsigned survive = 0;
  bool are_copies = false;  // k = 1: no store may have two
  std::uint64_t object_bytes = 0;
  std::vector<std::size_t> stores;                // by shard
  std::vector<std::vector<std::size_t>> also_on;  // by shard: other stores that have a copy
};

struct ShardMove {
  std::size_t pack = 0;   // index in the list that is passed
  std::size_t shard = 0;  // in that pack
  std::size_t from = 0;
  std::size_t to = 0;
  bool operator==(const ShardMove&) const = default;
};

// Returns moves after which the stores are as equally full as their sizes and the promises of the
// packs allow, the cheapest first. Changes `packs` to what they are then. A shard whose copy on
// another store counts instead is no move: nothing is copied for it.
std::vector<ShardMove> balance(const std::vector<BalancedStore>& stores, std::vector<BalancedPack>& packs);

}  // namespace modelfloat::engine
