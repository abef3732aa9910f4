// What the pool log reads from the stores: checkpoints, records, and what of them cannot be opened.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/domain/checkpoint.h"
#include "modelfloat/engine/pool/pool_log.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/mf1/document.h"
#include "modelfloat/mf1/log_codec.h"
#include "modelfloat/transfer/ask/object_reader.h"

namespace modelfloat::engine {

// Goes up when this program learns to read log objects that it could not read before: they are
// tried again then.
static constexpr unsigned k_reader_generation = 1;

// Bytes of objects that are read before they are entered in the registry.
static constexpr std::uint64_t k_entered_at_once = std::uint64_t{16} << 20;

// What decides whether an object opens, besides its bytes.
std::string PoolLog::keys_at_hand() const {
  std::uint32_t oldest = keys_.current_epoch();
  while (oldest > 1 && keys_.has_epoch(oldest - 1)) --oldest;
  return fmt::format("{} {}-{} {}", k_reader_generation, oldest, keys_.current_epoch(), keys_.root_count());
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

void PoolLog::record_unreadable(const transfer::ListedObject& object, registry::Unreadable why) {
  const bool may_be_replaced = why == registry::Unreadable::damaged;
  environment_.registry.record_unreadable(
      {object.name.path(), may_be_replaced ? damaged_copies(object) : keys_at_hand(), why});
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
  // Entered many at a time: each transaction waits for the disk.
  std::vector<std::pair<std::size_t, Bytes>> read;
  std::uint64_t read_bytes = 0;
  const auto enter = [&] {
    environment_.registry.transaction([&] {
      for (const auto& [index, object] : read) {
        const ObjectName& name = objects[index].name;
        try {
          consume(name, mf1::open_document(*name.type(), object, keys_));
          environment_.registry.keep_document(name.path(), object);
          opened.push_back(name.path());
        } catch (const Error& error) {
          // What the object itself is to blame for; a full disk, say, is no reason to pass over it
          // for ever.
          const bool is_locked = error.kind == ErrorKind::denied || error.kind == ErrorKind::unsupported;
          const bool is_junk = error.kind == ErrorKind::corrupt || error.kind == ErrorKind::invalid;
          if (!is_locked && !is_junk) throw;
          log_warning(fmt::format("{}: {}; it is left out", name.path(), error.what()));
          record_unreadable(objects[index], is_junk ? registry::Unreadable::junk : registry::Unreadable::locked);
        }
      }
    });
    read.clear();
    read_bytes = 0;
  };
  transfer::read_objects(stores_, objects, damaged, call, [&](std::size_t index, Bytes object) {
    result.bytes_read += object.size();
    damaged_on.erase(objects[index].name.path());
    read_bytes += object.size();
    read.emplace_back(index, std::move(object));
    if (read_bytes >= k_entered_at_once) enter();
  });
  if (!read.empty()) enter();
  for (const transfer::ListedObject& object : objects) {
    const auto found = damaged_on.find(object.name.path());
    if (found != damaged_on.end() && found->second >= object.places.size())
      record_unreadable(object, registry::Unreadable::damaged);
  }
  environment_.registry.forget_unreadable(opened);  // with other keys, or from another store
}

// Reads the checkpoints, and the records that none of them can stand for.
void PoolLog::read_new_objects(const Listing& listing, Freshness& result, const CallOptions& call) {
  std::vector<transfer::ListedObject> wanted;
  for (const auto& [name, places] : listing.objects) {
    const auto newest = listing.newest_checkpoints.find(*name.writer());
    const bool is_checkpoint = name.type() == ObjectType::checkpoint;
    if (is_checkpoint || newest == listing.newest_checkpoints.end() || *name.seq() > newest->second)
      wanted.push_back({name, places});
  }
  std::vector<registry::LogRow> rows;
  read_documents(wanted, result, call, [&](const ObjectName& name, Bytes cbor) {
    if (name.type() == ObjectType::checkpoint) {
      enter_checkpoint(name, std::move(cbor));
    } else {
      rows.push_back(row_of(name, std::move(cbor)));
    }
  });
  if (!rows.empty()) environment_.registry.add_log_records(rows);
}

// Reads the records that no checkpoint that was taken stands for, whatever their number.
void PoolLog::read_left_out(const Listing& listing, Freshness& result, const CallOptions& call) {
  if (listing.newest_checkpoints.empty()) return;
  const Hashes known = known_hashes();
  std::vector<transfer::ListedObject> wanted;
  for (const auto& [name, places] : listing.objects) {
    if (name.type() == ObjectType::log && !known.contains(*name.hash())) wanted.push_back({name, places});
  }
  std::vector<registry::LogRow> rows;
  read_documents(wanted, result, call,
                 [&](const ObjectName& name, Bytes cbor) { rows.push_back(row_of(name, std::move(cbor))); });
  if (!rows.empty()) environment_.registry.add_log_records(rows);
}

static void require_named(bool fits, const ObjectName& name) {
  if (!fits) throw Error(ErrorKind::corrupt, name.path(), "does not say what its name says");
}

// Throws when the record is not what its name says.
registry::LogRow PoolLog::row_of(const ObjectName& name, Bytes cbor) {
  const LogRecord record = mf1::log_record_from_cbor(cbor);
  require_named(record.writer == *name.writer() && record.seq == *name.seq(), name);
  if (record.writer == Settings(environment_.registry).writer()) own_chain_goes_on_elsewhere_ = true;
  return {record.writer, record.seq, *name.hash(), std::move(cbor)};
}

void PoolLog::enter_checkpoint(const ObjectName& name, Bytes cbor) {
  const Checkpoint checkpoint = mf1::checkpoint_from_cbor(cbor);
  require_named(checkpoint.writer == *name.writer() && checkpoint.seq == *name.seq(), name);
  if (!checkpoint.must.empty())
    throw Error(ErrorKind::unsupported, name.path(), "needs \"" + checkpoint.must.front() + "\"");
  if (checkpoint.writer == Settings(environment_.registry).writer()) own_chain_goes_on_elsewhere_ = true;
  environment_.registry.put_checkpoint({checkpoint.writer, checkpoint.seq, *name.hash(), std::move(cbor), false});
}

// Whether the registry has all that the checkpoint stands for: each of its records, and the
// checkpoint before.
bool PoolLog::is_known_without_parts(const Checkpoint& checkpoint, const Hashes& known,
                                     const std::map<Hash256, Checkpoint>& taken) const {
  return (!checkpoint.before || taken.contains(checkpoint.before->hash)) &&
         std::all_of(checkpoint.records.begin(), checkpoint.records.end(),
                     [&](const Hash256& record) { return known.contains(record); });
}

static std::vector<registry::LogName> names_in(const Checkpoint& checkpoint) {
  std::vector<registry::LogName> names;
  std::uint64_t seq = checkpoint.first_seq();
  for (const Hash256& record : checkpoint.records) names.push_back({checkpoint.writer, seq++, record});
  return names;
}

// The record as it is known here, with what the heads of the entry say besides; nullopt where that
// is nothing. The heads of records that were left out before it are in the entry.
static std::optional<Bytes> with_heads_of(const mf1::PartEntry& entry, const WriterId& writer, ByteSpan known) {
  const LogRecord ours = mf1::record_from_either(known, writer);
  std::map<WriterId, ChainHead> heads = ours.heads;
  for (const auto& [other, head] : mf1::record_from_either(entry.cbor, writer).heads) {
    ChainHead& kept = heads[other];
    if (head.seq > kept.seq) kept = head;
  }
  if (heads == ours.heads) return std::nullopt;
  const mf1::RecordBytes bytes = mf1::record_bytes(known);
  return mf1::entry_cbor(bytes, entry.hash, heads, bytes.changes);
}

void PoolLog::enter_parts(const std::vector<Bytes>& parts) {
  Hashes known;
  for (const auto& name : environment_.registry.log_names()) known.insert(name.hash);
  std::vector<registry::LogRow> added;
  std::vector<registry::LogRow> completed;
  for (const Bytes& cbor : parts) {
    const mf1::Part part = mf1::part_from_cbor(cbor);
    for (const mf1::PartEntry& entry : part.entries) {
      if (!known.contains(entry.hash)) {
        added.push_back({part.writer, entry.seq, entry.hash, to_bytes(entry.cbor)});
      } else if (const auto ours = environment_.registry.log_record({part.writer, entry.seq, entry.hash})) {
        if (auto whole = with_heads_of(entry, part.writer, *ours))
          completed.push_back({part.writer, entry.seq, entry.hash, *std::move(whole)});
      }
    }
  }
  environment_.registry.add_log_records(added);
  if (completed.empty()) return;
  environment_.registry.replace_log_records(completed);
  for (const registry::LogRow& row : completed) decoded_.erase(row.hash);
}

// Each checkpoint that no taken one names is taken, the newest first.
void PoolLog::take_checkpoints(const Listing& listing, Freshness& result, const CallOptions& call) {
  auto rows = environment_.registry.checkpoints();
  if (std::all_of(rows.begin(), rows.end(), [](const auto& row) { return row.is_taken; })) return;
  std::map<Hash256, Checkpoint> taken = taken_checkpoints();
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return mf1::checkpoint_from_cbor(a.cbor).age() > mf1::checkpoint_from_cbor(b.cbor).age();
  });
  const auto take = [&](registry::CheckpointRow& row, const Checkpoint& checkpoint) {
    row.is_taken = true;
    environment_.registry.put_checkpoint(row);
    taken.emplace(row.hash, checkpoint);
  };
  const auto is_named = [&](const Hash256& hash) {
    return std::any_of(taken.begin(), taken.end(),
                       [&](const auto& one) { return one.second.before && one.second.before->hash == hash; });
  };
  // Those that need no part, the oldest first, since each leads to the next.
  Hashes known = known_hashes();
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    if (row->is_taken) continue;
    const Checkpoint checkpoint = mf1::checkpoint_from_cbor(row->cbor);
    if (is_known_without_parts(checkpoint, known, taken)) take(*row, checkpoint);
  }
  for (registry::CheckpointRow& row : rows) {
    if (row.is_taken) continue;
    const Checkpoint checkpoint = mf1::checkpoint_from_cbor(row.cbor);
    if (is_named(row.hash)) {  // what it stands for is in the newer one
      environment_.registry.add_names(names_in(checkpoint));
      take(row, checkpoint);
      continue;
    }
    const auto parts = read_parts(row, checkpoint, listing, result, call);
    environment_.registry.transaction([&] {
      enter_parts(parts);
      // Where one is missing, what is known of the others counts, and the names do not: its writer
      // went on and has deleted what it does not need, or this is the other branch of a fork.
      if (parts.size() < checkpoint.parts.size()) return;
      environment_.registry.add_names(names_in(checkpoint));
      take(row, checkpoint);
    });
  }
}

// Returns those that can be read now.
std::vector<Bytes> PoolLog::read_parts(const registry::CheckpointRow& row, const Checkpoint& checkpoint,
                                       const Listing& listing, Freshness& result, const CallOptions& call) {
  const auto name = ObjectName::of_chain(ObjectType::checkpoint, row.writer, row.seq, row.hash);
  std::vector<const transfer::PoolStore*> places;
  if (const auto listed = listing.objects.find(name); listed != listing.objects.end()) {
    places = listed->second;
  } else {
    for (const auto* store : stores_.all()) places.push_back(store);
  }
  std::vector<transfer::ListedObject> wanted;
  for (const ChainHead& part : checkpoint.parts)
    wanted.push_back({ObjectName::of_chain(ObjectType::part, row.writer, part.seq, part.hash), places});
  std::vector<Bytes> parts;
  read_documents(wanted, result, call, [&](const ObjectName& part, Bytes cbor) {
    const mf1::Part read = mf1::part_from_cbor(cbor);
    require_named(read.writer == *part.writer() && read.seq == *part.seq(), part);
    if (!read.must.empty()) throw Error(ErrorKind::unsupported, part.path(), "needs \"" + read.must.front() + "\"");
    for (const mf1::PartEntry& entry : read.entries) mf1::record_from_either(entry.cbor, read.writer);
    parts.push_back(std::move(cbor));
  });
  return parts;
}

// Those that tell that something may be unknown here.
std::vector<std::string> PoolLog::unreadable() {
  std::vector<std::string> objects;
  for (auto& row : environment_.registry.unreadable()) objects.push_back(std::move(row.object));
  return objects;
}

PoolLog::Hashes PoolLog::listed_checkpoints(const Listing& listing) {
  Hashes listed;
  for (const auto& answer : listing.answers) {
    for (const store::ObjectInfo& info : answer.objects) {
      if (info.name.type() == ObjectType::checkpoint) listed.insert(*info.name.hash());
    }
  }
  return listed;
}

// Forgets the objects that could not be opened and do not matter any more.
void PoolLog::forget_unneeded(const Listing& listing, bool is_complete) {
  auto rows = environment_.registry.unreadable();
  if (rows.empty()) return;
  // A checkpoint that could be opened may name such a record by now.
  const Hashes known = known_hashes();
  // Parts are not listed: they matter as long as a checkpoint is that lacks them here.
  const Hashes listed = listed_checkpoints(listing);
  Hashes lacking;
  for (const auto& row : environment_.registry.checkpoints()) {
    if (row.is_taken || !listed.contains(row.hash)) continue;
    for (const ChainHead& part : mf1::checkpoint_from_cbor(row.cbor).parts) lacking.insert(part.hash);
  }
  std::vector<std::string> unneeded;
  for (auto& row : rows) {
    const auto name = ObjectName::parse(row.object);
    const bool is_part = name && name->type() == ObjectType::part;
    const bool is_there = is_part ? lacking.contains(*name->hash()) : name && listing.objects.contains(*name);
    if ((is_complete && !is_there) || (name && known.contains(*name->hash())))
      unneeded.push_back(std::move(row.object));
  }
  if (!unneeded.empty()) environment_.registry.forget_unreadable(unneeded);
}

// When every store has listed its log.
void PoolLog::forget_what_is_gone(const Listing& listing) {
  const Hashes listed = listed_checkpoints(listing);
  // Checkpoints that newer ones name are of no use once no store lists them.
  const auto taken = taken_checkpoints();
  const auto newest = newest_of(taken);
  for (const auto& [hash, checkpoint] : taken) {
    const auto& before = newest.at(checkpoint.writer)->before;
    if (before && checkpoint.seq < before->seq && !listed.contains(hash))
      environment_.registry.forget_checkpoint(checkpoint.writer, checkpoint.seq, hash);
  }
}

void PoolLog::judge_unreadable(const Listing& listing, const Freshness& result) {
  const std::size_t survive = Settings(environment_.registry).largest_survive();
  std::string blocked;
  for (const auto& row : environment_.registry.unreadable()) {
    if (row.why != registry::Unreadable::locked) continue;
    const auto name = ObjectName::parse(row.object);
    if (!name) continue;
    std::set<std::string> domains = listing.incomplete_domains;
    for (const auto* store : stores_.all()) {  // one that was rolled back may have had it
      if (std::find(result.rolled_back.begin(), result.rolled_back.end(), store->name) != result.rolled_back.end())
        domains.insert(store->domain);
    }
    std::string stores;
    if (const auto listed = listing.objects.find(*name); listed != listing.objects.end()) {
      for (const auto* store : listed->second) {
        domains.insert(store->domain);
        stores += (stores.empty() ? "" : ", ") + store->name;
      }
    }
    // Whoever wrote a part has named it in a checkpoint that opens.
    const bool is_junk =
        name->type() != ObjectType::part && domains.size() <= survive && domains.size() < listing.domains;
    if (is_junk) {
      if (reported_junk_.insert(row.object).second && !stores.empty())
        log_warning(fmt::format("{} is on {} alone and cannot be opened: it is junk, and nothing is lost by it",
                                row.object, stores));
    } else if (blocked.empty()) {
      blocked = fmt::format(
          "{}{} cannot be opened: it is of a newer version of ModelFloat, or sealed under a key that this machine does "
          "not have, since the pool has new keys or its own was withdrawn. If you know that it is not of this pool, "
          "delete it there",
          row.object, stores.empty() ? "" : " on " + stores);
    }
  }
  Settings(environment_.registry).set_log_blocked(blocked);
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

}  // namespace modelfloat::engine
