#include "modelfloat/transfer/store_set.h"

#include <algorithm>
#include <set>

#include "modelfloat/base/log.h"
#include "modelfloat/mf1/marker.h"

namespace modelfloat::transfer {

// Why the store is not to be used, or nothing when its marker is the right one.
static std::string why_offline(const PoolStore& store, std::span<const std::byte, 8> pool_tag, const CallOptions& options) {
  if (!store.store) return store.offline;
  try {
    const auto bytes = store.store->get(ObjectName::marker(), {}, options);
    if (!bytes) return "its marker is missing: this is not the place that was added, or it is not mounted";
    const mf1::Marker marker = mf1::parse_marker(*bytes);
    if (!equal(marker.pool, pool_tag)) return "it carries the marker of another pool";
    if (marker.store != store.id) return "it carries the marker of another store of this pool";
    return {};
  } catch (const Error& error) {
    if (error.kind == ErrorKind::cancelled) throw;
    return error.what();
  }
}

StoreSet::StoreSet(std::vector<PoolStore> stores, std::span<const std::byte, 8> pool_tag, Executor& io,
                   const CallOptions& options)
    : stores_(std::move(stores)) {
  std::sort(stores_.begin(), stores_.end(), [](const PoolStore& a, const PoolStore& b) { return a.name < b.name; });
  TaskGroup group(io, std::max<std::size_t>(stores_.size(), 1));
  for (PoolStore& store : stores_) {
    group.run([&store, pool_tag, &options] { store.offline = why_offline(store, pool_tag, options); });
  }
  group.wait();
  for (const PoolStore& store : stores_) {
    if (!store.offline.empty()) log_warning(store.name + " is offline: " + store.offline);
  }
}

std::vector<const PoolStore*> StoreSet::online() const {
  std::vector<const PoolStore*> found;
  for (const PoolStore& store : stores_) {
    if (store.offline.empty()) found.push_back(&store);
  }
  return found;
}

const PoolStore* StoreSet::find(const StoreId& id) const noexcept {
  const auto found = std::find_if(stores_.begin(), stores_.end(), [&](const PoolStore& store) { return store.id == id; });
  return found == stores_.end() ? nullptr : &*found;
}

const PoolStore* StoreSet::find(std::string_view name) const noexcept {
  const auto found = std::find_if(stores_.begin(), stores_.end(), [&](const PoolStore& store) { return store.name == name; });
  return found == stores_.end() ? nullptr : &*found;
}

std::size_t StoreSet::count_domains(const std::vector<const PoolStore*>& stores) {
  std::set<std::string_view> domains;
  for (const PoolStore* store : stores) domains.insert(store->domain);
  return domains.size();
}

}  // namespace modelfloat::transfer
