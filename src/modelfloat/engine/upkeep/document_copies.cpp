#include "modelfloat/engine/upkeep/document_copies.h"

namespace modelfloat::engine {

using transfer::PoolStore;

DocumentCopies::DocumentCopies(registry::DocumentCache& cache, const transfer::Inventory& inventory)
    : cache_(cache), inventory_(inventory) {
  for (const auto& one : cache.damaged_documents()) damaged_[one.object].insert(one.store);
}

bool DocumentCopies::was_damaged(const ObjectName& document, const PoolStore& store) const {
  const auto damaged = damaged_.find(document.path());
  return damaged != damaged_.end() && damaged->second.contains(store.id);
}

bool DocumentCopies::has_right_size(const ObjectName& document, const PoolStore& store) const {
  const auto kept = cache_.document(document.path());
  return !kept || inventory_.listed_size(store, document) == kept->size();
}

std::vector<const PoolStore*> DocumentCopies::good(const ObjectName& document) const {
  auto stores = inventory_.expected_everywhere(document).having;
  const auto kept = cache_.document(document.path());
  std::erase_if(stores, [&](const PoolStore* store) {
    const bool is_whole = !kept || inventory_.listed_size(*store, document) == kept->size();
    return !is_whole || was_damaged(document, *store);
  });
  return stores;
}

std::vector<const PoolStore*> DocumentCopies::lacking(const ObjectName& document) const {
  const auto listed = inventory_.expected_everywhere(document);
  std::vector<const PoolStore*> lacking = listed.lacking;
  const auto good_ones = good(document);
  const std::set<const PoolStore*> good(good_ones.begin(), good_ones.end());
  for (const PoolStore* store : listed.having) {
    if (!good.contains(store)) lacking.push_back(store);
  }
  return lacking;
}

std::set<std::string> DocumentCopies::domains(const ObjectName& document) const {
  std::set<std::string> domains;
  for (const PoolStore* store : good(document)) domains.insert(store->domain);
  return domains;
}

}  // namespace modelfloat::engine
