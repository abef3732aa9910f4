#pragma once
// The key slots of the pool, as the log lists them and the registry keeps them.

#include <cstdint>
#include <optional>
#include <vector>

#include "modelfloat/engine/pool/environment.h"
#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/mf1/slot.h"

namespace modelfloat::engine {

// Returns the keys of the registry's pool. Throws Error{denied} when the secret opens none of its
// slots, and Error{not_found} when the registry has no pool.
mf1::Keyring open_keys(registry::Registry& registry, const mf1::SlotSecret& secret);

struct NewSlot {
  SlotAdded change;    // for the log
  NamedObject object;  // for every store; the registry has it already
};
// Creates a key slot: the current root key, sealed with one more secret. Stores it in the registry
// only.
NewSlot new_slot(const Environment& environment, const mf1::Keyring& keys, const mf1::SlotSecret& secret);

// Adds the root keys of older epochs to the keyring; the log has them, sealed. Returns false when
// there was none to add.
bool add_older_epochs(mf1::Keyring& keys, const PoolState& state);

// A slot that was found on a store.
struct FoundSlot {
  ObjectName name;
  Bytes bytes;
  mf1::Slot slot;
};
// Limits on trying passphrase slots: how many of one store are tried, and how much work they may
// cost together. The unit of work is one slot with this program's default cost.
inline constexpr std::size_t k_costly_slots_per_store = 16;
inline constexpr std::uint64_t k_slot_budget = 8;

// Selects the slots of one store that are worth trying with a secret of this kind, the cheapest
// first. A slot must be of that kind, and must belong to `pool` when that is given (it is the pool
// in the store's marker). Anybody who can write to the store can put expensive slots there, so the
// total cost of passphrase slots is limited. `left_out` is set to the number of slots beyond that
// limit.
std::vector<FoundSlot> worth_trying(std::vector<FoundSlot> found, mf1::SecretKind kind,
                                    const std::optional<mf1::PoolTag>& pool, std::size_t& left_out);

}  // namespace modelfloat::engine
