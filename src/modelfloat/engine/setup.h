#pragma once
// A pool begins, grows by stores, and is brought back on an empty machine.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/engine/environment.h"
#include "modelfloat/engine/pool.h"
#include "modelfloat/mf1/slot.h"

namespace modelfloat::engine {

struct NewPool {
  PoolId id{};
  std::string recovery_code;  // to be shown once
};
// Writes the new pool into an empty registry: id, slots for `secret` and for a fresh recovery code, policy, writer. Error{invalid} when the
// registry has a pool.
NewPool create_pool(const Environment& environment, const mf1::SlotSecret& secret, PolicySet policy);

// The keys of the registry's pool. Error{denied} for a wrong secret, Error{not_found} when there is no pool yet.
mf1::Keyring open_keys(registry::Registry& registry, const mf1::SlotSecret& secret);

// One more secret opens the pool from now on, on every store.
void add_slot(Pool& pool, const mf1::SlotSecret& secret, const CallOptions& call);

// Makes a new store part of the pool: its marker, slots, texts and all documents go there, the log says so.
// `store` is an empty place, or one that already carries this pool's marker (then its id is taken over; with the name that it has, its address is
// changed).
// Error{denied} when it carries another pool's marker.
registry::StoreRow add_store(Pool& pool, const std::string& name, const std::string& url, const std::string& domain,
                             std::uint64_t capacity_bytes, store::Store& store, const CallOptions& call);
// Says in the log, and notes here, that a store has this domain, capacity or address from now on. The row has the id of a store of the pool.
void change_store(Pool& pool, const registry::StoreRow& row, const CallOptions& call);
// Forgets the store; its objects stay where they are. Error{out_of_space} when models would be lost by it, unless `force`.
void remove_store(Pool& pool, const std::string& name, const CallOptions& call);

// Writes, reads back, lists and deletes a small object; what it learned.
struct StoreTest {
  double put_seconds = 0, get_seconds = 0, list_seconds = 0, remove_seconds = 0;
  std::optional<store::Space> space;
};
StoreTest test_store(Pool& pool, const std::string& name, const CallOptions& call);

// In a home without a pool: finds a slot that `secret` opens on any of the given stores, reads the log, the manifests and the listings.
// Kilobytes, not models. Stores of the catalogue that are not given are added too (they may be offline).
// `own_secret`, where there is one, opens the pool from now on, too; in this home at once, elsewhere when enough stores are there. The home has
// a pool when this returns, and none when it throws or is cut off: it may then be done again.
// Error{denied}: the secret opens no slot; Error{offline}: no log could be read.
struct RecoverSource {
  std::string url;
  std::unique_ptr<store::Store> store;
};
struct RecoverResult {
  std::uint64_t models = 0;
  std::uint64_t stores = 0;
  std::uint64_t bytes_read = 0;
  double seconds = 0;
};
using StoreMaker = std::function<std::unique_ptr<store::Store>(const std::string& url)>;
RecoverResult recover(const Environment& environment, const mf1::SlotSecret& secret, std::vector<RecoverSource> sources,
                      const StoreMaker& make_store, const mf1::SlotSecret* own_secret, const CallOptions& call);

}  // namespace modelfloat::engine
