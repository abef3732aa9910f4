#pragma once
// An open pool: its keys, its stores, its log. Every engine function takes one.

#include <memory>
#include <optional>
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

// Shared by threads.
class Pool {
 public:
  // `open` makes a store from its row in the registry; it is used again when stores join or come
  // back.
  Pool(Environment environment, mf1::Keyring keys, transfer::StoreOpener open, transfer::Timeouts timeouts = {});

  const Environment& environment() const noexcept { return environment_; }
  const mf1::Keyring& keys() const noexcept { return keys_; }
  transfer::StoreSet& stores() noexcept { return stores_; }
  const transfer::StoreSet& stores() const noexcept { return stores_; }
  registry::Registry& registry() const noexcept { return environment_.registry; }
  Documents& documents() noexcept { return documents_; }
  PoolLog& log() noexcept { return log_; }
  ShardSearch& shard_search() noexcept { return shard_search_; }

  // What a push promises: what is asked for, else what the pool's policy makes of these stores;
  // Error{out_of_space} when they lie in too few domains. `survive` is how many failure domains may
  // vanish.
  struct Promise {
    Redundancy redundancy;
    unsigned survive = 0;
  };
  Promise promise(std::optional<Redundancy> asked, std::span<const placement::Candidate> stores) const;

 private:
  Environment environment_;
  mf1::Keyring keys_;
  transfer::StoreSet stores_;
  Documents documents_;
  PoolLog log_;
  ShardSearch shard_search_;
};

}  // namespace modelfloat::engine
