// What the pool log writes: records of our own chain, and its checkpoints.
#include <algorithm>
#include <set>

#include "modelfloat/base/log.h"
#include "modelfloat/domain/checkpoint.h"
#include "modelfloat/engine/pool/pool_log.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/mf1/document.h"
#include "modelfloat/mf1/log_codec.h"

namespace modelfloat::engine {

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
  documents_.flush(transfer::WaitFor::all, call, {&objects.front(), 1}, durable_domains());
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
