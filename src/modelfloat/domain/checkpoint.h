#pragma once
// What of a chain still matters: docs/formats/mf1.md section 9, "Checkpoint". Pure.

#include <vector>

#include "modelfloat/domain/log_record.h"

namespace modelfloat {

// The records of one chain, in order, without the changes that can no longer matter, and without
// those that have none left. What was removed is never left out: another chain may yet turn up that
// committed it.
std::vector<SeenRecord> compact_chain(std::vector<SeenRecord> chain);

}  // namespace modelfloat
