#pragma once
// Plans the next checkpoint of this machine's own chain: docs/formats/mf1.md section 9.5.

#include <cstdint>
#include <optional>
#include <vector>

#include "modelfloat/domain/checkpoint.h"
#include "modelfloat/registry/log_cache.h"

namespace modelfloat::engine {

// A part of the checkpoint: one of the checkpoint before, or a new one.
struct PlannedPart {
  std::uint64_t seq = 0;             // of its last record
  std::optional<Hash256> unchanged;  // the name of the part that stays
  Bytes cbor;                        // of a new part
};

struct PlannedCheckpoint {
  std::vector<PlannedPart> parts;
  // What the registry may keep of the chain from now on: the entries of new parts instead of what
  // it has of these records, and the names alone of records that were left out.
  std::vector<registry::LogRow> entries;
  std::vector<registry::LogName> left_out;
};

// `chain` are the records of the chain that are in the registry, in order; `before` is the
// checkpoint before, if there is one. A part is written anew when half of it no longer has an
// effect, when it has a condemnation that is done, or when it is not larger than twice what comes
// behind it: so each record is written a few times, and there are few small parts. Throws
// Error{corrupt} for a record that cannot be decoded.
PlannedCheckpoint plan_checkpoint(const std::vector<registry::LogRow>& chain, const std::optional<Checkpoint>& before,
                                  const Obsolete& obsolete);

}  // namespace modelfloat::engine
