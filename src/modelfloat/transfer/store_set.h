#pragma once
// The stores of a pool, as this process sees them.

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/base/executor.h"
#include "modelfloat/domain/ids.h"
#include "modelfloat/store/store.h"

namespace modelfloat::transfer {

// One store of the pool. Shared by threads.
struct PoolStore {
  StoreId id{};
  std::string name;    // as the user calls it
  std::string url;
  std::string domain;  // what fails together with it
  std::uint64_t capacity_bytes = 0;  // 0: not limited
  std::unique_ptr<store::Store> store;  // null when it could not even be made
  std::string offline;  // why it is not used; empty when its marker was read and is the right one
};

// Fixed once it is built; the stores themselves are shared by threads.
class StoreSet {
 public:
  // Reads the marker of each store (in parallel on `io`); a store whose marker is missing, unreadable or another pool's is offline.
  StoreSet(std::vector<PoolStore> stores, std::span<const std::byte, 8> pool_tag, Executor& io, const CallOptions& options);
  StoreSet() = default;

  const std::vector<PoolStore>& all() const noexcept { return stores_; }
  std::vector<const PoolStore*> online() const;
  const PoolStore* find(const StoreId& id) const noexcept;
  const PoolStore* find(std::string_view name) const noexcept;
  // How many different failure domains these are.
  static std::size_t count_domains(const std::vector<const PoolStore*>& stores);

 private:
  std::vector<PoolStore> stores_;
};

}  // namespace modelfloat::transfer
