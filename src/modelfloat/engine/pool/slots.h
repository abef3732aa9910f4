#pragma once
// The key slots of the pool, as the log lists them and the registry keeps them.

#include <cstdint>
#include <optional>
#include <vector>

#include "modelfloat/engine/pool/environment.h"
#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/mf1/slot.h"

namespace modelfloat::engine {

// The keys of the registry's pool. Error{denied} for a wrong secret, Error{not_found} when there is
// no pool yet.
mf1::Keyring open_keys(registry::Registry& registry, const mf1::SlotSecret& secret);

struct NewSlot {
  SlotAdded change;    // for the log
  NamedObject object;  // for every store; the registry has it already
};
// Wraps the current root key for one more secret.
NewSlot new_slot(const Environment& environment, const mf1::Keyring& keys, const mf1::SlotSecret& secret);

// Adds the root keys of the epochs before the keyring's own, as the log wraps them. False when
// there was none to add.
bool add_older_epochs(mf1::Keyring& keys, const PoolState& state);

// A slot that was found on a store.
struct FoundSlot {
  ObjectName name;
  Bytes bytes;
  mf1::Slot slot;
};
// Slots for passphrases that are tried of one store at most, and what trying them may cost in all:
// as much as so many slots that this program makes.
inline constexpr std::size_t k_costly_slots_per_store = 16;
inline constexpr std::uint64_t k_slot_budget = 8;

// Of the slots on one store those that are worth trying with a secret of this kind, the cheapest
// first: they are whole, of that kind, and of the pool that the store's marker names, where it has
// one. Whoever writes to a store can put slots there that cost a lot, so what they cost together is
// bounded; `left_out` is how many that leaves out.
std::vector<FoundSlot> worth_trying(std::vector<FoundSlot> found, mf1::SecretKind kind,
                                    const std::optional<mf1::PoolTag>& pool, std::size_t& left_out);

}  // namespace modelfloat::engine
