#pragma once
// The log of the pool: this machine's own chain, and what all chains together say.

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

// How sure a reading of the log is.
struct Freshness {
  std::size_t stores_read = 0;
  std::size_t domains_unread = 0;  // failure domains of which no store answered
  // All but `survive` domains answered: nothing that was committed can be missing.
  bool fresh = false;
  std::uint64_t bytes_read = 0;
  // Names of stores that no longer list a record that was seen there.
  std::vector<std::string> rolled_back;
  std::vector<UnreadStore> unread;  // each store whose log was not read
};

// "the log could not be read on s1 (why), s2 (why)".
std::string unread_text(const Freshness& result);
// True when the result is fresh. Else a warning names the stores that were not read, and says
// `consequence`.
bool warn_unless_fresh(const Freshness& result, std::string_view consequence);

// Shared by threads.
class PoolLog {
 public:
  PoolLog(const Environment& environment, const mf1::Keyring& keys, transfer::StoreSet& stores, Documents& documents);

  // Puts what is queued, and reads what the stores list and this registry does not know yet. A
  // store that fails is passed over and counted. Looks again at stores that were away. A reader
  // waits for enough: all but as many failure domains as the pool survives; who is much later than
  // those is not waited for. A writer waits for all that are not far behind the others. Where too
  // few answer for `fresh`, both wait for stores that ask for a moment (transfer/needed_wait.h),
  // with no mutex held.
  Freshness sync(const CallOptions& call, transfer::WaitFor wait_for = transfer::WaitFor::all);

  // The state by all records that this registry knows.
  PoolState state();

  // What is not right with the log as far as it was read, in whole sentences: records that are
  // missing, objects that don't open.
  std::vector<std::string> doubts();
  // The next sync() reads again what could not be used before.
  void try_unreadable_again();

  // Adds a record to our own chain: journaled first, then put to every store at hand;
  // Error{offline} unless enough domains have it (the record is then in the journal and goes out
  // with the next flush). Also writes the checkpoint when it is due.
  void append(std::vector<Change> changes, const CallOptions& call);
  // The same for a change that holds from now on whoever is there: whether enough domains have the
  // record. A warning says so when they don't.
  bool append_if_possible(std::vector<Change> changes, const CallOptions& call);

  // How many failure domains must have a document before it counts as durable: max(survive, largest
  // m in the pool) + 1, as far as there are that many.
  std::size_t durable_domains();

 private:
  // What the stores list of the log, together.
  struct Listing {
    std::map<ObjectName, std::vector<const transfer::PoolStore*>> objects;
  };

  Freshness read_all(transfer::WaitFor wait_for, const CallOptions& call, bool with_warnings);
  Listing list_log(Freshness& result, transfer::WaitFor wait_for, const CallOptions& call, bool with_warnings);
  static std::map<WriterId, std::vector<ObjectName>> checkpoints_of(const Listing& listing);
  void read_checkpoints(const Listing& listing, Freshness& result, const CallOptions& call);
  // Those of one chain that go further than `known`; the newest that opens, with its twins.
  void read_newest_checkpoint(const std::vector<ObjectName>& oldest_first, std::uint64_t known, const Listing& listing,
                              Freshness& result, const CallOptions& call);
  void take_checkpoint(const ObjectName& name, ByteSpan cbor);
  void record_listed(const transfer::PoolStore& store, const std::vector<std::string>& seen,
                     std::vector<std::string> paths, Freshness& result);
  void read_records(const Listing& listing, Freshness& result, const CallOptions& call);
  // Calls `take` with what opens of those documents, in the order in which they come.
  void read_documents(const std::vector<transfer::ListedObject>& objects, Freshness& result, const CallOptions& call,
                      const std::function<void(const ObjectName& name, Bytes cbor)>& consume);
  // Of these, the objects that this program and these keys have not tried yet.
  std::vector<transfer::ListedObject> not_tried(std::vector<transfer::ListedObject> objects);
  std::string keys_at_hand() const;
  void record_unreadable(const transfer::ListedObject& object, bool is_damaged);
  std::string damaged_copies(const transfer::ListedObject& object) const;
  // Paths of those that nothing else stands for.
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
  // A record on its way, and what tells where it has arrived.
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
  std::map<Hash256, SeenRecord> decoded_;  // records by object hash, so that each is decoded once
  std::set<LogGap> reported_gaps_;         // each is a warning once
  bool has_reported_unreadable_ = false;
  bool own_chain_goes_on_elsewhere_ = false;  // in this reading
};

}  // namespace modelfloat::engine
