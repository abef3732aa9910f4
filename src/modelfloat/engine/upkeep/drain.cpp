#include "modelfloat/engine/upkeep/drain.h"

#include "modelfloat/engine/upkeep/repair.h"
#include "modelfloat/engine/upkeep/setup.h"

namespace modelfloat::engine {

static void set_use(Pool& pool, registry::StoreRow row, StoreUse use, const CallOptions& call) {
  row.use = use;
  change_store(pool, row, call);
}

DrainReport drain_store(Pool& pool, const std::string& name, const DrainOptions& options, const CallOptions& call) {
  const registry::StoreRow row = row_called(pool.registry(), name);
  if (!options.dry_run && row.use != StoreUse::draining) set_use(pool, row, StoreUse::draining, call);
  RepairOptions repair_options;
  repair_options.budget_bytes = options.budget_bytes;
  repair_options.dry_run = options.dry_run;
  repair_options.progress = options.progress;
  repair_options.leaving = {row.id};
  // What is on another store that is to go will not stay there.
  for (const registry::StoreRow& other : pool.registry().stores()) {
    if (other.use == StoreUse::draining) repair_options.leaving.insert(other.id);
  }
  // What a store has that is away is for repair() to make again.
  for (const transfer::PoolStore* store : pool.stores().all()) repair_options.awaited.insert(store->id);
  const RepairReport done = repair(pool, repair_options, call);
  DrainReport report{done.shards_written, done.bytes_written, done.shards_left,
                     done.packs_below_promise - done.packs_beyond_budget, done.doubts};
  for (const Unrepairable& one : done.unrepairable)
    report.doubts.push_back(one.model + ": " + one.file + " cannot be read: too few shards are left");
  for (const transfer::PoolStore* store : pool.stores().all()) {
    const bool counts = !store->is_online() && !repair_options.leaving.contains(store->id);
    if (counts && pool.registry().shard_count(store->id) > 0)
      report.doubts.push_back(store->name +
                              " is offline: what it has counts as being there. Where it does not come "
                              "back, modelfloat repair makes it again");
  }
  return report;
}

void cancel_drain(Pool& pool, const std::string& name, const CallOptions& call) {
  const registry::StoreRow row = row_called(pool.registry(), name);
  if (row.use != StoreUse::draining) throw Error(ErrorKind::invalid, name, "is not draining");
  set_use(pool, row, StoreUse::in_use, call);
}

}  // namespace modelfloat::engine
