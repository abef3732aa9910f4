#pragma once
// What the models of a pool need, and which stores have it now: what repair, rebalance and plan
// begin with.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "modelfloat/domain/pool_state.h"
#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/transfer/ask/inventory.h"

namespace modelfloat::engine {

struct NeededPack {
  Pack pack;
  std::set<Hash256> manifests;  // by content name: those that need it
};

struct PoolSurvey {
  PoolState state;  // as the log says
  transfer::Inventory inventory;
  std::map<PackId, NeededPack> packs;
  std::set<ObjectName> documents;       // of the manifests, and unless one model was asked for, of the pool
  std::set<std::string> unread_models;  // some manifest of which cannot be read
  // What is not known, in whole sentences: stores that were not asked or could not be listed, and
  // manifests that cannot be read.
  std::vector<std::string> doubts;
};

// Reads the log thoroughly, lists all stores that are online, and reads the manifests that must be
// readable (current_manifests()), or only those of `model`. Throws Error{not_found} for a model that
// there is not, Error{offline} when no store can be listed, and Error{cancelled} or
// Error{timed_out} as `call` says.
PoolSurvey survey_pool(Pool& pool, const std::optional<std::string>& model, const CallOptions& call);

// Reads the log from all stores that can be read, also what could not be read before, and brings the
// catalogue up to date. Adds to `doubts`, in whole sentences, what may be missing. Returns whether
// enough stores answered to know all models. Throws as catch_up() does.
bool read_log_thoroughly(Pool& pool, std::vector<std::string>& doubts, const CallOptions& call);

// The ids of these stores. Throws Error{not_found} for a name that no store has.
std::set<StoreId> store_ids(Pool& pool, const std::vector<std::string>& names);

}  // namespace modelfloat::engine
