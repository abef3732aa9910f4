#pragma once
// The key slots of the pool, as the log lists them and the registry keeps them.

#include "modelfloat/engine/environment.h"
#include "modelfloat/engine/pool.h"
#include "modelfloat/mf1/slot.h"

namespace modelfloat::engine {

struct NewSlot {
  SlotAdded change;    // for the log
  NamedObject object;  // for every store; the registry has it already
};
// Wraps the current root key for one more secret.
NewSlot new_slot(const Environment& environment, const mf1::Keyring& keys, const mf1::SlotSecret& secret);

// Adds the root keys of the epochs before the keyring's own, as the log wraps them. False when there was none to add.
bool add_older_epochs(mf1::Keyring& keys, const PoolState& state);

}  // namespace modelfloat::engine
