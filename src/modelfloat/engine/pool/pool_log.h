#pragma once
// The log of the pool: the chain of records that this machine writes, and the state that follows
// from the chains of all machines.

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "modelfloat/domain/pool_state.h"
#include "modelfloat/engine/pool/documents.h"
#include "modelfloat/mf1/keyring.h"
#include "modelfloat/transfer/ask/object_reader.h"

namespace modelfloat::engine {

struct UnreadStore {
  std::string name;
  std::string why;
};

// How complete a reading of the log was.
struct Freshness {
  std::size_t stores_read = 0;
  std::size_t domains_unread = 0;  // failure domains of which no store answered
  // All failure domains answered, except at most `survive` of them. No committed record can then be
  // missing.
  bool fresh = false;
  std::uint64_t bytes_read = 0;
  // Names of stores that once listed a record and do not list it now.
  std::vector<std::string> rolled_back;
  std::vector<UnreadStore> unread;  // each store whose log was not read
};

// Returns a text such as "the log could not be read on s1 (why), s2 (why)".
std::string unread_text(const Freshness& result);
// Returns result.fresh. When it is false, logs a warning that names the stores that were not read,
// followed by `consequence`.
bool warn_unless_fresh(const Freshness& result, std::string_view consequence);

// Reads and writes the log. May be used from any thread.
class PoolLog {
 public:
  PoolLog(const Environment& environment, const mf1::Keyring& keys, transfer::StoreSet& stores, Documents& documents);

  // Rechecks offline stores, uploads queued documents, and reads the log records that the stores
  // list and this registry lacks. A store that fails is no error: it is named in the result. With
  // WaitFor::quorum (a reader) this waits until all failure domains have answered except as many as
  // the pool survives, and does not wait for slower stores. With WaitFor::all (a writer) it waits
  // for all stores except stragglers. When too few domains answer for `fresh`, both wait for stores
  // that asked for a pause (transfer/stores/needed_wait.h), without holding a mutex. Throws
  // Error{cancelled} or Error{timed_out} as `call` says.
  Freshness sync(const CallOptions& call, transfer::WaitFor wait_for = transfer::WaitFor::all);

  // Returns the state of the pool that follows from all records in this registry. Reads no store.
  PoolState state();

  // Returns the known problems of the log as whole sentences: missing records, and objects that
  // cannot be opened. Empty when there are none.
  std::vector<std::string> doubts();
  // Makes the next sync() read again the objects that could not be opened before.
  void try_unreadable_again();

  // Appends a record to this machine's own chain. The record is journaled first, then uploaded to
  // every online store. Writes a checkpoint, too, when one is due. Throws Error{offline} when fewer
  // than durable_domains() failure domains have confirmed the record. The record is not lost then:
  // it stays in the journal, and a later flush uploads it.
  void append(std::vector<Change> changes, const CallOptions& call);
  // Like append(), but never fails for lack of stores. Returns whether the record is durable, and
  // logs a warning when it is not.
  bool append_if_possible(std::vector<Change> changes, const CallOptions& call);

  // Returns how many failure domains must have a document before it counts as durable: max(survive,
  // largest m in the pool) + 1, but never more domains than the pool has.
  std::size_t durable_domains();

 private:
  // The log objects that stores list, and which stores list each of them.
  struct Listing {
    std::map<ObjectName, std::vector<const transfer::PoolStore*>> objects;
  };

  Freshness read_all(transfer::WaitFor wait_for, const CallOptions& call, bool with_warnings);
  Listing list_log(Freshness& result, transfer::WaitFor wait_for, const CallOptions& call, bool with_warnings);
  static std::map<WriterId, std::vector<ObjectName>> checkpoints_of(const Listing& listing);
  void read_checkpoints(const Listing& listing, Freshness& result, const CallOptions& call);
  // Reads the newest checkpoint of one chain that can be opened and that covers more than `known`.
  // If a fork made several with the same number, reads all of them.
  void read_newest_checkpoint(const std::vector<ObjectName>& oldest_first, std::uint64_t known, const Listing& listing,
                              Freshness& result, const CallOptions& call);
  void take_checkpoint(const ObjectName& name, ByteSpan cbor);
  void record_listed(const transfer::PoolStore& store, const std::vector<std::string>& seen,
                     std::vector<std::string> paths, Freshness& result);
  void read_records(const Listing& listing, Freshness& result, const CallOptions& call);
  // Reads the objects, and calls `consume` with each one that can be opened, in the order of
  // arrival.
  void read_documents(const std::vector<transfer::ListedObject>& objects, Freshness& result, const CallOptions& call,
                      const std::function<void(const ObjectName& name, Bytes cbor)>& consume);
  // Returns those of the objects that this program has not yet tried to open with its current keys.
  std::vector<transfer::ListedObject> not_tried(std::vector<transfer::ListedObject> objects);
  std::string keys_at_hand() const;
  void record_unreadable(const transfer::ListedObject& object, bool is_damaged);
  std::string damaged_copies(const transfer::ListedObject& object) const;
  // Returns the paths of unreadable objects that no checkpoint covers.
  std::vector<std::string> unreadable();
  void forget_what_is_gone(const Listing& listing);
  void report_unreadable();
  void read_checkpoints_for_gaps(const Listing& listing, Freshness& result, const CallOptions& call);
  void report_gaps();
  void start_over();

  void decode_chain(std::span<const registry::LogName> chain);
  std::vector<const SeenRecord*> known_records();
  std::vector<LogGap> known_gaps();
  WriterId own_writer();
  std::uint64_t covered(const WriterId& writer);
  // A record that is being uploaded, and the object that tracks which stores have confirmed it.
  struct Published {
    NamedObject record;
    AwaitedPuts awaited;
  };
  Published publish(std::vector<Change> changes, const CallOptions& call);
  NamedObject make_record(std::vector<Change> changes);
  std::optional<NamedObject> make_checkpoint();

  const Environment environment_;
  const mf1::Keyring& keys_;
  transfer::StoreSet& stores_;
  Documents& documents_;
  std::mutex mutex_;
  // Guarded by mutex_:
  std::map<Hash256, SeenRecord> decoded_;  // by object hash; each is decoded once
  std::set<LogGap> reported_gaps_;         // each gap is logged once
  bool has_reported_unreadable_ = false;
  bool own_chain_goes_on_elsewhere_ = false;  // found by this reading: another home writes it, too
};

}  // namespace modelfloat::engine
