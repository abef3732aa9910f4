#pragma once
// A pool begins, grows by stores, and is brought back on an empty machine.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/engine/pool/environment.h"
#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/mf1/slot.h"

namespace modelfloat::engine {

struct NewPool {
  PoolId id{};
  std::string recovery_code;  // to be shown once
};
// Writes the new pool into an empty registry: id, slots for `secret` and for a fresh recovery code,
// policy, writer. Error{invalid} when the registry has a pool.
NewPool create_pool(const Environment& environment, const mf1::SlotSecret& secret, PolicySet policy);

// One more secret opens the pool from now on, on every store.
void add_slot(Pool& pool, const mf1::SlotSecret& secret, const CallOptions& call);

// Makes a new store part of the pool: its marker, slots, texts and all documents go there, the log
// says so. `store` is an empty place, or one that already carries this pool's marker (then its id
// is taken over; with the name that it has, its address is changed). Error{denied} when it carries
// another pool's marker. `on_row`, when given, is called within the transaction that enters the
// store into the registry: what belongs to it appears with it.
registry::StoreRow add_store(Pool& pool, const std::string& name, const std::string& url, const std::string& domain,
                             std::uint64_t capacity_bytes, store::Store& store, const CallOptions& call,
                             const std::function<void(const registry::StoreRow&)>& on_row = {});
// Says in the log, and notes here, that a store has this domain, capacity or address from now on.
// The row has the id of a store of the pool.
void change_store(Pool& pool, const registry::StoreRow& row, const CallOptions& call);
// Forgets the stores; their objects stay where they are. Lists of the stores, made now, decide.
// Nothing is done, and Error{invalid}, when a model could not be read any more without them;
// Error{offline} when others that are away might make up for it, or might know of more models:
// stores that are gone for good have to leave together.
struct StoreRemoval {
  // That lose shards by it, and survive the loss of fewer stores than was promised.
  std::vector<std::string> models_at_risk;
  // Else too few stores are there to be sure that every machine learns of it now, or that all
  // models are known here.
  bool durable = false;
};
StoreRemoval remove_stores(Pool& pool, const std::vector<std::string>& names, const CallOptions& call);

// Writes, reads back, lists and deletes an object of so many bytes (at least 8 KiB); what it
// learned.
struct StoreTest {
  // Get: of a small range.
  double put_seconds = 0, get_seconds = 0, list_seconds = 0, remove_seconds = 0;
  double get_whole_seconds = 0;
  bool listed = false;                  // at once
  std::optional<std::string> checksum;  // "md5:..", as the store lists it
  std::optional<store::Space> space;
};
inline constexpr std::size_t k_store_test_bytes = 1U << 20;
StoreTest test_store(Pool& pool, const std::string& name, const CallOptions& call,
                     std::size_t bytes = k_store_test_bytes);

// In a home without a pool: finds a slot that `secret` opens on any of the given stores, reads the
// log, the manifests and the listings. Kilobytes, not models. Stores of the catalogue that are not
// given are added too (they may be offline). The home has a pool when this returns, and none when
// it throws or is cut off: it may then be done again. A given store that does not answer, or much
// later than the others, is named in the log and left out. Error{denied}: the secret opens no slot;
// Error{offline}: no log could be read.
struct RecoverSource {
  std::string url;
  std::unique_ptr<store::Store> store;
};
struct RecoverResult {
  // Else too few stores gave their log to be sure of the newest state; a warning says which.
  bool log_is_fresh = false;
  std::uint64_t models = 0;
  std::uint64_t stores = 0;
  // Key slots that the secret was tried on; with a passphrase each takes about half a second.
  std::size_t slots_tried = 0;
  std::uint64_t bytes_read = 0;
  double seconds = 0;
};
using StoreMaker = std::function<std::unique_ptr<store::Store>(const std::string& url)>;
struct RecoverOptions {
  // Opens the pool from now on, too; in this home at once, elsewhere when enough stores are there.
  const mf1::SlotSecret* own_secret = nullptr;
  // Called within the transaction that gives the home its pool: what belongs to it appears with it.
  std::function<void(const mf1::Keyring&)> on_pool = {};
  transfer::Timeouts timeouts = {};
};
RecoverResult recover(const Environment& environment, const mf1::SlotSecret& secret, std::vector<RecoverSource> sources,
                      const StoreMaker& make_store, const RecoverOptions& options, const CallOptions& call);

}  // namespace modelfloat::engine
