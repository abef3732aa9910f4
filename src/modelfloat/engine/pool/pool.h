#pragma once
// An open pool: its keys, its stores, its log. Every engine function takes one.

#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "modelfloat/domain/pool_state.h"
#include "modelfloat/domain/redundancy.h"
#include "modelfloat/engine/pool/documents.h"
#include "modelfloat/engine/pool/environment.h"
#include "modelfloat/engine/pool/pool_log.h"
#include "modelfloat/engine/pool/shard_search.h"
#include "modelfloat/mf1/keyring.h"
#include "modelfloat/placement/policy.h"
#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::engine {

// May be used from any thread.
class Pool {
 public:
  // `open` creates a store from its row in the registry. It is called again when stores join the
  // pool or come back online.
  Pool(Environment environment, mf1::Keyring keys, transfer::StoreOpener open, transfer::Timeouts timeouts = {});

  const Environment& environment() const noexcept { return environment_; }
  const mf1::Keyring& keys() const noexcept { return keys_; }
  transfer::StoreSet& stores() noexcept { return stores_; }
  const transfer::StoreSet& stores() const noexcept { return stores_; }
  registry::Registry& registry() const noexcept { return environment_.registry; }
  Documents& documents() noexcept { return documents_; }
  PoolLog& log() noexcept { return log_; }
  ShardSearch& shard_search() noexcept { return shard_search_; }

  // Opens the pool once more, beside this one, as if these stores were offline. Needs what this one
  // needs, and is used as another process of the same home would be.
  std::unique_ptr<Pool> without(const std::set<StoreId>& stores) const;

  // The redundancy of a push. `survive` is how many failure domains may be lost without losing
  // data.
  struct Promise {
    Redundancy redundancy;
    unsigned survive = 0;
  };
  // Returns `asked` when it is given, else the redundancy that the pool's policy sets or computes
  // for these stores. Throws Error{out_of_space} when the stores are in too few failure domains.
  Promise promise(std::optional<Redundancy> asked, std::span<const placement::Candidate> stores) const;

 private:
  Environment environment_;
  mf1::Keyring keys_;
  transfer::StoreOpener open_;
  transfer::StoreSet stores_;
  Documents documents_;
  PoolLog log_;
  ShardSearch shard_search_;
};

}  // namespace modelfloat::engine
