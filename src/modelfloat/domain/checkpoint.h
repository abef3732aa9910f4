#pragma once
// Computes the content of a checkpoint: docs/formats/mf1.md section 9, "Checkpoint". Pure.

#include <vector>

#include "modelfloat/domain/log_record.h"

namespace modelfloat {

// Takes the records of one chain, in order. Drops the changes that no longer have an effect, and
// the records that then have no changes. A `removed` change is never dropped, because a record of
// another chain that is found later may have committed the same manifest.
std::vector<SeenRecord> compact_chain(std::vector<SeenRecord> chain);

}  // namespace modelfloat
