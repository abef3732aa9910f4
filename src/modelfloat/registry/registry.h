#pragma once
// What this machine remembers: a cache of what the stores say, and the journal of what it is doing. Losing it loses nothing that
// `recover` does not bring back.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "modelfloat/base/clock.h"
#include "modelfloat/domain/fragment.h"
#include "modelfloat/domain/ids.h"
#include "modelfloat/domain/log_record.h"
#include "modelfloat/domain/object_name.h"
#include "modelfloat/domain/pack.h"

namespace modelfloat::registry {

struct StoreRow {
  StoreId id{};
  std::string name;  // as the user calls it, unique
  std::string url;
  std::string domain;
  std::uint64_t capacity_bytes = 0;  // 0: not limited
  UtcTime added_at{};
  bool operator==(const StoreRow&) const = default;
};

// What this machine alone knows of a store.
struct StoreSettingsRow {
  StoreId store{};
  std::string api_url;
  std::string token_url;
  std::string bandwidth;  // as --bwlimit takes it; empty: as for all stores
  Bytes credentials;      // sealed; empty when there are none
  bool operator==(const StoreSettingsRow&) const = default;
};

// How one kind of call to a store went.
struct StoreCallsRow {
  std::string kind;
  std::uint64_t calls = 0;
  std::uint64_t errors = 0;
  std::uint64_t bytes = 0;
  std::uint64_t microseconds = 0;
  std::uint64_t p50_microseconds = 0;  // 0: not known
  std::uint64_t p95_microseconds = 0;
  bool operator==(const StoreCallsRow&) const = default;
};
struct StoreHealthRow {
  UtcTime last_seen{};     // Unix time 0: never
  std::string last_error;  // its kind
  UtcTime last_error_at{};
  std::vector<StoreCallsRow> calls = {};  // ordered by kind
  bool operator==(const StoreHealthRow&) const = default;
};
// Bytes moved in one day, counted from 1970-01-01.
struct StoreUseRow {
  std::int64_t day = 0;
  std::uint64_t uploaded_bytes = 0;
  std::uint64_t downloaded_bytes = 0;
  bool operator==(const StoreUseRow&) const = default;
};
// Calls that a store asked us to leave off.
struct StorePauseRow {
  std::string traffic;
  UtcTime until{};
  std::string why;
  bool operator==(const StorePauseRow&) const = default;
};

// A log record as its CBOR stood in the document, so that the state of the pool can be worked out anew at any time.
struct LogRow {
  WriterId writer{};
  std::uint64_t seq = 0;
  Hash256 hash{};
  Bytes cbor;
  bool operator==(const LogRow&) const = default;
};

// The same without the bytes.
struct LogName {
  WriterId writer{};
  std::uint64_t seq = 0;
  Hash256 hash{};
  bool operator==(const LogName&) const = default;
};

// An object of the log that was read and is of no use.
struct UnreadableRow {
  std::string object;  // path
  std::string tried;   // with what: something else may be able to read it
  bool operator==(const UnreadableRow&) const = default;
};

// What is known of one copy of a shard.
enum class CopyState {
  whole,    // as far as anybody knows
  corrupt,  // it was read, or listed with a wrong size, and is not what its name says
  missing,  // it should be there, and was not
};
struct ShardCopy {
  StoreId store{};
  CopyState state = CopyState::whole;
  bool operator==(const ShardCopy&) const = default;
};

// A shard that no manifest names, by what its header says.
struct StrayShard {
  Hash256 object{};
  PackId pack{};
  std::uint8_t index = 0;
  bool operator==(const StrayShard&) const = default;
};

// A small object that a store has yet to get.
struct QueuedPut {
  StoreId store{};
  std::string object;  // path
  Bytes bytes;
};

// What a listing shows of one manifest.
struct RevisionRow {
  std::string model;  // "namespace/name"
  RevisionId revision{};
  ManifestId manifest;
  std::uint64_t size_bytes = 0;
  std::uint64_t fragments = 0;
  std::uint64_t files = 0;
  std::uint64_t stored_bytes = 0;  // sealed bytes of its fragments, redundancy not counted
  std::string description;
  std::string framework;
  std::string format;            // of its largest file
  std::uint64_t created_at = 0;  // seconds of Unix time
  bool operator==(const RevisionRow&) const = default;
};

struct TokenRow {
  std::string id;     // short, for `token ls` and `token rm`
  Hash256 hash{};     // SHA-256 of the token; the token itself is never kept
  std::string scope;  // read, write, infer, admin
  UtcTime created_at{};
  bool operator==(const TokenRow&) const = default;
};

enum class PushState { running, committed, abandoned };
struct PushRow {
  std::uint64_t id = 0;
  std::string model;
  std::string tag;
  PushState state = PushState::running;
  UtcTime started_at{};
  std::uint64_t packs = 0;  // made durable so far
  bool operator==(const PushRow&) const = default;
};

// All methods may be called from many threads, and from several processes on one machine. What a method has written is durable when it
// returns. Failures throw Error: corrupt when the file is damaged (the message says to run `recover`), out_of_space, transient
// when it stays locked too long.
class Registry {
 public:
  virtual ~Registry() = default;
  Registry() = default;
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Small named values: pool id, writer id, wrapped keys, policy.
  virtual std::optional<Bytes> setting(const std::string& name) = 0;
  virtual void set_setting(const std::string& name, ByteSpan value) = 0;

  // Stores, ordered by name.
  virtual std::vector<StoreRow> stores() = 0;
  virtual void put_store(const StoreRow&) = 0;    // replaces the row with this id
  virtual void remove_store(const StoreId&) = 0;  // with all that is known of it

  // How this machine reaches a store, and the sealed secret that the store keeps between runs. Their rows may come before the store's own.
  virtual std::optional<StoreSettingsRow> store_settings(const StoreId&) = 0;
  virtual void put_store_settings(const StoreSettingsRow&) = 0;  // replaces the store's row
  virtual std::optional<Bytes> store_session(const StoreId&) = 0;
  virtual void set_store_session(const StoreId&, ByteSpan sealed) = 0;  // replaces what was there; empty forgets it

  // How stores do; what is not known is empty.
  virtual StoreHealthRow store_health(const StoreId&) = 0;
  virtual void put_store_health(const StoreId&, const StoreHealthRow&) = 0;  // replaces it
  virtual StoreUseRow store_use(const StoreId&) = 0;  // of the last day that anything was added to
  virtual void add_store_use(const StoreId&,
                             const StoreUseRow&) = 0;  // to what the same day has; another day starts anew
  virtual std::vector<StorePauseRow> store_pauses(const StoreId&) = 0;
  virtual void pause_store(const StoreId&, const StorePauseRow&) = 0;  // replaces that of the same traffic

  // The log, ordered by writer and seq. Adding a record twice is fine.
  virtual std::vector<LogRow> log_records() = 0;
  virtual void add_log_records(std::span<const LogRow>) = 0;
  virtual std::vector<LogName> log_names() = 0;                     // in the same order
  virtual std::optional<Bytes> log_record(const LogName&) = 0;      // its CBOR
  virtual std::vector<LogRow> log_records_of(const WriterId&) = 0;  // ordered by seq
  virtual std::vector<UnreadableRow> unreadable() = 0;              // ordered by object
  virtual void record_unreadable(const UnreadableRow&) = 0;         // replaces the object's row
  virtual void forget_unreadable(std::span<const std::string> objects) = 0;
  // The hashes of the log and checkpoint objects that have been seen on a store: what a rollback would take back.
  virtual void record_listed(const StoreId&, std::span<const std::string> log_paths) = 0;
  virtual std::vector<std::string> listed(const StoreId&) = 0;

  // The durable queue of small objects: written before the first put, removed when the store has it. Oldest first.
  virtual void queue_puts(std::span<const QueuedPut>) = 0;
  virtual std::vector<QueuedPut> queued_puts() = 0;
  virtual void put_done(const StoreId&, const std::string& object) = 0;
  // From await_puts() until forget_puts() it is remembered of which stores put_done() was called for these objects, in whatever process. Several may
  // await one object; what is remembered of it is forgotten with the last of them.
  virtual void await_puts(std::span<const std::string> objects) = 0;
  virtual std::vector<StoreId> confirmed_puts(const std::string& object) = 0;
  virtual void forget_puts(std::span<const std::string> objects) = 0;

  // A cache of sealed documents (manifest roots and segments) by object path.
  virtual void keep_document(const std::string& object, ByteSpan sealed) = 0;
  virtual std::optional<Bytes> document(const std::string& object) = 0;
  virtual void forget_document(const std::string& object) = 0;

  // Packs that are durable, with the fragments in them: the journal that lets an interrupted push go on, and the index for
  // dedup. One transaction. `places` has the store of each shard, in shard order (k+m of them), each just confirmed.
  virtual void add_pack(const Pack&, std::span<const Fragment> fragments, std::span<const StoreId> places) = 0;
  // What a manifest says of a pack: enters it when it is not known, and those of its fragments that are not. Where its shards lie is
  // not touched.
  virtual void learn_pack(const Pack&, std::span<const Fragment> fragments) = 0;
  virtual std::optional<Pack> pack(const PackId&) = 0;
  // The durable places of a fragment with this id, all epochs; newest first.
  virtual std::vector<Fragment> find_fragment(const FragmentId&) = 0;
  virtual void remove_pack(const PackId&) = 0;  // with its fragments and places

  // Where shard objects lie, by the hash in their name. A copy noted as corrupt is no place of the shard, whatever a listing says, until it is
  // noted as whole (its bytes were read or put) or add_pack names it.
  virtual void set_shard_places(
      const StoreId&, std::span<const Hash256> all_objects_there) = 0;      // replaces what was known of the store
  virtual void add_shard_place(const Hash256& object, const StoreId&) = 0;  // it was seen there
  virtual void remove_shard_place(const Hash256& object, const StoreId&) = 0;
  virtual void record_shard_copy(const Hash256& object, const StoreId&, CopyState) = 0;
  virtual std::vector<StoreId> shard_places(const Hash256& object) = 0;    // of the whole copies
  virtual std::vector<ShardCopy> shard_copies(const Hash256& object) = 0;  // of all that are, or should be, there
  virtual std::vector<Hash256> damaged_shards(const StoreId&) = 0;         // its copies that are not whole
  virtual std::uint64_t shard_count(const StoreId&) = 0;                   // whole copies
  virtual std::uint64_t shard_bytes(const StoreId&) = 0;                   // slices of those that a pack here names

  // Of these objects, in the given order, those that no pack here names.
  virtual std::vector<Hash256> unnamed_shards(std::span<const Hash256> objects) = 0;
  // The headers of such shards that were read. Adding one twice is fine; what a pack names since then may still be there.
  virtual void add_stray_shards(std::span<const StrayShard>) = 0;
  virtual std::optional<StrayShard> stray_shard(const Hash256& object) = 0;
  virtual std::vector<StrayShard> stray_shards(const PackId&) = 0;  // ordered by index

  // What listings show. One row a manifest; tags point to manifests by their content name.
  virtual void put_revision(const RevisionRow&) = 0;
  virtual void remove_revision(const ManifestId&) = 0;
  virtual std::vector<RevisionRow> revisions(const std::string& model) = 0;  // newest first
  // Model names in order, after `after` (exclusive; empty = from the start), whose name or description contains `search`
  // (case ignored; empty = all), at most `limit`.
  virtual std::vector<std::string> models(const std::string& after, const std::string& search, std::size_t limit) = 0;
  virtual void set_tags(const std::string& model,
                        std::span<const std::pair<std::string, Hash256>> tags) = 0;  // replaces the model's
  virtual std::vector<std::pair<std::string, Hash256>> tags(const std::string& model) = 0;

  // Forgets everything, as if it were new.
  virtual void clear() = 0;

  // Runs `work`; all that it writes through this registry on this thread is one transaction, undone when it throws.
  virtual void transaction(const std::function<void()>& work) = 0;

  // The push journal.
  virtual std::uint64_t begin_push(const std::string& model, const std::string& tag, UtcTime now) = 0;
  virtual void record_push(std::uint64_t id, PushState, std::uint64_t packs) = 0;
  virtual std::vector<PushRow> pushes(PushState) = 0;

  // Access tokens of the server.
  virtual void add_token(const TokenRow&) = 0;
  virtual std::vector<TokenRow> tokens() = 0;
  virtual bool remove_token(const std::string& id) = 0;
  virtual std::optional<TokenRow> find_token(const Hash256& hash) = 0;
};

}  // namespace modelfloat::registry
