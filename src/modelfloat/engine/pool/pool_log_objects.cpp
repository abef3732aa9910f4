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

// A chain that is this far ahead of what we know is read by its checkpoint.
static constexpr std::uint64_t k_worth_a_checkpoint = 8;

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

}  // namespace modelfloat::engine
