#include "modelfloat/engine/push/push.h"

#include <algorithm>
#include <deque>
#include <future>
#include <mutex>
#include <set>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/base/printable.h"
#include "modelfloat/base/utf8.h"
#include "modelfloat/codec/codec.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/domain/model_ref.h"
#include "modelfloat/engine/push/file_digest.h"
#include "modelfloat/engine/push/known_fragments.h"
#include "modelfloat/engine/push/publication.h"
#include "modelfloat/engine/push/push_plan.h"
#include "modelfloat/mf1/manifest_codec.h"
#include "modelfloat/transfer/packs/upload.h"

namespace modelfloat::engine {
namespace {

// New data up to this size is stored in the manifest instead of a pack (docs/formats/mf1.md section
// 8.1).
constexpr std::uint64_t k_inline_bytes = std::uint64_t{256} * 1024;
// The number of fragments that are hashed and encoded at once.
constexpr std::size_t k_window = 12;
// How much of a refused text an error message shows.
constexpr std::size_t k_shown_bytes = 100;
// If all files together have more tensors than this, the manifest has no tensor tables.
constexpr std::size_t k_tensors_in_manifest = 65536;

// A fragment after hashing and encoding, which run on all cores.
struct Digested {
  FragmentId id{};
  std::uint32_t plain_bytes = 0;
  // nullopt when the fragment is in the pool, or is already being stored by this push.
  std::optional<mf1::EncodedFragment> encoded;
};

// The ids of the fragments that this push stores. May be used from any thread.
class NewFragments {
 public:
  // Returns false when the id was in the set already.
  bool insert(const FragmentId& id) {
    const std::lock_guard lock(mutex_);
    return ids_.insert(id).second;
  }
  bool contains(const FragmentId& id) const {
    const std::lock_guard lock(mutex_);
    return ids_.contains(id);
  }

 private:
  mutable std::mutex mutex_;
  std::set<FragmentId> ids_;
};

// What is said of a model has to be text that every reader can show.
void require_text(const std::string& key, const std::string& value) {
  if (!is_utf8(value))
    throw Error(ErrorKind::invalid, key, "is not valid UTF-8: \"" + escaped(value.substr(0, k_shown_bytes)) + "\"");
}

}  // namespace

class PushSession::Impl {
 public:
  Impl(Pool& pool, PushOptions options, CallOptions call, SteadyTime begin, PushPlan plan);
  void add_file(const std::string& path, ByteSource& source);
  void drop_last_file();
  void describe(const std::string& key, const std::string& value) {
    require_text(key, value);
    options_.card[key] = value;
  }
  PushResult commit();

 private:
  struct File {
    FileEntry entry;
    std::vector<FragmentId> fragments;
    std::map<std::string, std::string> metadata;  // from the file's header
  };
  struct Before {  // the state before the file that was added last
    std::size_t files = 0;
    std::uint64_t bytes = 0;
  };

  Digested digest(fragment::Piece piece);
  void store_digested(Digested digested, File& file);
  void store(mf1::EncodedFragment fragment);
  Fragment look_up(const FragmentId& id);
  ManifestRoot make_root();
  std::vector<FragmentId> all_fragments() const;
  void report_progress();
  void warn_of_stores_that_left();
  void record_packs();

  Pool& pool_;
  PushOptions options_;
  const CallOptions call_;
  const SteadyTime begin_;
  const Pool::Promise promise_;
  KnownFragments known_;
  transfer::Upload upload_;
  std::uint64_t journal_ = 0;
  std::uint64_t noted_packs_ = 0;  // in the journal

  std::vector<File> files_;
  FileListing listing_;
  Before before_;
  NewFragments new_;
  // New data is held here while it is small enough to fit into the manifest.
  std::map<FragmentId, mf1::EncodedFragment> held_;
  std::uint64_t held_bytes_ = 0;
  bool inline_is_open_ = true;
  std::uint64_t bytes_ = 0;
  std::uint64_t new_bytes_ = 0;
};

PushSession::Impl::Impl(Pool& pool, PushOptions options, CallOptions call, SteadyTime begin, PushPlan plan)
    : pool_(pool),
      options_(std::move(options)),
      call_(std::move(call)),
      begin_(begin),
      promise_(plan.promise),
      known_(pool, promise_.survive, call_),
      upload_({pool.stores(), pool.registry(), pool.keys(), pool.environment().random, pool.environment().cpu, call_},
              {promise_.redundancy, promise_.survive, crypto::preferred_suite(), options_.total_bytes,
               [this](const transfer::StoresLeft& left) { return plan_again(pool_, options_.redundancy, left); }},
              std::move(plan.targets)),
      journal_(pool.registry().begin_push(options_.model, options_.tag, pool.environment().clock.utc_now())) {}

void PushSession::Impl::add_file(const std::string& path, ByteSource& source) {
  listing_.add(path, source.size_bytes());
  before_ = {files_.size(), bytes_};
  File file;
  file.entry.path = path;
  FileDigest hashes(source.size_bytes());
  fragment::FragmentReader reader(source, path, options_.split);

  std::deque<std::future<Digested>> window;
  // Waits for all tasks, also on an exception, so that no task outlives the data that it uses.
  struct Drain {
    std::deque<std::future<Digested>>& tasks;
    ~Drain() {
      for (auto& task : tasks) task.wait();
    }
  } const drain{window};

  const auto take_oldest = [&] {
    std::future<Digested> task = std::move(window.front());
    window.pop_front();
    store_digested(task.get(), file);
  };

  while (auto piece = reader.next()) {
    check_cancelled(call_, pool_.environment().clock, path);
    hashes.update(piece->bytes);
    bytes_ += piece->bytes.size();
    window.push_back(pool_.environment().cpu.async(
        [this, taken = *std::move(piece)]() mutable { return digest(std::move(taken)); }));
    if (window.size() == k_window) {
      take_oldest();
      report_progress();
    }
  }
  while (!window.empty()) take_oldest();
  report_progress();

  hashes.finish(file.entry);
  const formats::FileLayout& layout = reader.layout();
  file.entry.cutter = reader.cutter();
  file.entry.format = layout.format;
  file.entry.trouble = layout.trouble;
  file.entry.tensors = layout.tensors;
  file.metadata.insert(layout.metadata.begin(), layout.metadata.end());
  file.entry.fragments = file.fragments.size();
  listing_.complete(file.entry);
  files_.push_back(std::move(file));
  record_packs();
}

void PushSession::Impl::drop_last_file() {
  listing_.drop_last();
  files_.erase(files_.begin() + static_cast<std::ptrdiff_t>(before_.files), files_.end());
  bytes_ = before_.bytes;
}

// May run on any thread.
Digested PushSession::Impl::digest(fragment::Piece piece) {
  Digested digested;
  digested.plain_bytes = static_cast<std::uint32_t>(piece.bytes.size());
  digested.id = pool_.keys().fragment_id(pool_.keys().current_epoch(), piece.bytes);
  if (new_.contains(digested.id) || known_.find(digested.id)) return digested;
  codec::Encoded encoded = codec::encode(piece.bytes, piece.shape);
  const bool raw = encoded.codec.id == CodecId::raw;
  digested.encoded = mf1::EncodedFragment{digested.id, digested.plain_bytes, encoded.codec,
                                          raw ? std::move(piece.bytes) : std::move(encoded.bytes)};
  return digested;
}

void PushSession::Impl::store_digested(Digested digested, File& file) {
  file.fragments.push_back(digested.id);
  if (!digested.encoded || !new_.insert(digested.id)) return;
  new_bytes_ += digested.plain_bytes;
  store(*std::move(digested.encoded));
}

void PushSession::Impl::store(mf1::EncodedFragment fragment) {
  if (!inline_is_open_) {
    upload_.add(std::move(fragment));
    return;
  }
  held_bytes_ += fragment.bytes.size();
  const FragmentId id = fragment.id;
  held_.emplace(id, std::move(fragment));
  if (held_bytes_ <= k_inline_bytes) return;
  inline_is_open_ = false;
  for (auto& [held_id, held] : held_) upload_.add(std::move(held));
  held_.clear();
}

Fragment PushSession::Impl::look_up(const FragmentId& id) {
  if (const auto held = held_.find(id); held != held_.end()) {
    const mf1::EncodedFragment& encoded = held->second;
    return {id, encoded.plain_bytes, encoded.codec, encoded.bytes};
  }
  auto known = known_.find(id);
  if (!known) {
    throw Error(ErrorKind::transient, "fragment " + to_hex(id), "was on the stores and is not any more; push again");
  }
  return *std::move(known);
}

// Writes only when there are new packs, as syncing the registry takes longer than pushing a small
// file.
void PushSession::Impl::record_packs() {
  if (upload_.packs() == noted_packs_) return;
  noted_packs_ = upload_.packs();
  pool_.registry().record_push(journal_, registry::PushState::running, noted_packs_);
}

void PushSession::Impl::report_progress() {
  if (options_.progress) options_.progress(bytes_, upload_.stored_bytes());
}

ManifestRoot PushSession::Impl::make_root() {
  for (const File& file : files_) options_.card.insert(file.metadata.begin(), file.metadata.end());
  std::sort(files_.begin(), files_.end(), [](const File& a, const File& b) { return a.entry.path < b.entry.path; });
  std::size_t tensors = 0;
  for (const File& file : files_) tensors += file.entry.tensors.size();
  ManifestRoot root;
  for (File& file : files_) {
    if (tensors > k_tensors_in_manifest || !listing_.tensors_fit()) file.entry.tensors.clear();
    root.files.push_back(file.entry);
  }
  root.model = options_.model;
  root.revision = mf1::revision_id(root.files);
  root.created_at = unix_seconds(pool_.environment().clock.utc_now());
  root.epoch = pool_.keys().current_epoch();
  root.card = options_.card;
  return root;
}

std::vector<FragmentId> PushSession::Impl::all_fragments() const {
  std::vector<FragmentId> all;
  for (const File& file : files_) all.insert(all.end(), file.fragments.begin(), file.fragments.end());
  return all;
}

PushResult PushSession::Impl::commit() {
  if (files_.empty()) throw Error(ErrorKind::invalid, options_.model, "has no file");
  upload_.finish();
  for (const PackId& id : upload_.durable_packs()) known_.trust(id);
  report_progress();

  PushResult result;
  const ManifestRoot root = make_root();
  Publication publication(pool_, root, options_.tag, promise_.survive, known_, call_);
  const auto written =
      publication.write(all_fragments(), [this](const FragmentId& id) { return look_up(id); }, upload_.packs() == 0);
  result.stored_bytes = written.bytes_put + upload_.stored_bytes();
  result.new_bytes = publication.shares_segments() ? 0 : new_bytes_;
  result.manifest = publication.publish(written, result.doubt);
  pool_.registry().record_push(journal_, registry::PushState::committed, upload_.packs());
  warn_of_stores_that_left();

  for (const FileEntry& file : root.files) {
    if (!file.trouble.empty()) result.troubles.push_back({file.path, file.trouble});
  }
  result.model = options_.model + ":" + options_.tag;
  result.revision = to_hex(root.revision);
  result.bytes = root.size_bytes();
  result.fragments = root.fragment_count();
  result.packs = upload_.packs();
  result.seconds = seconds_between(begin_, pool_.environment().clock.steady_now());
  return result;
}

// Packs that became durable earlier keep their shards on such a store, and need them until it is
// back.
void PushSession::Impl::warn_of_stores_that_left() {
  const auto with_shards = upload_.stores();
  for (const auto* store : pool_.stores().all()) {
    if (store->is_online() || !with_shards.contains(store->id)) continue;
    log_warning(store->name +
                " has shards of this push and went away meanwhile: fewer other stores may be lost until it "
                "is back. Push again if it stays away");
  }
}

PushSession::PushSession(Pool& pool, PushOptions options, CallOptions call) {
  const SteadyTime begin = pool.environment().clock.steady_now();
  ModelRef::parse_new(options.model + ":" + options.tag);
  for (const auto& [key, value] : options.card) require_text(key, value);
  PushPlan plan = plan_push(pool, options.redundancy, call);
  impl_ = std::make_unique<Impl>(pool, std::move(options), std::move(call), begin, std::move(plan));
}
PushSession::~PushSession() = default;
void PushSession::add_file(const std::string& path, ByteSource& source) { impl_->add_file(path, source); }
void PushSession::drop_last_file() { impl_->drop_last_file(); }
void PushSession::describe(const std::string& key, const std::string& value) { impl_->describe(key, value); }
PushResult PushSession::commit() { return impl_->commit(); }

}  // namespace modelfloat::engine
