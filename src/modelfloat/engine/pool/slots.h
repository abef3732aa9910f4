#pragma once
// The key slots of the pool, as the log lists them and the registry keeps them.

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "modelfloat/engine/pool/environment.h"
#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/mf1/slot.h"

namespace modelfloat::engine {

// Returns the keys of the registry's pool: all roots of the newest epoch whose slots the secret
// opens (there are several when epochs were begun at once), and the older ones. Passes over slots
// that are damaged, or of a cipher or kind that this version does not know. Throws Error{denied}
// when the secret opens none, and Error{not_found} when the registry has no pool.
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

// Where the newest epoch has several roots, chooses the one that is written with: the one whose
// change came in that record of the registry that has the largest hash (format document, section
// 5).
void prefer_by_log(mf1::Keyring& keys, registry::Registry& registry);

// Creates a key slot that only this home has and that no log speaks of, for a pool that cannot be
// written to. open_keys() uses it. Stores it in the registry.
void make_home_slot(const Environment& environment, const mf1::Keyring& keys, const mf1::SlotSecret& secret);

// The slots that count by the records of the registry, the newest epoch first. A slot that was made
// anew for several epochs comes once for each.
std::vector<SlotAdded> valid_slots(registry::Registry& registry);

// Whether it is worth while to try one more slot, when some have been opened already: another root
// may be in it. Trying a passphrase is costly, so then only slots with an id that it has opened
// count: all slots of one secret have one id, and one salt.
bool may_have_another_root(mf1::SecretKind kind, const mf1::SlotId& slot, const std::set<mf1::SlotId>& opened);

// Adds what a slot gave to what earlier slots of the same pool gave. All roots are kept: of two
// epochs that were begun at once, the newer one may not have the root of the other.
void add_opened(std::optional<mf1::Keyring>& keys, const mf1::Keyring& opened);

// A slot that was found on a store.
struct FoundSlot {
  ObjectName name;
  Bytes bytes;
  mf1::Slot slot;
};
// Limits on trying passphrase slots: how many of one store are tried, and how much work they may
// cost together. The unit of work is one slot with this program's default cost. Slots with one salt
// and one cost count as one: the passphrase is stretched once for all of them.
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
