#include "modelfloat/engine/pool_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/engine/checkpoint.h"
#include "modelfloat/engine/settings.h"
#include "modelfloat/mf1/document.h"
#include "modelfloat/mf1/log_codec.h"
#include "modelfloat/transfer/object_reader.h"

namespace modelfloat::engine {

// A chain that is this far ahead of what we know is read by its checkpoint.
static constexpr std::uint64_t k_worth_a_checkpoint = 8;

PoolLog::PoolLog(const Environment& environment, const mf1::Keyring& keys, const transfer::StoreSet& stores, Documents& documents)
    : environment_(environment), keys_(keys), stores_(stores), documents_(documents) {}

// --- reading -----------------------------------------------------------------------------------------------------------------

SyncResult PoolLog::sync(const CallOptions& call) {
  documents_.flush(call);  // a store that was away gets what it missed
  const std::lock_guard lock(mutex_);
  SyncResult result;
  const Listing listing = list_log(result, call);
  start_over_when_behind(listing);
  read_checkpoints(listing, result, call);
  read_records(listing, result, call);
  return result;
}

PoolLog::Listing PoolLog::list_log(SyncResult& result, const CallOptions& call) {
  struct Answer {
    const transfer::PoolStore* store = nullptr;
    std::vector<ObjectName> names;
    bool good = false;
  };
  std::vector<Answer> answers;
  for (const transfer::PoolStore* store : stores_.online()) answers.push_back({store, {}, false});
  {
    TaskGroup group(environment_.io, std::max<std::size_t>(answers.size(), 1));
    for (Answer& answer : answers) {
      group.run([&answer, &call] {
        try {
          for (const char* folder : {"mf1/log/", "mf1/checkpoint/"}) {
            answer.store->store->list(folder, [&](const store::ObjectInfo& info) { answer.names.push_back(info.name); }, call);
          }
          answer.good = true;
        } catch (const Error& error) {
          if (error.kind == ErrorKind::cancelled) throw;
          log_warning(fmt::format("the log on {} cannot be read: {}", answer.store->name, error.what()));
        }
      });
    }
    group.wait();
  }

  Listing listing;
  std::set<std::string> answering;
  std::set<std::string> all_domains;
  for (const auto& store : stores_.all()) all_domains.insert(store.domain);
  for (const Answer& answer : answers) {
    if (!answer.good) continue;
    ++result.stores_read;
    answering.insert(answer.store->domain);
    std::vector<std::string> paths;
    for (const ObjectName& name : answer.names) {
      listing.objects[name].push_back(answer.store);
      paths.push_back(name.path());
    }
    std::sort(paths.begin(), paths.end());
    const auto seen = environment_.registry.listed(answer.store->id);
    if (std::any_of(seen.begin(), seen.end(),
                    [&](const std::string& path) { return !std::binary_search(paths.begin(), paths.end(), path); })) {
      result.rolled_back.push_back(answer.store->name);
      log_warning(fmt::format("{} no longer lists a log record that it had: it has been rolled back or damaged", answer.store->name));
    }
    environment_.registry.note_listed(answer.store->id, paths);
  }
  result.domains_silent = all_domains.size() - answering.size();
  const Settings settings(environment_.registry);
  result.fresh = !answering.empty() && result.domains_silent <= settings.policy().survive;
  return listing;
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

std::optional<Bytes> PoolLog::read_document(const ObjectName& name, const std::vector<const transfer::PoolStore*>& places,
                                            SyncResult& result, const CallOptions& call) {
  for (const transfer::PoolStore* store : places) {
    try {
      auto object = store->store->get(name, {}, call);
      if (object) result.bytes_read += object->size();
      if (!object || !transfer::fits_name(name, *object)) {
        log_warning(fmt::format("{} has a damaged {}", store->name, name.path()));
        continue;
      }
      Bytes cbor = mf1::open_document(*name.type(), *object, keys_);
      environment_.registry.keep_document(name.path(), *object);
      return cbor;
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled) throw;
      log_warning(fmt::format("{}: {}", store->name, error.what()));
    }
  }
  return std::nullopt;
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
      // Of a fork there may be several of one number; all of them count.
      if (taken != 0 ? seq != taken : seq < std::max(known[writer], covered(writer)) + k_worth_a_checkpoint) break;
      if (take_checkpoint(*name, listing.objects.at(*name), result, call)) taken = seq;
    }
  }
}

// False when it does not open or is not what its name says; the next older one is tried then.
bool PoolLog::take_checkpoint(const ObjectName& name, const std::vector<const transfer::PoolStore*>& places, SyncResult& result,
                              const CallOptions& call) {
  const auto cbor = read_document(name, places, result, call);
  if (!cbor) return false;
  try {
    const Checkpoint checkpoint = mf1::checkpoint_from_cbor(*cbor);
    if (checkpoint.writer != *name.writer() || checkpoint.seq != *name.seq()) throw Error(ErrorKind::corrupt, name.path(), "does not say what its name says");
    std::vector<registry::LogRow> rows;
    for (SeenRecord seen : checkpoint.records) {
      const auto unknown = std::erase_if(seen.record.changes, [](const Change& change) { return std::holds_alternative<UnknownChange>(change); });
      if (unknown > 0) log_warning(name.path() + " has changes of a kind that this version does not know; they are left out");
      rows.push_back({seen.record.writer, seen.record.seq, seen.hash, mf1::to_cbor(seen.record)});
    }
    environment_.registry.transaction([&] {
      environment_.registry.add_log_records(rows);
      Settings(environment_.registry).set_covered(checkpoint.writer, checkpoint.seq);
    });
    return true;
  } catch (const Error& error) {
    log_warning(error.what());
    return false;
  }
}

void PoolLog::read_records(const Listing& listing, SyncResult& result, const CallOptions& call) {
  std::set<Hash256> known;
  for (const auto& row : environment_.registry.log_records()) known.insert(row.hash);
  std::vector<registry::LogRow> rows;
  for (const auto& [name, places] : listing.objects) {
    if (name.type() != ObjectType::log || known.contains(*name.hash()) || *name.seq() <= covered(*name.writer())) continue;
    check_cancelled(call, "reading the log");
    const auto cbor = read_document(name, places, result, call);
    if (!cbor) continue;
    try {
      const LogRecord record = mf1::log_record_from_cbor(*cbor);
      if (record.writer != *name.writer() || record.seq != *name.seq()) throw Error(ErrorKind::corrupt, name.path(), "does not say what its name says");
      rows.push_back({record.writer, record.seq, *name.hash(), *cbor});
    } catch (const Error& error) {
      log_warning(fmt::format("{}; it is left out", error.what()));
    }
  }
  if (!rows.empty()) environment_.registry.add_log_records(rows);
}

std::uint64_t PoolLog::covered(const WriterId& writer) { return Settings(environment_.registry).covered(writer); }

std::vector<SeenRecord> PoolLog::known_records() {
  std::vector<SeenRecord> records;
  for (const auto& row : environment_.registry.log_records()) {
    auto known = decoded_.find(row.hash);
    if (known == decoded_.end()) known = decoded_.emplace(row.hash, SeenRecord{mf1::log_record_from_cbor(row.cbor), row.hash}).first;
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
  for (const auto& store : stores_.all()) domains.insert(store.domain);
  const std::size_t wanted = std::max<std::size_t>({policy.survive, policy.m, settings.largest_parity()}) + 1;
  return std::min(wanted, domains.size());
}

void PoolLog::append(std::vector<Change> changes, const CallOptions& call) {
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
  documents_.flush(call);
  documents_.require_durable(std::span(objects).first(1), durable_domains());
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
  auto sealed = mf1::seal_document(ObjectType::checkpoint, mf1::to_cbor(checkpoint), keys_, crypto::preferred_suite(), environment_.random);
  return NamedObject{ObjectName::of_chain(ObjectType::checkpoint, writer, checkpoint.seq, sealed.hash), std::move(sealed.object)};
}

}  // namespace modelfloat::engine
