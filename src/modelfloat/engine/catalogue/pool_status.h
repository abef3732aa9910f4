#pragma once
// How the stores of the pool stand, one by one.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

struct StoreStatus {
  std::string name;
  std::string url;
  std::string domain;
  StoreId id{};
  bool online = false;
  std::string offline;  // why
  // Where the provider doesn't say what is used: what the registry believes to lie there of shards.
  std::optional<store::Space> space;
  std::uint64_t capacity_bytes = 0;
  std::uint64_t shards = 0;  // that the registry believes to lie there
  std::uint64_t queued = 0;  // objects it has yet to get
};
struct PoolStatus {
  std::string pool_id;
  std::string writer;
  std::vector<StoreStatus> stores;
  std::uint64_t models = 0;
  std::uint64_t domains_online = 0;
  std::uint64_t domains = 0;
};
// Asks all stores at once for their space; one that is far behind the others counts as offline. May
// be called from many threads. Throws what `call` says.
PoolStatus pool_status(Pool& pool, const CallOptions& call);

}  // namespace modelfloat::engine
