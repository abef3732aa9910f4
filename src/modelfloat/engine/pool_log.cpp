#include "modelfloat/engine/pool_log.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/engine/checkpoint.h"
#include "modelfloat/engine/settings.h"
#include "modelfloat/mf1/document.h"
#include "modelfloat/mf1/log_codec.h"
#include "modelfloat/transfer/object_reader.h"

namespace modelfloat::engine {

using transfer::WaitFor;

// A chain that is this far ahead of what we know is read by its checkpoint.
static constexpr std::uint64_t k_worth_a_checkpoint = 8;

PoolLog::PoolLog(const Environment& environment, const mf1::Keyring& keys, transfer::StoreSet& stores,
                 Documents& documents)
    : environment_(environment), keys_(keys), stores_(stores), documents_(documents) {}

// --- reading -----------------------------------------------------------------------------------------------------------------

SyncResult PoolLog::sync(const CallOptions& call, WaitFor wait_for) {
  stores_.look_again();
  if (wait_for == WaitFor::all) {
    stores_.settle(call, stores_.patience().straggler);
    documents_.flush(wait_for, call);  // a store that was away gets what it missed
  }
  SyncResult result;
  {
    const std::lock_guard lock(mutex_);
    const Listing listing = list_log(result, wait_for, call);
    start_over_when_behind(listing);
    read_checkpoints(listing, result, call);
    read_records(listing, result, call);
  }
  if (wait_for == WaitFor::enough) documents_.flush(wait_for, call);  // a reader doesn't wait for it
  return result;
}

PoolLog::Listing PoolLog::list_log(SyncResult& result, WaitFor wait_for, const CallOptions& call) {
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
  const auto answers = transfer::list_stores(stores_, {"mf1/log/", "mf1/checkpoint/"}, wait_for, suffice, call);
  result.fresh = suffice(answers);

  Listing listing;
  for (const transfer::StoreListing& answer : answers) {
    if (!answer.complete) {
      if (answer.left_behind && wait_for == WaitFor::enough && result.fresh) continue;  // it is just not the quickest
      log_warning(fmt::format("the log on {} cannot be read: {}", answer.store->name, answer.trouble));
      continue;
    }
    ++result.stores_read;
    std::vector<std::string> paths;
    for (const store::ObjectInfo& info : answer.objects) {
      listing.objects[info.name].push_back(answer.store);
      paths.push_back(info.name.path());
    }
    note_listed(*answer.store, std::move(paths), result);
  }
  result.domains_silent = all_domains.size() - std::min(all_domains.size(), domains_of(answers));
  return listing;
}

// A record that was seen on the store and is not there any more: it has gone back in time.
void PoolLog::note_listed(const transfer::PoolStore& store, std::vector<std::string> paths, SyncResult& result) {
  std::sort(paths.begin(), paths.end());
  const auto seen = environment_.registry.listed(store.id);
  if (std::any_of(seen.begin(), seen.end(),
                  [&](const std::string& path) { return !std::binary_search(paths.begin(), paths.end(), path); })) {
    result.rolled_back.push_back(store.name);
    log_warning(
        fmt::format("{} no longer lists a log record that it had: it has been rolled back or damaged", store.name));
  }
  environment_.registry.note_listed(store.id, paths);
}

// Our own chain is longer on a store than we know: this registry is an old copy. From now on it speaks under another name.
void PoolLog::start_over_when_behind(const Listing& listing) {
  Settings settings(environment_.registry);
  const auto writer = settings.writer();
  if (!writer) return;
  std::uint64_t known = 0;
  for (const auto& row : environment_.registry.log_records()) {
    if (row.writer == *writer) known = std::max(known, row.seq);
  }
  for (const auto& [name, places] : listing.objects) {
    if (name.type() == ObjectType::log && name.writer() == writer && name.seq() > known) {
      log_warning("the stores know more of this machine's log than its registry does: it goes on as a new writer");
      settings.set_writer(environment_.random.array<16>());
      return;
    }
  }
}

void PoolLog::read_documents(const std::vector<transfer::ListedObject>& objects, SyncResult& result,
                             const CallOptions& call,
                             const std::function<void(const ObjectName& name, Bytes cbor)>& take) {
  const auto damaged = [](const transfer::Finding& finding) {
    log_warning(fmt::format("{} has a damaged {} ({})", finding.store, finding.object, to_string(finding.what)));
  };
  transfer::read_objects(stores_, objects, damaged, call, [&](std::size_t index, Bytes object) {
    const ObjectName& name = objects[index].name;
    result.bytes_read += object.size();
    try {
      take(name, mf1::open_document(*name.type(), object, keys_));
      environment_.registry.keep_document(name.path(), object);
    } catch (const Error& error) {
      log_warning(fmt::format("{}: {}; it is left out", name.path(), error.what()));
    }
  });
}

void PoolLog::read_checkpoints(const Listing& listing, SyncResult& result, const CallOptions& call) {
  std::map<WriterId, std::uint64_t> known;
  for (const auto& row : environment_.registry.log_records()) known[row.writer] = std::max(known[row.writer], row.seq);

  std::map<WriterId, std::vector<ObjectName>> newest_last;
  for (const auto& [name, places] : listing.objects) {
    if (name.type() == ObjectType::checkpoint) newest_last[*name.writer()].push_back(name);
  }
  for (const auto& [writer, names] : newest_last) {
    std::uint64_t taken = 0;
    for (auto name = names.rbegin(); name != names.rend(); ++name) {
      const std::uint64_t seq = *name->seq();
      // Of a fork there may be several of one number; all of them count. One that does not open leaves the turn to the next older one.
      if (taken != 0 ? seq != taken : seq < std::max(known[writer], covered(writer)) + k_worth_a_checkpoint) break;
      read_documents({{*name, listing.objects.at(*name)}}, result, call,
                     [&](const ObjectName& read, const Bytes& cbor) {
                       take_checkpoint(read, cbor);
                       taken = seq;
                     });
    }
  }
}

// Throws when it is not what its name says.
void PoolLog::take_checkpoint(const ObjectName& name, ByteSpan cbor) {
  const Checkpoint checkpoint = mf1::checkpoint_from_cbor(cbor);
  if (checkpoint.writer != *name.writer() || checkpoint.seq != *name.seq())
    throw Error(ErrorKind::corrupt, name.path(), "does not say what its name says");
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

void PoolLog::read_records(const Listing& listing, SyncResult& result, const CallOptions& call) {
  std::set<Hash256> known;
  for (const auto& row : environment_.registry.log_records()) known.insert(row.hash);
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
    rows.push_back({record.writer, record.seq, *name.hash(), std::move(cbor)});
  });
  if (!rows.empty()) environment_.registry.add_log_records(rows);
}

std::uint64_t PoolLog::covered(const WriterId& writer) { return Settings(environment_.registry).covered(writer); }

std::vector<SeenRecord> PoolLog::known_records() {
  std::vector<SeenRecord> records;
  for (const auto& row : environment_.registry.log_records()) {
    auto known = decoded_.find(row.hash);
    if (known == decoded_.end())
      known = decoded_.emplace(row.hash, SeenRecord{mf1::log_record_from_cbor(row.cbor), row.hash}).first;
    records.push_back(known->second);
  }
  return records;
}

PoolState PoolLog::state() {
  const std::lock_guard lock(mutex_);
  return pool_state_of(known_records());
}

// --- writing -----------------------------------------------------------------------------------------------------------------

std::size_t PoolLog::durable_domains() {
  const Settings settings(environment_.registry);
  const PolicySet policy = settings.policy();
  std::set<std::string> domains;
  for (const auto* store : stores_.all()) domains.insert(store->domain);
  const std::size_t wanted = std::max<std::size_t>({policy.survive, policy.m, settings.largest_parity()}) + 1;
  return std::min(wanted, domains.size());
}

// Journals a record, and the checkpoint that may be due after it, and puts them to every store at hand. Returns the record.
NamedObject PoolLog::publish(std::vector<Change> changes, const CallOptions& call) {
  std::vector<NamedObject> objects;
  {
    const std::lock_guard lock(mutex_);
    // One transaction from reading the chain's end to writing the new one, so that two processes never take the same number.
    environment_.registry.transaction([&] {
      objects.clear();
      objects.push_back(make_record(std::move(changes)));
      if (auto checkpoint = make_checkpoint()) objects.push_back(*std::move(checkpoint));
      for (const NamedObject& object : objects) environment_.registry.keep_document(object.name.path(), object.bytes);
      documents_.enqueue(objects);
    });
  }
  documents_.flush(WaitFor::all, call, {&objects.front(), 1}, durable_domains());
  return std::move(objects.front());
}

void PoolLog::append(std::vector<Change> changes, const CallOptions& call) {
  const NamedObject record = publish(std::move(changes), call);
  documents_.require_durable({&record, 1}, durable_domains());
}

bool PoolLog::note(std::vector<Change> changes, const CallOptions& call) {
  const NamedObject record = publish(std::move(changes), call);
  const bool durable = documents_.is_durable({&record, 1}, durable_domains());
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
  for (const auto& row : environment_.registry.log_records()) {  // ordered by writer and seq
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
  std::vector<SeenRecord> own;
  for (const SeenRecord& seen : records) {
    if (seen.record.writer == writer) own.push_back(seen);
  }
  if (own.empty() || own.back().record.seq % mf1::k_checkpoint_every != 0) return std::nullopt;
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
