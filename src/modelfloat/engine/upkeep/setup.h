#pragma once
// Creates a pool, adds and removes stores and key slots, and recovers a pool on an empty machine.

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
// Creates a pool in an empty registry: its id, its policy, this machine's writer id, and key slots
// for `secret` and for a new recovery code. Contacts no store. Throws Error{invalid} when the
// registry already has a pool.
NewPool create_pool(const Environment& environment, const mf1::SlotSecret& secret, PolicySet policy);

// Adds a key slot, so that one more secret opens the pool. Throws as PoolLog::append() does.
void add_slot(Pool& pool, const mf1::SlotSecret& secret, const CallOptions& call);

// Adds a store to the pool: writes its marker, the slots, the texts and all documents to it, and
// appends a log record. `store` is empty, or it already has this pool's marker: then it keeps the
// id in the marker, and if the pool has this id under the same name, its address is changed. Throws
// Error{denied} when the marker is that of another pool, and Error{invalid} when the name or the
// place is in the pool already, by what this machine knows after it has read the log. `on_row`,
// when given, is called in the registry transaction that adds the store, so that what it writes is
// added atomically.
registry::StoreRow add_store(Pool& pool, const std::string& name, const std::string& url, const std::string& domain,
                             std::uint64_t capacity_bytes, store::Store& store, const CallOptions& call,
                             const std::function<void(const registry::StoreRow&)>& on_row = {});
// Throws Error{not_found} when the pool has no store of this name.
registry::StoreRow row_called(registry::StoreRecords& registry, const std::string& name);

// Changes address, failure domain, capacity or use of a store: appends a log record, and updates
// the registry. What `row` has as the registry has it stays as it is, or as another machine has set
// it meanwhile. The name is not changed. Throws Error{not_found} when the pool has no store with
// the id of the row, perhaps no longer.
void change_store(Pool& pool, const registry::StoreRow& row, const CallOptions& call);
// Tests a store: writes, reads back, lists and deletes an object of `bytes` bytes (at least 8 KiB).
// Throws Error{not_found} for an unknown name, Error{offline} when the store is offline,
// Error{corrupt} when it does not return or list what was written, and as the store does.
struct StoreTest {
  // get_seconds: for reading a small range.
  double put_seconds = 0, get_seconds = 0, list_seconds = 0, remove_seconds = 0;
  double get_whole_seconds = 0;
  bool listed = false;                  // in the first listing after the write
  std::optional<std::string> checksum;  // "md5:..", as the store lists it
  std::optional<store::Space> space;
};
inline constexpr std::size_t k_store_test_bytes = 1U << 20;
StoreTest test_store(Pool& pool, const std::string& name, const CallOptions& call,
                     std::size_t bytes = k_store_test_bytes);

// Recovers a pool in a home that has none: finds a slot on any of the given stores that `secret`
// opens, reads the log and the manifests, and lists the stores. Downloads kilobytes, not models.
// Stores that the log names and that were not given are added, too (they may be offline). If this
// throws or is interrupted, the home has no pool, and the call can be repeated. A given store that
// does not answer, or much later than the others, is left out with a warning. Throws Error{invalid}
// when the home has a pool, or when the stores belong to several pools; Error{denied} when the
// secret opens no slot; Error{offline} when no slot or no log could be read.
struct RecoverSource {
  std::string url;
  std::unique_ptr<store::Store> store;
};
struct RecoverResult {
  // False when too few stores gave their log to be sure of the newest state; a warning names the
  // others.
  bool log_is_fresh = false;
  std::uint64_t models = 0;
  std::uint64_t stores = 0;
  // The number of key slots that were tried. With a passphrase each takes about half a second.
  std::size_t slots_tried = 0;
  std::uint64_t bytes_read = 0;
  double seconds = 0;
};
using StoreMaker = std::function<std::unique_ptr<store::Store>(const std::string& url)>;
struct RecoverOptions {
  // One more secret that will open the pool. In this home it works at once; elsewhere, when enough
  // stores have the new slot.
  const mf1::SlotSecret* own_secret = nullptr;
  // Called in the registry transaction that creates the pool in this home, so that what it writes
  // is added atomically.
  std::function<void(const mf1::Keyring&)> on_pool = {};
  transfer::Timeouts timeouts = {};
};
RecoverResult recover(const Environment& environment, const mf1::SlotSecret& secret, std::vector<RecoverSource> sources,
                      const StoreMaker& make_store, const RecoverOptions& options, const CallOptions& call);

}  // namespace modelfloat::engine
