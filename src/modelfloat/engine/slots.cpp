#include "modelfloat/engine/slots.h"

#include <algorithm>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/engine/settings.h"
#include "modelfloat/engine/setup.h"
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
  for (const SlotAdded& slot : slots) {
    if (slot.secret != static_cast<std::uint8_t>(secret.kind())) continue;
    const auto bytes = registry.document(ObjectName::of(ObjectType::slot, slot.object).path());
    if (!bytes) continue;
    try {
      mf1::Keyring keys = mf1::open_slot(*bytes, secret);
      add_older_epochs(keys, state);
      return keys;
    } catch (const Error& error) {
      if (error.kind != ErrorKind::denied) throw;
    }
  }
  throw Error(ErrorKind::denied, "pool", "this key, code or passphrase does not open it");
}

void add_slot(Pool& pool, const mf1::SlotSecret& secret, const CallOptions& call) {
  NewSlot slot = new_slot(pool.environment(), pool.keys(), secret);
  // In the queue before the record that speaks of it, which is flushed after it; whoever sees the record finds the slot.
  pool.documents().enqueue({&slot.object, 1});
  pool.log().append({slot.change}, call);
}

}  // namespace modelfloat::engine
