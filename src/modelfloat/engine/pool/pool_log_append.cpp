// What the pool log writes: records of our own chain, and its checkpoints.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/domain/checkpoint.h"
#include "modelfloat/engine/pool/chain_checkpoint.h"
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
  const std::size_t wanted =
      std::max<std::size_t>({settings.largest_survive(), policy.m, settings.largest_parity()}) + 1;
  return std::min(wanted, domains.size());
}

void PoolLog::require_writable() {
  const std::string why = why_read_only();
  if (why.empty()) return;
  throw Error(
      ErrorKind::unsupported, "this pool",
      "can only be read here: " + why + ". Else use a newer ModelFloat, or recover this home with a valid secret");
}

// Journals a record and puts it to every store at hand. Returns the record.
PoolLog::Published PoolLog::publish(std::vector<Change> changes, const CallOptions& call) {
  require_writable();
  std::vector<NamedObject> objects;
  std::optional<AwaitedPuts> awaited;
  {
    const std::lock_guard lock(mutex_);
    // One transaction from reading the chain's end to writing the new one, so that two processes
    // never take the same number.
    environment_.registry.transaction([&] {
      objects.clear();
      objects.push_back(make_record(changes));
      environment_.registry.keep_document(objects.front().name.path(), objects.front().bytes);
      awaited.emplace(environment_.registry, std::span(&objects.front(), 1));
      documents_.enqueue(objects);
    });
    write_checkpoint_if_due();
  }
  documents_.flush(transfer::WaitFor::all, call, objects, durable_domains());
  return {std::move(objects.front()), *std::move(awaited)};
}

void PoolLog::append(std::vector<Change> changes, const CallOptions& call) {
  const Published published = publish(std::move(changes), call);
  documents_.require_durable({&published.record, 1}, durable_domains());
}

bool PoolLog::append_if_possible(std::vector<Change> changes, const CallOptions& call) {
  return is_durable(publish(std::move(changes), call));
}

bool PoolLog::append_new_store(const StoreAdded& store, const CallOptions& call) {
  const Published published = publish({store}, call);
  const bool durable = is_durable(published);
  if (!durable) documents_.count_only_when_known(store.store, published.record.name, durable_domains());
  return durable;
}

bool PoolLog::is_durable(const Published& published) {
  const bool durable = documents_.is_durable({&published.record, 1}, durable_domains());
  if (!durable)
    log_warning(
        "too few stores are there for every machine to learn of this now; the others get it when they are back");
  return durable;
}

WriterId PoolLog::own_writer() {
  Settings settings(environment_.registry);
  const Bytes identity = to_bytes(environment_.identity);
  const Bytes before = settings.identity();
  const bool was_copied = !identity.empty() && !before.empty() && identity != before;
  if (!identity.empty() && identity != before) settings.set_identity(identity);
  if (was_copied) {
    log_warning("this home was copied from another place or machine: it goes on as a new writer");
  } else if (const auto writer = settings.writer()) {
    return *writer;
  }
  const auto writer = environment_.random.array<16>();
  settings.set_writer(writer);
  return writer;
}

// What a writer knows of the other chains: what it has read, and what those records know.
static std::map<WriterId, ChainHead> knowledge_of(const std::vector<const SeenRecord*>& records) {
  std::map<WriterId, ChainHead> known;
  const auto add = [&](const WriterId& writer, const ChainHead& head) {
    ChainHead& newest = known[writer];
    if (head.seq >= newest.seq) newest = head;
  };
  for (const SeenRecord* seen : records) {
    add(seen->record.writer, {seen->record.seq, seen->hash});
    for (const auto& [writer, head] : seen->record.heads) {
      if (head.seq > known[writer].seq) known[writer] = head;
    }
  }
  return known;
}

NamedObject PoolLog::make_record(std::vector<Change> changes) {
  LogRecord record;
  record.writer = own_writer();
  record.seq = 1;
  record.time = unix_seconds(environment_.clock.utc_now());
  record.changes = std::move(changes);
  const auto records = known_records();
  record.heads = knowledge_of(records);
  for (const SeenRecord* seen : records) {  // ordered by writer and seq
    if (seen->record.writer != record.writer) continue;
    record.seq = seen->record.seq + 1;
    record.previous = seen->hash;
    for (const auto& [writer, head] : seen->record.heads) {
      const auto known = record.heads.find(writer);
      if (known != record.heads.end() && known->second.seq <= head.seq) record.heads.erase(known);
    }
  }
  record.heads.erase(record.writer);
  const Bytes cbor = mf1::to_cbor(record);
  auto sealed = mf1::seal_document(ObjectType::log, cbor, keys_, crypto::preferred_suite(), environment_.random);
  const registry::LogRow row{record.writer, record.seq, sealed.hash, cbor};
  environment_.registry.add_log_records({&row, 1});
  return {ObjectName::of_chain(ObjectType::log, record.writer, record.seq, sealed.hash), std::move(sealed.object)};
}

// A checkpoint that cannot be written must not keep a record from being written.
void PoolLog::write_checkpoint_if_due() {
  try {
    environment_.registry.transaction([&] {
      const auto objects = make_checkpoint();
      for (const NamedObject& object : objects) environment_.registry.keep_document(object.name.path(), object.bytes);
      documents_.enqueue(objects);
    });
  } catch (const Error& error) {
    log_warning(fmt::format("no checkpoint of the log could be written: {}", error.what()));
  }
}

// Returns the checkpoint that is due after the newest record of our chain, behind its new parts;
// nothing when none is due.
std::vector<NamedObject> PoolLog::make_checkpoint() {
  const WriterId writer = own_writer();
  std::optional<Checkpoint> before;
  Hash256 before_hash{};
  for (const auto& row : environment_.registry.checkpoints()) {  // ordered by seq
    if (row.writer != writer || !row.is_taken) continue;
    before = mf1::checkpoint_from_cbor(row.cbor);
    before_hash = row.hash;
  }
  Checkpoint checkpoint;
  checkpoint.writer = writer;
  if (before) checkpoint.before = ChainHead{before->seq, before_hash};
  for (const auto& name : environment_.registry.log_names()) {
    if (name.writer != writer || name.seq < checkpoint.first_seq()) continue;
    checkpoint.records.push_back(name.hash);
    checkpoint.seq = name.seq;
    checkpoint.hash = name.hash;
  }
  if (checkpoint.records.size() < mf1::k_checkpoint_every) return {};

  const auto records = known_records();
  for (const auto& [id, added] : pool_state_of(records).stores) checkpoint.stores.push_back(added);
  const auto chain = environment_.registry.log_records_of(writer);
  PlannedCheckpoint plan = plan_checkpoint(chain, before, Obsolete(records, writer));
  std::vector<NamedObject> objects;
  const auto seal = [&](ObjectType type, std::uint64_t seq, ByteSpan cbor) {
    auto sealed = mf1::seal_document(type, cbor, keys_, crypto::preferred_suite(), environment_.random);
    objects.push_back({ObjectName::of_chain(type, writer, seq, sealed.hash), std::move(sealed.object)});
    return sealed.hash;
  };
  for (const PlannedPart& part : plan.parts) {
    checkpoint.parts.push_back(
        {part.seq, part.unchanged ? *part.unchanged : seal(ObjectType::part, part.seq, part.cbor)});
  }
  const Bytes cbor = mf1::to_cbor(checkpoint);
  const Hash256 hash = seal(ObjectType::checkpoint, checkpoint.seq, cbor);
  environment_.registry.put_checkpoint({writer, checkpoint.seq, hash, cbor, true});
  environment_.registry.replace_log_records(plan.entries);
  environment_.registry.keep_names_only(plan.left_out);
  return objects;
}

}  // namespace modelfloat::engine
