#include "modelfloat/engine/upkeep/spare_copies.h"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "modelfloat/base/cancel.h"
#include "modelfloat/mf1/format.h"
#include "modelfloat/transfer/ask/confirmed_put.h"
#include "modelfloat/transfer/ask/object_reader.h"

namespace modelfloat::engine {
namespace {

using transfer::PoolStore;

struct WrongSpare {
  const Pack* pack = nullptr;
  std::size_t index = 0;
  const PoolStore* store = nullptr;
  std::vector<const PoolStore*> good;  // stores with a good copy
};

std::vector<WrongSpare> wrong_spares(const transfer::Inventory& inventory, const std::vector<Pack>& packs,
                                     const std::set<StoreId>& leaving) {
  std::vector<WrongSpare> spares;
  for (const Pack& pack : packs) {
    const std::size_t objects = pack.k == 1 ? 1 : pack.shard_count();
    const std::size_t wanted = pack.shard_count() / objects;  // copies of each
    for (std::size_t index = 0; index < objects; ++index) {
      const auto good = inventory.holders(pack, index);
      if (good.size() < wanted) continue;
      for (const auto& copy : inventory.copies(pack.shard_name(index))) {
        const bool is_right = std::find(good.begin(), good.end(), copy.store) != good.end();
        const bool may_be_put = copy.store->use == StoreUse::in_use && !leaving.contains(copy.store->id);
        if (copy.size_bytes && !is_right && may_be_put) spares.push_back({&pack, index, copy.store, good});
      }
    }
  }
  return spares;
}

std::optional<Bytes> read(const RepairContext& context, const ObjectName& name,
                          const std::vector<const PoolStore*>& places, const CallOptions& call) {
  std::optional<Bytes> found;
  transfer::read_objects(context.stores, {{name, places}}, {}, call,
                         [&](std::size_t, Bytes bytes) { found = std::move(bytes); });
  return found;
}

}  // namespace

void replace_wrong_spares(const RepairContext& context, const transfer::Inventory& inventory,
                          const std::vector<Pack>& packs, const RepairOptions& options, NewCopies& new_copies,
                          RepairReport& report, const CallOptions& call) {
  std::size_t left = 0;
  for (const WrongSpare& spare : wrong_spares(inventory, packs, options.leaving)) {
    const std::uint64_t size = mf1::k_header_bytes + spare.pack->slice_bytes;
    if (report.bytes_read + 2 * report.bytes_written + 3 * size > options.budget_bytes) {
      ++left;
      continue;
    }
    if (!options.dry_run) {
      const ObjectName name = ObjectName::of(ObjectType::shard, spare.pack->shard_name(spare.index));
      const auto bytes = read(context, name, spare.good, call);
      if (!bytes) {
        ++left;
        continue;
      }
      try {
        const auto allowed = context.stores.timeouts().allowed(size);
        const std::string checksum = transfer::put_confirmed(*spare.store->store, spare.store->name, name, *bytes,
                                                             transfer::within(call, context.stores.clock(), allowed));
        new_copies.add(*spare.pack, {spare.index, spare.store->id, spare.store->domain, checksum});
      } catch (const Error& error) {
        check_cancelled(call, context.stores.clock(), "stores");
        report.doubts.push_back(fmt::format("{} does not take {}: {}", spare.store->name, name.path(), error.what()));
        continue;
      }
    }
    report.bytes_read += size;
    report.bytes_written += size;
    ++report.shards_written;
  }
  if (left > 0) report.doubts.push_back(fmt::format("{} wrong spare copies are left", left));
}

}  // namespace modelfloat::engine
