#include "modelfloat/engine/pool/pool_log.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/domain/checkpoint.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/mf1/document.h"
#include "modelfloat/mf1/log_codec.h"
#include "modelfloat/transfer/ask/object_reader.h"
#include "modelfloat/transfer/stores/needed_wait.h"

namespace modelfloat::engine {

using transfer::WaitFor;

// Goes up when this program learns to read log objects that it could not read before: they are
// tried again then.
static constexpr unsigned k_reader_generation = 1;

// As many new records of a chain are read at once, with those that are known.
static constexpr std::ptrdiff_t k_worth_a_chain = 8;

// A chain that is this far ahead of what we know is read by its checkpoint.
static constexpr std::uint64_t k_worth_a_checkpoint = 8;

std::string unread_text(const Freshness& result) {
  std::string text;
  for (const UnreadStore& store : result.unread)
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", store.name, store.why);
  return "the log could not be read on " + text;
}

bool warn_unless_fresh(const Freshness& result, std::string_view consequence) {
  if (!result.fresh) log_warning(fmt::format("{}: {}", unread_text(result), consequence));
  return result.fresh;
}

PoolLog::PoolLog(const Environment& environment, const mf1::Keyring& keys, transfer::StoreSet& stores,
                 Documents& documents)
    : environment_(environment), keys_(keys), stores_(stores), documents_(documents) {}

// --- reading
// --------------------------------------------------------------------------------

Freshness PoolLog::sync(const CallOptions& call, WaitFor wait_for) {
  stores_.recheck();
  if (wait_for == WaitFor::all) {
    stores_.wait_for_checks(call, stores_.timeouts().straggler);
    documents_.flush(wait_for, call);  // a store that was away gets what it missed
  }
  Freshness result = read_all(wait_for, call, true);
  transfer::NeededWait needed(stores_, transfer::CallKind::read);
  // A pool that is being recovered does not know yet what it survives.
  const auto is_too_little = [&] {
    return !result.fresh && (result.stores_read == 0 || Settings(environment_.registry).pool());
  };
  while (is_too_little() && needed.wait(call)) result = read_all(wait_for, call, false);
  // A reader doesn't wait for it.
  if (wait_for == WaitFor::quorum) documents_.flush(wait_for, call);
  return result;
}

Freshness PoolLog::read_all(WaitFor wait_for, const CallOptions& call, bool with_warnings) {
  const std::lock_guard lock(mutex_);
  Freshness result;
  const Listing listing = list_log(result, wait_for, call, with_warnings);
  own_chain_goes_on_elsewhere_ = false;
  read_checkpoints(listing, result, call);
  read_records(listing, result, call);
  read_checkpoints_for_gaps(listing, result, call);
  if (own_chain_goes_on_elsewhere_) start_over();
  if (result.unread.empty()) forget_what_is_gone(listing);
  report_unreadable();
  report_gaps();
  return result;
}

PoolLog::Listing PoolLog::list_log(Freshness& result, WaitFor wait_for, const CallOptions& call, bool with_warnings) {
  std::set<std::string> all_domains;
  for (const auto* store : stores_.all()) all_domains.insert(store->domain);
  const std::size_t survive = Settings(environment_.registry).policy().survive;
  const auto domains_of = [](const std::vector<transfer::StoreListing>& answers) {
    std::set<std::string> domains;
    for (const auto& answer : answers) {
      if (answer.complete) domains.insert(answer.store->domain);
    }
    return domains.size();
  };
  const auto suffice = [&](const std::vector<transfer::StoreListing>& answers) {
    const std::size_t answering = domains_of(answers);
    return answering > 0 && all_domains.size() <= answering + survive;
  };
  // Before the listing: another process of this home may have written and listed more since.
  std::map<StoreId, std::vector<std::string>> seen;
  for (const auto* store : stores_.all()) seen[store->id] = environment_.registry.listed(store->id);
  const auto answers = transfer::list_stores(stores_, {"mf1/log/", "mf1/checkpoint/"}, wait_for, suffice, call);
  result.fresh = all_domains.empty() || suffice(answers);

  Listing listing;
  for (const transfer::StoreListing& answer : answers) {
    if (!answer.complete) {
      // It is just not the quickest.
      if (answer.is_straggler && wait_for == WaitFor::quorum && result.fresh) continue;
      if (with_warnings) {
        log_warning(fmt::format("the log on {} cannot be read{}: {}", answer.store->name,
                                answer.objects.empty() ? "" : " completely", answer.trouble));
      }
    }
    std::vector<std::string> paths;
    for (const store::ObjectInfo& info : answer.objects) {
      listing.objects[info.name].push_back(answer.store);
      paths.push_back(info.name.path());
    }
    if (!answer.complete) continue;  // what it does not list may be there all the same
    ++result.stores_read;
    record_listed(*answer.store, seen[answer.store->id], std::move(paths), result);
  }
  for (const auto* store : stores_.all()) {
    const auto answer =
        std::find_if(answers.begin(), answers.end(), [&](const auto& one) { return one.store == store; });
    if (answer != answers.end() && answer->complete) continue;
    std::string why = answer != answers.end() ? answer->trouble : store->state->why_not_online();
    if (why.empty()) why = "it asks to be left alone for a while";
    result.unread.push_back({store->name, std::move(why)});
  }
  result.domains_unread = all_domains.size() - std::min(all_domains.size(), domains_of(answers));
  return listing;
}

// A record that was seen on the store and is not there any more: it has gone back in time.
void PoolLog::record_listed(const transfer::PoolStore& store, const std::vector<std::string>& seen,
                            std::vector<std::string> paths, Freshness& result) {
  std::sort(paths.begin(), paths.end());
  if (std::any_of(seen.begin(), seen.end(),
                  [&](const std::string& path) { return !std::binary_search(paths.begin(), paths.end(), path); })) {
    result.rolled_back.push_back(store.name);
    log_warning(
        fmt::format("{} no longer lists a log record that it had: it has been rolled back or damaged", store.name));
  }
  environment_.registry.record_listed(store.id, paths);
}

// Another home writes our chain: this one was copied, or is an old copy. From now on it speaks
// under another name.
void PoolLog::start_over() {
  log_warning(
      "the stores have records of this machine's log that its registry does not know: it was copied, or brought back "
      "from a backup, and goes on as a new writer");
  Settings(environment_.registry).set_writer(environment_.random.array<16>());
}

// What decides whether an object opens, besides its bytes.
std::string PoolLog::keys_at_hand() const {
  std::uint32_t oldest = keys_.current_epoch();
  while (oldest > 1 && keys_.has_epoch(oldest - 1)) --oldest;
  return fmt::format("{} {}-{}", k_reader_generation, oldest, keys_.current_epoch());
}

// Copies that are damaged may be replaced by good ones, so they are tried again where another store
// lists one, and each day.
std::string PoolLog::damaged_copies(const transfer::ListedObject& object) const {
  std::set<StoreId> stores;
  for (const auto* store : object.places) stores.insert(store->id);
  crypto::Blake3 hash;
  for (const StoreId& id : stores) hash.update(id);
  constexpr std::uint64_t k_seconds_per_day = 86400;
  return fmt::format("{} damaged {} {}", keys_at_hand(), unix_seconds(environment_.clock.utc_now()) / k_seconds_per_day,
                     to_hex(hash.finish()));
}

std::vector<transfer::ListedObject> PoolLog::not_tried(std::vector<transfer::ListedObject> objects) {
  std::map<std::string, std::string> tried;
  for (auto& row : environment_.registry.unreadable()) tried.emplace(std::move(row.object), std::move(row.tried));
  if (tried.empty()) return objects;
  std::erase_if(objects, [&](const transfer::ListedObject& object) {
    const auto row = tried.find(object.name.path());
    return row != tried.end() && (row->second == keys_at_hand() || row->second == damaged_copies(object));
  });
  return objects;
}

void PoolLog::record_unreadable(const transfer::ListedObject& object, bool is_damaged) {
  environment_.registry.record_unreadable({object.name.path(), is_damaged ? damaged_copies(object) : keys_at_hand()});
}

void PoolLog::read_documents(const std::vector<transfer::ListedObject>& listed, Freshness& result,
                             const CallOptions& call,
                             const std::function<void(const ObjectName& name, Bytes cbor)>& consume) {
  const auto objects = not_tried(listed);
  if (objects.empty()) return;
  std::vector<std::string> opened;
  std::map<std::string, std::size_t> damaged_on;  // by path, on how many stores
  const auto damaged = [&](const transfer::Finding& finding) {
    log_warning(fmt::format("{} has a damaged {} ({})", finding.store, finding.object, to_string(finding.what)));
    if (finding.what == transfer::Damage::corrupt) ++damaged_on[finding.object];
  };
  transfer::read_objects(stores_, objects, damaged, call, [&](std::size_t index, Bytes object) {
    const ObjectName& name = objects[index].name;
    result.bytes_read += object.size();
    damaged_on.erase(name.path());
    try {
      consume(name, mf1::open_document(*name.type(), object, keys_));
      environment_.registry.keep_document(name.path(), object);
      opened.push_back(name.path());
    } catch (const Error& error) {
      // What the object itself is to blame for; a full disk, say, is no reason to pass over it for
      // ever.
      const bool is_its_fault = error.kind == ErrorKind::corrupt || error.kind == ErrorKind::denied ||
                                error.kind == ErrorKind::unsupported || error.kind == ErrorKind::invalid;
      if (!is_its_fault) throw;
      log_warning(fmt::format("{}: {}; it is left out", name.path(), error.what()));
      record_unreadable(objects[index], false);
    }
  });
  for (const transfer::ListedObject& object : objects) {
    const auto found = damaged_on.find(object.name.path());
    if (found != damaged_on.end() && found->second >= object.places.size()) record_unreadable(object, true);
  }
  environment_.registry.forget_unreadable(opened);  // with other keys, or from another store
}

void PoolLog::read_newest_checkpoint(const std::vector<ObjectName>& oldest_first, std::uint64_t known,
                                     const Listing& listing, Freshness& result, const CallOptions& call) {
  std::uint64_t taken = 0;
  for (auto name = oldest_first.rbegin(); name != oldest_first.rend(); ++name) {
    const std::uint64_t seq = *name->seq();
    // Of a fork there may be several of one number; all of them count. One that does not open
    // leaves the turn to the next older one.
    if (taken != 0 ? seq != taken : seq <= known) break;
    read_documents({{*name, listing.objects.at(*name)}}, result, call, [&](const ObjectName& read, const Bytes& cbor) {
      take_checkpoint(read, cbor);
      taken = seq;
    });
  }
}

// The checkpoints that are listed, by writer, the oldest first.
std::map<WriterId, std::vector<ObjectName>> PoolLog::checkpoints_of(const Listing& listing) {
  std::map<WriterId, std::vector<ObjectName>> checkpoints;
  for (const auto& [name, places] : listing.objects) {
    if (name.type() == ObjectType::checkpoint) checkpoints[*name.writer()].push_back(name);
  }
  return checkpoints;
}

void PoolLog::read_checkpoints(const Listing& listing, Freshness& result, const CallOptions& call) {
  std::map<WriterId, std::uint64_t> known;
  for (const auto& row : environment_.registry.log_names()) known[row.writer] = std::max(known[row.writer], row.seq);
  for (const auto& [writer, names] : checkpoints_of(listing)) {
    const std::uint64_t end = std::max(known[writer], covered(writer));
    read_newest_checkpoint(names, end + k_worth_a_checkpoint - 1, listing, result, call);
  }
}

// Where records are missing, a checkpoint that covers them stands for them.
void PoolLog::read_checkpoints_for_gaps(const Listing& listing, Freshness& result, const CallOptions& call) {
  const auto gaps = known_gaps();
  if (gaps.empty()) return;
  const auto checkpoints = checkpoints_of(listing);
  for (const LogGap& gap : gaps) {
    const auto found = checkpoints.find(gap.writer);
    if (found != checkpoints.end())
      read_newest_checkpoint(found->second, std::max(covered(gap.writer), gap.first - 1), listing, result, call);
  }
}

// Throws when it is not what its name says.
void PoolLog::take_checkpoint(const ObjectName& name, ByteSpan cbor) {
  const Checkpoint checkpoint = mf1::checkpoint_from_cbor(cbor);
  if (checkpoint.writer != *name.writer() || checkpoint.seq != *name.seq())
    throw Error(ErrorKind::corrupt, name.path(), "does not say what its name says");
  std::set<Hash256> known;
  for (const auto& row : environment_.registry.log_names()) known.insert(row.hash);
  if (checkpoint.writer == Settings(environment_.registry).writer() && !known.contains(checkpoint.hash))
    own_chain_goes_on_elsewhere_ = true;
  std::vector<registry::LogRow> rows;
  for (SeenRecord seen : checkpoint.records) {
    const auto unknown = std::erase_if(
        seen.record.changes, [](const Change& change) { return std::holds_alternative<UnknownChange>(change); });
    if (unknown > 0)
      log_warning(name.path() + " has changes of a kind that this version does not know; they are left out");
    rows.push_back({seen.record.writer, seen.record.seq, seen.hash, mf1::to_cbor(seen.record)});
  }
  environment_.registry.transaction([&] {
    environment_.registry.add_log_records(rows);
    Settings(environment_.registry).set_covered(checkpoint.writer, checkpoint.seq);
  });
}

void PoolLog::read_records(const Listing& listing, Freshness& result, const CallOptions& call) {
  // After the listing: of our own chain, what this home has written is in the registry before it is
  // on any store.
  std::set<Hash256> known;
  for (const auto& row : environment_.registry.log_names()) known.insert(row.hash);
  const auto own = Settings(environment_.registry).writer();
  std::vector<transfer::ListedObject> wanted;
  for (const auto& [name, places] : listing.objects) {
    if (name.type() != ObjectType::log || known.contains(*name.hash()) || *name.seq() <= covered(*name.writer()))
      continue;
    wanted.push_back({name, places});
  }
  std::vector<registry::LogRow> rows;
  read_documents(wanted, result, call, [&](const ObjectName& name, Bytes cbor) {
    const LogRecord record = mf1::log_record_from_cbor(cbor);
    if (record.writer != *name.writer() || record.seq != *name.seq())
      throw Error(ErrorKind::corrupt, name.path(), "does not say what its name says");
    if (record.writer == own) own_chain_goes_on_elsewhere_ = true;
    rows.push_back({record.writer, record.seq, *name.hash(), std::move(cbor)});
  });
  if (!rows.empty()) environment_.registry.add_log_records(rows);
}

std::uint64_t PoolLog::covered(const WriterId& writer) { return Settings(environment_.registry).covered(writer); }

// Decodes what is not decoded yet of one chain. Of the heads it keeps those alone that say more
// than the heads of the chain's records before.
void PoolLog::decode_chain(std::span<const registry::LogName> chain) {
  const auto missing = std::count_if(chain.begin(), chain.end(),
                                     [this](const registry::LogName& name) { return !decoded_.contains(name.hash); });
  if (missing == 0) return;
  std::map<Hash256, Bytes> rows;
  if (missing > k_worth_a_chain) {
    for (auto& row : environment_.registry.log_records_of(chain.front().writer)) rows[row.hash] = std::move(row.cbor);
  }
  std::map<WriterId, std::uint64_t> seen;
  for (const registry::LogName& name : chain) {
    auto known = decoded_.find(name.hash);
    if (known == decoded_.end()) {
      const auto row = rows.find(name.hash);
      const auto cbor = row != rows.end() ? std::optional(row->second) : environment_.registry.log_record(name);
      if (!cbor) continue;  // the registry was cleared meanwhile
      known = decoded_.emplace(name.hash, SeenRecord{mf1::log_record_from_cbor(*cbor), name.hash}).first;
      std::erase_if(known->second.record.heads, [&](const auto& head) {
        const auto before = seen.find(head.first);
        return before != seen.end() && before->second >= head.second.seq;
      });
    }
    for (const auto& [writer, head] : known->second.record.heads) seen[writer] = std::max(seen[writer], head.seq);
  }
}

// Ordered by writer and number.
std::vector<const SeenRecord*> PoolLog::known_records() {
  const auto names = environment_.registry.log_names();
  std::vector<const SeenRecord*> records;
  for (auto begin = names.begin(); begin != names.end();) {
    const auto end = std::find_if(begin, names.end(), [&](const auto& name) { return name.writer != begin->writer; });
    decode_chain({begin, end});
    for (; begin != end; ++begin) {
      if (const auto known = decoded_.find(begin->hash); known != decoded_.end()) records.push_back(&known->second);
    }
  }
  return records;
}

std::vector<LogGap> PoolLog::known_gaps() {
  return gaps_of(known_records(), [this](const WriterId& writer) { return covered(writer); });
}

static std::string gap_text(const LogGap& gap) {
  const std::string records = gap.first == gap.last ? fmt::format("record {}", gap.first)
                                                    : fmt::format("records {} to {}", gap.first, gap.last);
  return fmt::format(
      "the log of machine {} lacks {} on every store that was read: what that machine pushed, tagged or removed with "
      "them "
      "is not known here",
      to_hex(gap.writer), records);
}

// Until the keys of older epochs are known, what they sealed is no news.
void PoolLog::report_gaps() {
  if (!keys_.has_epoch(1)) return;
  for (const LogGap& gap : known_gaps()) {
    if (reported_gaps_.insert(gap).second) log_warning(gap_text(gap));
  }
}

std::vector<std::string> PoolLog::unreadable() {
  std::vector<std::string> objects;
  for (auto& row : environment_.registry.unreadable()) {
    const auto name = ObjectName::parse(row.object);
    const bool counts = name && name->writer() && name->seq() && *name->seq() > covered(*name->writer());
    if (counts) objects.push_back(std::move(row.object));
  }
  return objects;
}

// When every store has listed its log.
void PoolLog::forget_what_is_gone(const Listing& listing) {
  std::vector<std::string> gone;
  for (auto& row : environment_.registry.unreadable()) {
    const auto name = ObjectName::parse(row.object);
    if (!name || !listing.objects.contains(*name)) gone.push_back(std::move(row.object));
  }
  if (!gone.empty()) environment_.registry.forget_unreadable(gone);
}

void PoolLog::try_unreadable_again() {
  std::vector<std::string> objects;
  for (auto& row : environment_.registry.unreadable()) objects.push_back(std::move(row.object));
  if (!objects.empty()) environment_.registry.forget_unreadable(objects);
}

void PoolLog::report_unreadable() {
  if (has_reported_unreadable_ || !keys_.has_epoch(1)) return;
  const auto count = unreadable().size();
  if (count == 0) return;
  has_reported_unreadable_ = true;
  log_warning(
      fmt::format("{} objects of the log are on the stores and cannot be read with this program and these keys: what "
                  "they say is not known here. `modelfloat verify` names them",
                  count));
}

std::vector<std::string> PoolLog::doubts() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> doubts;
  for (const LogGap& gap : known_gaps()) doubts.push_back(gap_text(gap));
  for (const std::string& object : unreadable())
    doubts.push_back(object + " is on a store and cannot be read with this program and these keys");
  return doubts;
}

PoolState PoolLog::state() {
  const std::lock_guard lock(mutex_);
  return pool_state_of(known_records());
}

// --- writing
// --------------------------------------------------------------------------------

std::size_t PoolLog::durable_domains() {
  const Settings settings(environment_.registry);
  const PolicySet policy = settings.policy();
  std::set<std::string> domains;
  for (const auto* store : stores_.all()) domains.insert(store->domain);
  const std::size_t wanted = std::max<std::size_t>({policy.survive, policy.m, settings.largest_parity()}) + 1;
  return std::min(wanted, domains.size());
}

// Journals a record, and the checkpoint that may be due after it, and puts them to every store at
// hand. Returns the record.
PoolLog::Published PoolLog::publish(std::vector<Change> changes, const CallOptions& call) {
  std::vector<NamedObject> objects;
  std::optional<AwaitedPuts> awaited;
  {
    const std::lock_guard lock(mutex_);
    // One transaction from reading the chain's end to writing the new one, so that two processes
    // never take the same number.
    environment_.registry.transaction([&] {
      objects.clear();
      objects.push_back(make_record(std::move(changes)));
      if (auto checkpoint = make_checkpoint()) objects.push_back(*std::move(checkpoint));
      for (const NamedObject& object : objects) environment_.registry.keep_document(object.name.path(), object.bytes);
      awaited.emplace(environment_.registry, std::span(&objects.front(), 1));
      documents_.enqueue(objects);
    });
  }
  documents_.flush(WaitFor::all, call, {&objects.front(), 1}, durable_domains());
  return {std::move(objects.front()), *std::move(awaited)};
}

void PoolLog::append(std::vector<Change> changes, const CallOptions& call) {
  const Published published = publish(std::move(changes), call);
  documents_.require_durable({&published.record, 1}, durable_domains());
}

bool PoolLog::append_if_possible(std::vector<Change> changes, const CallOptions& call) {
  const Published published = publish(std::move(changes), call);
  const bool durable = documents_.is_durable({&published.record, 1}, durable_domains());
  if (!durable)
    log_warning(
        "too few stores are there for every machine to learn of this now; the others get it when they are back");
  return durable;
}

WriterId PoolLog::own_writer() {
  Settings settings(environment_.registry);
  if (const auto writer = settings.writer()) return *writer;
  const auto writer = environment_.random.array<16>();
  settings.set_writer(writer);
  return writer;
}

NamedObject PoolLog::make_record(std::vector<Change> changes) {
  LogRecord record;
  record.writer = own_writer();
  record.seq = 1;
  record.time = unix_seconds(environment_.clock.utc_now());
  record.changes = std::move(changes);
  for (const auto& row : environment_.registry.log_names()) {  // ordered by writer and seq
    if (row.writer != record.writer) {
      record.heads[row.writer] = {row.seq, row.hash};
    } else {
      record.seq = row.seq + 1;
      record.previous = row.hash;
    }
  }
  const Bytes cbor = mf1::to_cbor(record);
  auto sealed = mf1::seal_document(ObjectType::log, cbor, keys_, crypto::preferred_suite(), environment_.random);
  const registry::LogRow row{record.writer, record.seq, sealed.hash, cbor};
  environment_.registry.add_log_records({&row, 1});
  return {ObjectName::of_chain(ObjectType::log, record.writer, record.seq, sealed.hash), std::move(sealed.object)};
}

// The checkpoint that is due after the newest record of our chain, if one is.
std::optional<NamedObject> PoolLog::make_checkpoint() {
  const WriterId writer = own_writer();
  const auto records = known_records();
  std::vector<SeenRecord> own;  // with all of their heads
  for (const auto& name : environment_.registry.log_names()) {
    if (name.writer == writer) own.push_back({{writer, name.seq, {}, {}, 0, {}}, name.hash});
  }
  if (own.empty() || own.back().record.seq % mf1::k_checkpoint_every != 0) return std::nullopt;
  for (SeenRecord& seen : own) {
    const auto cbor = environment_.registry.log_record({writer, seen.record.seq, seen.hash});
    seen.record = mf1::log_record_from_cbor(cbor.value());
  }
  Checkpoint checkpoint{writer, own.back().record.seq, own.back().hash, {}, {}};
  for (const auto& [id, added] : pool_state_of(records).stores) checkpoint.stores.push_back(added);
  checkpoint.records = compact_chain(std::move(own));
  for (const SeenRecord& seen : checkpoint.records) {
    for (const Change& change : seen.record.changes) {
      // An older program must not sum up what it does not understand.
      if (std::holds_alternative<UnknownChange>(change)) return std::nullopt;
    }
  }
  auto sealed = mf1::seal_document(ObjectType::checkpoint, mf1::to_cbor(checkpoint), keys_, crypto::preferred_suite(),
                                   environment_.random);
  return NamedObject{ObjectName::of_chain(ObjectType::checkpoint, writer, checkpoint.seq, sealed.hash),
                     std::move(sealed.object)};
}

}  // namespace modelfloat::engine
