#include "modelfloat/engine/pool/slots.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/mf1/log_codec.h"

namespace modelfloat::engine {

NewSlot new_slot(const Environment& environment, const mf1::Keyring& keys, const mf1::SlotSecret& secret) {
  const std::uint32_t epoch = keys.current_epoch();
  mf1::MadeSlot made = mf1::make_slot(secret, keys, epoch, environment.random);
  const Hash256 hash = crypto::blake3(made.object);
  const SlotAdded change{made.id, hash, static_cast<std::uint8_t>(secret.kind()), epoch, made.public_key};
  NamedObject object{ObjectName::of(ObjectType::slot, hash), std::move(made.object)};
  environment.registry.keep_document(object.name.path(), object.bytes);
  return {change, std::move(object)};
}

void make_home_slot(const Environment& environment, const mf1::Keyring& keys, const mf1::SlotSecret& secret) {
  Settings(environment.registry).set_home_slot(new_slot(environment, keys, secret).change.object);
}

bool add_older_epochs(mf1::Keyring& keys, const PoolState& state) {
  bool added = false;
  for (auto begun = state.epochs.rbegin(); begun != state.epochs.rend(); ++begun)
    added = mf1::add_older_roots(keys, *begun) || added;
  return added;
}

namespace {

// What the log says of keys. Worked out once for each version of the log, as every command needs it.
struct KeyLog {
  std::vector<SlotAdded> slots;  // that count; one made anew for several epochs comes several times
  struct Begun {
    EpochBegun change;
    Hash256 record{};
  };
  std::vector<Begun> epochs;
};

KeyLog key_log_of(registry::Registry& registry) {
  std::vector<SeenRecord> records;
  for (const auto& row : registry.log_records())
    records.push_back({mf1::record_from_either(row.cbor, row.writer), row.hash});
  const PoolState state = pool_state_of(records);
  KeyLog log;
  for (const SeenRecord& seen : records) {
    for (const Change& change : seen.record.changes) {
      if (const auto* slot = std::get_if<SlotAdded>(&change); slot != nullptr && state.slots.contains(slot->slot))
        log.slots.push_back(*slot);
      if (const auto* begun = std::get_if<EpochBegun>(&change)) log.epochs.push_back({*begun, seen.hash});
    }
  }
  return log;
}

// As records: one with the slots, and one for each epoch, whose `previous` is the record that has
// it. Behind the version of the log, each behind its length.
Bytes to_bytes(const KeyLog& log, std::uint64_t version) {
  Bytes bytes(sizeof version);
  store_le<std::uint64_t>(bytes, version);
  const auto add = [&](const Hash256& hash, std::vector<Change> changes) {
    LogRecord record;
    record.seq = 1;
    record.previous = hash;
    record.changes = std::move(changes);
    const Bytes cbor = mf1::to_cbor(record);
    std::array<std::byte, sizeof(std::uint32_t)> length;
    store_le<std::uint32_t>(MutableByteSpan(length), static_cast<std::uint32_t>(cbor.size()));
    append(bytes, length);
    append(bytes, cbor);
  };
  add({}, {log.slots.begin(), log.slots.end()});
  for (const KeyLog::Begun& begun : log.epochs) add(begun.record, {begun.change});
  return bytes;
}

// nullopt when it is of another version of the log.
std::optional<KeyLog> key_log_from(ByteSpan bytes, std::uint64_t version) {
  if (bytes.size() < sizeof version || load_le<std::uint64_t>(bytes) != version) return std::nullopt;
  bytes = bytes.subspan(sizeof version);
  KeyLog log;
  while (bytes.size() > sizeof(std::uint32_t)) {
    const auto length = load_le<std::uint32_t>(bytes);
    bytes = bytes.subspan(sizeof length);
    if (length > bytes.size()) return std::nullopt;
    const LogRecord record = mf1::log_record_from_cbor(bytes.first(length));
    bytes = bytes.subspan(length);
    for (const Change& change : record.changes) {
      if (const auto* slot = std::get_if<SlotAdded>(&change)) log.slots.push_back(*slot);
      if (const auto* begun = std::get_if<EpochBegun>(&change)) log.epochs.push_back({*begun, record.previous});
    }
  }
  return log;
}

KeyLog read_key_log(registry::Registry& registry) {
  const std::uint64_t version = registry.log_version();
  Settings settings(registry);
  if (auto known = key_log_from(settings.key_log(), version)) return *std::move(known);
  KeyLog log = key_log_of(registry);
  try {
    settings.set_key_log(to_bytes(log, version));
  } catch (const Error& error) {
    log_debug(error.what());  // then it is worked out again, on a full disk, say
  }
  return log;
}

// Of several roots of the newest number, that of the record with the largest hash.
void prefer_by(mf1::Keyring& keys, const KeyLog& log) {
  const std::uint32_t newest = keys.current_epoch();
  if (keys.roots(newest).size() == 1) return;
  const mf1::RootKey* chosen = nullptr;
  Hash256 largest{};
  for (const KeyLog::Begun& begun : log.epochs) {
    if (begun.change.epoch != newest || (chosen != nullptr && begun.record <= largest)) continue;
    if (const mf1::RootKey* root = mf1::root_that_began(keys, begun.change)) {
      chosen = root;
      largest = begun.record;
    }
  }
  if (chosen != nullptr) keys.prefer(newest, chosen->root());
}

std::optional<SlotAdded> home_slot(registry::Registry& registry) {
  const auto object = Settings(registry).home_slot();
  if (!object) return std::nullopt;
  const auto bytes = registry.document(ObjectName::of(ObjectType::slot, *object).path());
  if (!bytes) return std::nullopt;
  const mf1::Slot slot = mf1::parse_slot(*bytes);
  return SlotAdded{slot.id, *object, static_cast<std::uint8_t>(slot.kind), slot.epoch, {}};
}

std::vector<SlotAdded> newest_first(std::vector<SlotAdded> slots) {
  std::stable_sort(slots.begin(), slots.end(),
                   [](const SlotAdded& a, const SlotAdded& b) { return a.epoch > b.epoch; });
  return slots;
}

}  // namespace

std::vector<SlotAdded> valid_slots(registry::Registry& registry) { return newest_first(read_key_log(registry).slots); }

void prefer_by_log(mf1::Keyring& keys, registry::Registry& registry) { prefer_by(keys, read_key_log(registry)); }

mf1::Keyring open_keys(registry::Registry& registry, const mf1::SlotSecret& secret) {
  if (!Settings(registry).pool())
    throw Error(ErrorKind::not_found, "pool", "there is none here yet: run `modelfloat init` or `modelfloat recover`");
  const KeyLog log = read_key_log(registry);

  std::optional<mf1::Keyring> keys;
  std::set<Hash256> tried;
  std::set<mf1::SlotId> opened;
  std::size_t damaged = 0;
  mf1::SlotOpener opener(secret);
  std::vector<SlotAdded> slots = newest_first(log.slots);
  if (const auto own = home_slot(registry)) slots.push_back(*own);
  for (const SlotAdded& slot : slots) {
    if (slot.secret != static_cast<std::uint8_t>(secret.kind())) continue;
    if (keys && !may_have_another_root(secret.kind(), slot.slot, opened)) continue;
    const auto bytes = registry.document(ObjectName::of(ObjectType::slot, slot.object).path());
    if (!bytes || !tried.insert(slot.object).second) continue;
    try {
      add_opened(keys, opener.open(*bytes));
      opened.insert(slot.slot);
    } catch (const Error& error) {
      if (error.kind == ErrorKind::denied) continue;
      if (error.kind == ErrorKind::unsupported) {
        log_debug(error.what());  // of a newer version
        continue;
      }
      if (error.kind != ErrorKind::corrupt) throw;
      ++damaged;
      log_warning(
          fmt::format("a key slot that this home keeps cannot be used ({}); the others are tried", error.what()));
    }
  }
  if (keys) {
    PoolState epochs;
    for (const KeyLog::Begun& begun : log.epochs) epochs.epochs.push_back(begun.change);
    std::stable_sort(epochs.epochs.begin(), epochs.epochs.end(),
                     [](const auto& a, const auto& b) { return a.epoch < b.epoch; });
    add_older_epochs(*keys, epochs);
    prefer_by(*keys, log);
    return *std::move(keys);
  }
  std::string text = "this key, code or passphrase does not open it";
  if (damaged > 0) {
    text += fmt::format(
        "; {} of the key slots that this home keeps cannot be used: an empty home gets good ones from the stores "
        "(MODELFLOAT_HOME, `modelfloat recover`)",
        damaged);
  }
  throw Error(ErrorKind::denied, "pool", text);
}

bool may_have_another_root(mf1::SecretKind kind, const mf1::SlotId& slot, const std::set<mf1::SlotId>& opened) {
  return kind != mf1::SecretKind::passphrase || opened.contains(slot);
}

void add_opened(std::optional<mf1::Keyring>& keys, const mf1::Keyring& opened) {
  if (!keys) {
    keys = opened;
  } else {
    keys->add_root(opened.current_epoch(), opened.root(opened.current_epoch()));
  }
}

static std::uint64_t work_of(const mf1::PassphraseCost& cost) { return std::uint64_t{cost.memory_kib} * cost.passes; }

std::vector<FoundSlot> worth_trying(std::vector<FoundSlot> found, mf1::SecretKind kind,
                                    const std::optional<mf1::PoolTag>& pool, std::size_t& left_out) {
  std::erase_if(found, [&](const FoundSlot& one) {
    return one.slot.kind != kind || (pool && mf1::pool_tag_of(one.slot.pool) != *pool);
  });
  // Those with one salt one after another, as SlotOpener keeps what it derived last.
  std::stable_sort(found.begin(), found.end(), [](const FoundSlot& a, const FoundSlot& b) {
    return std::pair(work_of(a.slot.cost), a.slot.salt) < std::pair(work_of(b.slot.cost), b.slot.salt);
  });
  std::size_t count = found.size();
  if (kind == mf1::SecretKind::passphrase) {
    std::set<std::tuple<Hash256, std::uint32_t, std::uint32_t>> stretched;  // salt and cost
    std::uint64_t spent = 0;
    for (count = 0; count < found.size(); ++count) {
      const mf1::Slot& slot = found[count].slot;
      if (!stretched.emplace(slot.salt, slot.cost.memory_kib, slot.cost.passes).second) continue;
      spent += work_of(slot.cost);
      if (stretched.size() > k_costly_slots_per_store || spent > k_slot_budget * work_of({})) break;
    }
  }
  left_out = found.size() - count;
  found.erase(found.begin() + static_cast<std::ptrdiff_t>(count), found.end());
  return found;
}

void add_slot(Pool& pool, const mf1::SlotSecret& secret, const CallOptions& call) {
  pool.log().require_writable();
  NewSlot slot = new_slot(pool.environment(), pool.keys(), secret);
  // The slot is queued before the record that names it, so that it is uploaded first. Whoever reads
  // the record then finds the slot.
  pool.documents().enqueue({&slot.object, 1});
  pool.log().append({slot.change}, call);
}

}  // namespace modelfloat::engine
