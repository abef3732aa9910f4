#include "modelfloat/engine/pool/slots.h"

#include <algorithm>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/mf1/log_codec.h"

namespace modelfloat::engine {

NewSlot new_slot(const Environment& environment, const mf1::Keyring& keys, const mf1::SlotSecret& secret) {
  const std::uint32_t epoch = keys.current_epoch();
  Bytes bytes = mf1::make_slot(secret, keys, epoch, environment.random);
  const Hash256 hash = crypto::blake3(bytes);
  const SlotAdded change{mf1::parse_slot(bytes).id, hash, static_cast<std::uint8_t>(secret.kind()), epoch};
  NamedObject object{ObjectName::of(ObjectType::slot, hash), std::move(bytes)};
  environment.registry.keep_document(object.name.path(), object.bytes);
  return {change, std::move(object)};
}

bool add_older_epochs(mf1::Keyring& keys, const PoolState& state) {
  bool added = false;
  for (auto begun = state.epochs.rbegin(); begun != state.epochs.rend(); ++begun) {
    if (begun->epoch > 1 && keys.has_epoch(begun->epoch) && !keys.has_epoch(begun->epoch - 1)) {
      keys.add_epoch(begun->epoch - 1, mf1::open_older_epoch(keys, *begun));
      added = true;
    }
  }
  return added;
}

mf1::Keyring open_keys(registry::Registry& registry, const mf1::SlotSecret& secret) {
  if (!Settings(registry).pool())
    throw Error(ErrorKind::not_found, "pool", "there is none here yet: run `modelfloat init` or `modelfloat recover`");
  std::vector<SeenRecord> records;
  for (const auto& row : registry.log_records()) records.push_back({mf1::log_record_from_cbor(row.cbor), row.hash});
  const PoolState state = pool_state_of(records);

  std::vector<SlotAdded> slots;
  for (const auto& [id, slot] : state.slots) slots.push_back(slot);
  std::sort(slots.begin(), slots.end(), [](const SlotAdded& a, const SlotAdded& b) { return a.epoch > b.epoch; });
  std::size_t damaged = 0;
  for (const SlotAdded& slot : slots) {
    if (slot.secret != static_cast<std::uint8_t>(secret.kind())) continue;
    const auto bytes = registry.document(ObjectName::of(ObjectType::slot, slot.object).path());
    if (!bytes) continue;
    try {
      mf1::Keyring keys = mf1::open_slot(*bytes, secret);
      add_older_epochs(keys, state);
      return keys;
    } catch (const Error& error) {
      if (error.kind == ErrorKind::denied) continue;
      if (error.kind != ErrorKind::corrupt && error.kind != ErrorKind::unsupported) throw;
      ++damaged;
      log_warning(
          fmt::format("a key slot that this home keeps cannot be used ({}); the others are tried", error.what()));
    }
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

static std::uint64_t work_of(const mf1::PassphraseCost& cost) { return std::uint64_t{cost.memory_kib} * cost.passes; }

std::vector<FoundSlot> worth_trying(std::vector<FoundSlot> found, mf1::SecretKind kind,
                                    const std::optional<mf1::PoolTag>& pool, std::size_t& left_out) {
  std::erase_if(found, [&](const FoundSlot& one) {
    return one.slot.kind != kind || (pool && mf1::pool_tag_of(one.slot.pool) != *pool);
  });
  std::stable_sort(found.begin(), found.end(),
                   [](const FoundSlot& a, const FoundSlot& b) { return work_of(a.slot.cost) < work_of(b.slot.cost); });
  std::size_t count = found.size();
  if (kind == mf1::SecretKind::passphrase) {
    count = 0;
    for (std::uint64_t spent = 0; count < std::min(found.size(), k_costly_slots_per_store); ++count) {
      spent += work_of(found[count].slot.cost);
      if (spent > k_slot_budget * work_of({})) break;
    }
  }
  left_out = found.size() - count;
  found.erase(found.begin() + static_cast<std::ptrdiff_t>(count), found.end());
  return found;
}

void add_slot(Pool& pool, const mf1::SlotSecret& secret, const CallOptions& call) {
  NewSlot slot = new_slot(pool.environment(), pool.keys(), secret);
  // The slot is queued before the record that names it, so that it is uploaded first. Whoever reads
  // the record then finds the slot.
  pool.documents().enqueue({&slot.object, 1});
  pool.log().append({slot.change}, call);
}

}  // namespace modelfloat::engine
