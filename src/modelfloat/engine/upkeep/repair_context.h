#pragma once
// What writing packs and documents again needs of a pool.

#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

// The stores, and what this machine knows of them: no key of the pool, and nothing of its log.
// Everything that it refers to outlives those who have a copy of it.
struct RepairContext {
  explicit RepairContext(Pool& pool) : RepairContext(pool.environment(), pool.stores(), pool.documents()) {}
  RepairContext(const Environment& of, transfer::StoreSet& at, Documents& by)
      : environment(of), stores(at), documents(by) {}

  registry::Registry& registry() const noexcept { return environment.registry; }

  const Environment& environment;
  transfer::StoreSet& stores;
  Documents& documents;
};

}  // namespace modelfloat::engine
