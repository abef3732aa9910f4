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
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "modelfloat/domain/pool_state.h"
#include "modelfloat/engine/pool/documents.h"
#include "modelfloat/mf1/keyring.h"
#include "modelfloat/mf1/log_codec.h"
#include "modelfloat/transfer/ask/listing.h"
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
  // Returns a number that changes whenever state() may have changed.
  std::uint64_t version() { return environment_.registry.log_version(); }

  // Returns why this program may write nothing to the pool: the log has something that it does not
  // understand or cannot open (docs/formats/mf1.md section 9.7). Empty when it may. Reads no store.
  std::string why_read_only();
  // Throws Error{unsupported} when why_read_only() says something.
  void require_writable();

  // Returns the known problems of the log as whole sentences: missing records, objects that cannot
  // be opened, and what why_read_only() says. Empty when there are none.
  std::vector<std::string> doubts();
  // Makes the next sync() read again the objects that could not be opened before.
  void try_unreadable_again();
  // Returns the objects of the log that every store has to have: of each chain the newest
  // checkpoint with its parts, the one before, and the records since then.
  std::set<ObjectName> expected_objects();

  // Appends a record to this machine's own chain. The record is journaled first, then uploaded to
  // every online store. Writes a checkpoint, too, when one is due. Throws Error{unsupported}, and
  // writes nothing, when why_read_only() says something. Throws Error{offline} when fewer than
  // durable_domains() failure domains have confirmed the record. The record is not lost then:
  // it stays in the journal, and a later flush uploads it.
  void append(std::vector<Change> changes, const CallOptions& call);
  // Like append(), but does not fail for lack of stores. Returns whether the record is durable, and
  // logs a warning when it is not.
  bool append_if_possible(std::vector<Change> changes, const CallOptions& call);

  // Like append_if_possible(), for the change that adds a store which this home does not have yet.
  // While the record is not durable, the store does not count for what is durable.
  bool append_new_store(const StoreAdded& store, const CallOptions& call);

  // Returns how many failure domains must have a document before it counts as durable: max(survive,
  // largest m in the pool) + 1, but never more domains than the pool has.
  std::size_t durable_domains();

 private:
  using Hashes = std::unordered_set<Hash256, HashOfHash256>;
  // Tells one set of names from another: how many there are, and sums of their hashes. So a list
  // that did not change is compared without its names.
  struct ListedNames {
    std::uint64_t count = 0;
    std::array<std::uint64_t, 2> sums{};
    void add(const ObjectName& name);
    bool operator==(const ListedNames&) const = default;
  };
  // What the registry knew of one store's log before it was listed. `generation` goes up with each
  // change, so that two processes of one home notice each other.
  struct ListedBefore {
    std::uint64_t generation = 0;
    ListedNames names;
    static ListedBefore read(registry::Registry& registry, const StoreId& store);
    void write(registry::Registry& registry, const StoreId& store) const;
  };
  // What the stores list of the log.
  struct Listing {
    std::vector<transfer::StoreListing> answers;
    std::map<StoreId, ListedBefore> before;
    // The objects that this registry does not know, and the stores that list each of them.
    std::map<ObjectName, std::vector<const transfer::PoolStore*>> objects;
    std::map<WriterId, std::uint64_t> newest_checkpoints;  // of all that are listed
    std::set<std::string> incomplete_domains;              // that gave no complete list
    std::size_t domains = 0;                               // of the pool
    // The objects of this machine's own chain that each store lists; complete lists only.
    std::map<const transfer::PoolStore*, std::vector<ObjectName>> own;
  };
  Freshness read_all(transfer::WaitFor wait_for, const CallOptions& call, bool with_warnings);
  Listing list_log(Freshness& result, transfer::WaitFor wait_for, const CallOptions& call, bool with_warnings);
  // By object hash: records, names of records and checkpoints that the registry has.
  Hashes known_hashes();
  void record_listed(const transfer::PoolStore& store, const ListedBefore& before, const transfer::StoreListing& answer,
                     Freshness& result);
  bool may_be_gone(const ObjectName& object, const transfer::StoreListing& answer);

  void read_new_objects(const Listing& listing, Freshness& result, const CallOptions& call);
  void read_left_out(const Listing& listing, Freshness& result, const CallOptions& call);
  registry::LogRow row_of(const ObjectName& name, Bytes cbor);
  void enter_checkpoint(const ObjectName& name, Bytes cbor);
  // Reads the parts of the checkpoints that are not taken yet, and enters what they say.
  void take_checkpoints(const Listing& listing, Freshness& result, const CallOptions& call);
  bool is_known_without_parts(const Checkpoint& checkpoint, const Hashes& known,
                              const std::map<Hash256, Checkpoint>& taken) const;
  void enter_parts(const std::vector<Bytes>& parts);
  std::vector<Bytes> read_parts(const registry::CheckpointRow& row, const Checkpoint& checkpoint,
                                const Listing& listing, Freshness& result, const CallOptions& call);
  // Reads the objects, and calls `consume` with each one that can be opened, in the order of
  // arrival.
  void read_documents(const std::vector<transfer::ListedObject>& objects, Freshness& result, const CallOptions& call,
                      const std::function<void(const ObjectName& name, Bytes cbor)>& consume);
  // Returns those of the objects that this program has not yet tried to open with its current keys.
  std::vector<transfer::ListedObject> not_tried(std::vector<transfer::ListedObject> objects);
  std::string keys_at_hand() const;
  void record_unreadable(const transfer::ListedObject& object, registry::Unreadable why);
  std::string damaged_copies(const transfer::ListedObject& object) const;
  // Returns the paths of unreadable objects that are worth telling.
  std::vector<std::string> unreadable();
  static Hashes listed_checkpoints(const Listing& listing);
  void forget_unneeded(const Listing& listing, bool is_complete);
  void forget_what_is_gone(const Listing& listing);
  // Decides which objects that cannot be opened are junk, and which keep this machine from writing.
  void judge_unreadable(const Listing& listing, const Freshness& result);
  void report_unreadable();
  void report_gaps();
  bool others_know_more_of_us();
  void start_over();
  // Deletes what two checkpoints of this machine's chain stand for, once every store has listed the
  // newer one for a day (docs/formats/mf1.md section 9.6).
  void delete_covered(const Listing& listing, const CallOptions& call);
  using ByStore = std::map<const transfer::PoolStore*, std::vector<ObjectName>>;
  std::optional<ByStore> parts_to_delete(const Checkpoint& needed, const CallOptions& call);
  void delete_from_stores(const ByStore& objects, const CallOptions& call);

  void decode(std::span<const registry::LogName> names);
  std::vector<const SeenRecord*> known_records();
  // What follows from the records, and is worked out once for each version of the log.
  struct Facts {
    std::uint64_t version = UINT64_MAX;
    std::vector<LogGap> gaps;
    std::set<std::string> not_understood;
    std::string text() const;  // for the registry
    static Facts parse(const std::string& text);
  };
  const Facts& facts();
  // The taken checkpoints of all chains, by the hash of the object.
  std::map<Hash256, Checkpoint> taken_checkpoints();
  static std::map<WriterId, const Checkpoint*> newest_of(const std::map<Hash256, Checkpoint>& checkpoints);
  WriterId own_writer();
  std::string why_read_only_here();  // for those who hold the mutex
  // A record that is being uploaded, and the object that tracks which stores have confirmed it.
  struct Published {
    NamedObject record;
    AwaitedPuts awaited;
  };
  Published publish(std::vector<Change> changes, const CallOptions& call);
  // Logs a warning when it is not.
  bool is_durable(const Published& published);
  NamedObject make_record(std::vector<Change> changes);
  void write_checkpoint_if_due();
  std::vector<NamedObject> make_checkpoint();

  const Environment environment_;
  const mf1::Keyring& keys_;
  transfer::StoreSet& stores_;
  Documents& documents_;
  std::mutex mutex_;
  // Guarded by mutex_:
  struct Decoded {
    SeenRecord seen;
    std::uint64_t cbor_bytes = 0;  // of what was decoded: another process may replace it
  };
  std::unordered_map<Hash256, Decoded, HashOfHash256> decoded_;  // by object hash
  Facts facts_;
  std::set<LogGap> reported_gaps_;       // each gap is logged once
  std::set<std::string> reported_junk_;  // and each object that is junk
  bool has_reported_unreadable_ = false;
  bool own_chain_goes_on_elsewhere_ = false;  // found by this reading: another home writes it, too
};

}  // namespace modelfloat::engine
