#pragma once
// The status of each store of the pool.

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
  std::string offline;  // why it is offline; else empty
  // From the provider. If it does not report the used bytes, these are the bytes of the shards that
  // the registry lists there.
  std::optional<store::Space> space;
  std::uint64_t capacity_bytes = 0;
  std::uint64_t shards = 0;  // that the registry lists there
  std::uint64_t queued = 0;  // objects that wait to be uploaded to it
  StoreUse use = StoreUse::in_use;
};
struct PoolStatus {
  std::string pool_id;
  std::string writer;
  std::vector<StoreStatus> stores;
  std::uint64_t models = 0;
  std::string read_only;  // why nothing may be written to the pool here; empty when it may
  std::uint64_t domains_online = 0;
  std::uint64_t domains = 0;
};
// Asks all stores for their space in parallel. A store that answers much later than the others is
// reported as offline. Throws Error{cancelled} or Error{timed_out} as `call` says. May be called
// from any thread.
PoolStatus pool_status(Pool& pool, const CallOptions& call);

}  // namespace modelfloat::engine
