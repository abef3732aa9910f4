#pragma once
// Which stores have a good copy of a document, by their lists and what is remembered.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "modelfloat/registry/document_cache.h"
#include "modelfloat/transfer/ask/inventory.h"

namespace modelfloat::engine {

// A copy is good when it is listed with the length of the one that this home keeps, if it keeps one,
// and was not found damaged before. The inventory and the cache outlive this; what is remembered is
// read once. Throws what the cache throws.
class DocumentCopies {
 public:
  DocumentCopies(registry::DocumentCache& cache, const transfer::Inventory& inventory);

  std::vector<const transfer::PoolStore*> good(const ObjectName& document) const;
  // The stores that gave a complete list, or list it, and have no good copy.
  std::vector<const transfer::PoolStore*> lacking(const ObjectName& document) const;
  // Of those that have a good copy.
  std::set<std::string> domains(const ObjectName& document) const;

  bool was_damaged(const ObjectName& document, const transfer::PoolStore& store) const;
  // Of a listed copy.
  bool has_right_size(const ObjectName& document, const transfer::PoolStore& store) const;

 private:
  registry::DocumentCache& cache_;
  const transfer::Inventory& inventory_;
  std::map<std::string, std::set<StoreId>> damaged_;
};

}  // namespace modelfloat::engine
