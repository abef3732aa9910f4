#pragma once
// The log of the pool: this machine's own chain, and what all chains together say.

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/domain/pool_state.h"
#include "modelfloat/engine/documents.h"
#include "modelfloat/mf1/keyring.h"
#include "modelfloat/transfer/object_reader.h"

namespace modelfloat::engine {

// How sure a look at the log is.
struct SyncResult {
  std::size_t stores_read = 0;
  std::size_t domains_silent = 0;  // failure domains of which no store answered
  bool fresh = false;              // all but `survive` domains answered: nothing that was committed can be missing
  std::uint64_t bytes_read = 0;
  std::vector<std::string> rolled_back;  // names of stores that no longer list a record that was seen there
};

// Shared by threads.
class PoolLog {
 public:
  PoolLog(const Environment& environment, const mf1::Keyring& keys, transfer::StoreSet& stores, Documents& documents);

  // Puts what is queued, and reads what the stores list and this registry does not know yet. A store that fails is passed over and counted.
  // Looks again at stores that were away. A reader waits for enough: all but as many failure domains as the pool survives; who is much later than
  // those is not waited for. A writer waits for all that are not far behind the others.
  SyncResult sync(const CallOptions& call, transfer::WaitFor wait_for = transfer::WaitFor::all);

  // The state by all records that this registry knows.
  PoolState state();

  // Adds a record to our own chain: journaled first, then put to every store at hand; Error{offline} unless enough domains have it (the
  // record is then in the journal and goes out with the next flush). Also writes the checkpoint when it is due.
  void append(std::vector<Change> changes, const CallOptions& call);
  // The same for a change that holds from now on whoever is there: whether enough domains have the record. A warning says so when they don't.
  bool note(std::vector<Change> changes, const CallOptions& call);

  // How many failure domains must have a document before it counts as durable: max(survive, largest m in the pool) + 1, as far as there are
  // that many.
  std::size_t durable_domains();

 private:
  // What the stores list of the log, together.
  struct Listing {
    std::map<ObjectName, std::vector<const transfer::PoolStore*>> objects;
  };

  Listing list_log(SyncResult& result, transfer::WaitFor wait_for, const CallOptions& call);
  void read_checkpoints(const Listing& listing, SyncResult& result, const CallOptions& call);
  void take_checkpoint(const ObjectName& name, ByteSpan cbor);
  void note_listed(const transfer::PoolStore& store, std::vector<std::string> paths, SyncResult& result);
  void read_records(const Listing& listing, SyncResult& result, const CallOptions& call);
  // Calls `take` with what opens of those documents, in the order in which they come.
  void read_documents(const std::vector<transfer::ListedObject>& objects, SyncResult& result, const CallOptions& call,
                      const std::function<void(const ObjectName& name, Bytes cbor)>& take);
  void start_over_when_behind(const Listing& listing);

  std::vector<SeenRecord> known_records();
  WriterId own_writer();
  std::uint64_t covered(const WriterId& writer);
  NamedObject publish(std::vector<Change> changes, const CallOptions& call);
  NamedObject make_record(std::vector<Change> changes);
  std::optional<NamedObject> make_checkpoint();

  const Environment environment_;
  const mf1::Keyring& keys_;
  transfer::StoreSet& stores_;
  Documents& documents_;
  std::mutex mutex_;
  std::map<Hash256, SeenRecord> decoded_;  // records by object hash, so that each is decoded once; guarded by mutex_
};

}  // namespace modelfloat::engine
