#pragma once
// The class behind open_sqlite_registry(). Its methods stand in sqlite_*.cpp, a file for each part.

#include "modelfloat/registry/registry.h"
#include "modelfloat/registry/sqlite/database.h"

namespace modelfloat::registry {

// Removes what set_manifest_packs() has recorded. To be called within a transaction.
void forget_manifest_packs(Connection& c, const Hash256& manifest);

class SqliteRegistry : public Registry {
 public:
  // The file must exist and have the newest schema.
  SqliteRegistry(const std::filesystem::path& file, Milliseconds lock_timeout) : database_(file, lock_timeout) {}

  Database& database() noexcept { return database_; }

  void clear() override;
  void transaction(const std::function<void()>& work) override;

  // KeyValues
  std::optional<Bytes> setting(const std::string& name) override;
  void set_setting(const std::string& name, ByteSpan value) override;

  // PackIndex
  void add_pack(const Pack&, std::span<const Fragment> fragments, std::span<const StoreId> places) override;
  std::optional<std::uint64_t> learn_pack(const Pack&, std::span<const Fragment> fragments) override;
  std::optional<Pack> pack(const PackId&) override;
  std::vector<Fragment> find_fragment(const FragmentId&) override;
  std::vector<PackId> packs_after(const PackId&, std::size_t limit) override;
  void remove_pack(const PackId&) override;
  void set_shard_places(const StoreId&, std::span<const Hash256> all_objects_there) override;
  void add_shard_place(const Hash256& object, const StoreId&) override;
  void record_shard_copy(const Hash256& object, const StoreId&, CopyState) override;
  void record_proofs(std::span<const CopyProof>, std::uint64_t at) override;
  std::map<Hash256, std::string> shard_checksums(const StoreId&) override;
  std::vector<StoreId> shard_places(const Hash256& object) override;
  std::vector<ShardCopy> shard_copies(const Hash256& object) override;
  std::vector<Hash256> damaged_shards(const StoreId&, CopyState) override;
  std::uint64_t shard_count(const StoreId&) override;
  std::uint64_t shard_bytes(const StoreId&) override;
  std::vector<Hash256> unnamed_shards(std::span<const Hash256> objects) override;
  void add_stray_shards(std::span<const StrayShard>) override;
  std::optional<StrayShard> stray_shard(const Hash256& object) override;
  std::vector<StrayShard> stray_shards(const PackId&) override;

  // ManifestPacks
  void set_manifest_packs(const Hash256& manifest, std::span<const std::uint64_t> packs) override;
  std::optional<std::vector<LocatedPack>> located_packs(const Hash256& manifest, std::uint64_t first,
                                                        std::size_t limit) override;

  // Journal
  void queue_puts(std::span<const QueuedPut>) override;
  std::vector<QueuedPut> queued_puts() override;
  void put_done(const StoreId&, const std::string& object) override;
  void await_puts(std::span<const std::string> objects) override;
  std::vector<StoreId> confirmed_puts(const std::string& object) override;
  void forget_puts(std::span<const std::string> objects) override;
  std::uint64_t begin_push(const std::string& model, const std::string& tag, UtcTime now) override;
  void record_push(std::uint64_t id, PushState, std::uint64_t packs) override;
  std::vector<PushRow> pushes(PushState) override;

  // LogCache and DocumentCache
  std::vector<LogRow> log_records() override;
  void add_log_records(std::span<const LogRow>) override;
  std::vector<LogName> log_names() override;
  std::optional<Bytes> log_record(const LogName&) override;
  std::vector<LogRow> log_records_of(const WriterId&) override;
  void replace_log_records(std::span<const LogRow>) override;
  void keep_names_only(std::span<const LogName>) override;
  std::vector<LogName> names_without_records() override;
  void add_names(std::span<const LogName>) override;
  std::uint64_t log_version() override;
  std::vector<CheckpointRow> checkpoints() override;
  void put_checkpoint(const CheckpointRow&) override;
  void forget_checkpoint(const WriterId&, std::uint64_t seq, const Hash256& hash) override;
  std::vector<UnreadableRow> unreadable() override;
  void record_unreadable(const UnreadableRow&) override;
  void forget_unreadable(std::span<const std::string> objects) override;
  void record_listed(const StoreId&, std::span<const std::string> log_paths) override;
  std::vector<std::string> listed(const StoreId&) override;
  void forget_listed(const StoreId&, std::span<const std::string> log_paths) override;
  void keep_document(const std::string& object, ByteSpan sealed) override;
  std::optional<Bytes> document(const std::string& object) override;
  void record_document_copy(const std::string& object, const StoreId& store, bool is_good) override;
  std::vector<DocumentCopy> damaged_documents() override;
  std::vector<StoreId> stores_without_document(const std::string& object) override;
  void record_document_proofs(std::span<const DocumentCopy>, std::uint64_t at) override;
  std::map<StoreId, std::uint64_t> document_proofs(const std::string& object) override;
  void forget_documents(std::span<const std::string> objects) override;

  // Catalogue
  void put_revision(const RevisionRow&) override;
  void remove_revision(const ManifestId&) override;
  std::vector<RevisionRow> revisions(const std::string& model) override;
  std::vector<std::string> models(const std::string& after, const std::string& search, std::size_t limit) override;
  std::vector<ListedModel> listed_models(const std::string& after, const std::string& search,
                                         std::size_t limit) override;
  void set_tags(const std::string& model, std::span<const std::pair<std::string, Hash256>> tags) override;
  std::vector<std::pair<std::string, Hash256>> tags(const std::string& model) override;

  // StoreRecords
  std::vector<StoreRow> stores() override;
  void put_store(const StoreRow&) override;
  void remove_store(const StoreId&) override;
  std::optional<StoreSettingsRow> store_settings(const StoreId&) override;
  void put_store_settings(const StoreSettingsRow&) override;
  std::optional<Bytes> store_session(const StoreId&) override;
  void set_store_session(const StoreId&, ByteSpan sealed) override;
  StoreHealthRow store_health(const StoreId&) override;
  void put_store_health(const StoreId&, const StoreHealthRow&) override;
  StoreUseRow store_use(const StoreId&) override;
  void add_store_use(const StoreId&, const StoreUseRow&) override;
  std::vector<StorePauseRow> store_pauses(const StoreId&) override;
  void pause_store(const StoreId&, const StorePauseRow&) override;

  // Jobs
  void add_job(const JobRow&) override;
  void change_job(const JobRow&) override;
  std::optional<JobRow> job(const std::string& id) override;
  std::vector<JobRow> jobs(const std::string& before, std::size_t limit) override;
  std::vector<std::string> job_owners() override;
  std::vector<JobRow> interrupt_jobs(const std::string& owner, UtcTime now, const std::string& error_code,
                                     const std::string& error_message) override;
  void forget_jobs(std::size_t keep) override;

  // Tokens
  void add_token(const TokenRow&) override;
  std::vector<TokenRow> tokens() override;
  bool remove_token(const std::string& id) override;
  std::optional<TokenRow> find_token(const Hash256& hash) override;

 private:
  Database database_;
};

}  // namespace modelfloat::registry
