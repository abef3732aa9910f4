#pragma once
// When copies of objects were last proven right, and which are to be read next.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/transfer/ask/copy_check.h"
#include "modelfloat/transfer/ask/inventory.h"

namespace modelfloat::engine {

// The proofs of one job. They are written to the registry many at once; what was not recorded when
// this is destroyed is forgotten. Used by one thread; the inventory outlives it. All methods throw
// what the registry throws.
class Proofs {
 public:
  Proofs(Pool& pool, const transfer::Inventory& inventory);

  // The bytes of this copy were read, and fit its name.
  void is_right(const ObjectName& name, const transfer::PoolStore& store);

  enum class ByChecksum { right, wrong, unknown };
  // By the checksum that the store lists for this shard and the one that it listed when the bytes
  // were right. `right` counts as a proof.
  ByChecksum compare_checksum(const ObjectName& shard, const transfer::PoolStore& store);

  void record();

  // Of these copies, those that were proven right longest ago or never, and before `unproven_since`
  // (seconds of Unix time): as many as have `bytes` bytes together, and at most one object more.
  std::vector<transfer::CopyToCheck> longest_unproven(const std::vector<transfer::CopyToCheck>& copies,
                                                      std::uint64_t bytes, std::uint64_t unproven_since);

 private:
  std::uint64_t proved_at(const transfer::CopyToCheck& copy);
  void record_many();

  Pool& pool_;
  const transfer::Inventory& inventory_;
  const std::uint64_t now_;  // seconds of Unix time
  std::map<const transfer::PoolStore*, std::map<Hash256, std::string>> checksums_;
  // Not recorded yet.
  std::vector<registry::CopyProof> shards_;
  std::vector<registry::DocumentCache::DocumentCopy> documents_;
};

}  // namespace modelfloat::engine
