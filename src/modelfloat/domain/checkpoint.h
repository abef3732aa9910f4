#pragma once
// What a checkpoint leaves out: docs/formats/mf1.md section 9.5. Pure.

#include <set>
#include <span>

#include "modelfloat/domain/log_record.h"

namespace modelfloat {

// Knows which changes of one chain no longer have an effect.
class Obsolete {
 public:
  // `records` are all known records of all chains; `writer` is the chain's.
  Obsolete(std::span<const SeenRecord* const> records, const WriterId& writer);

  // Whether a checkpoint may leave out this change of the record whose object has this hash. For
  // `spared` and `deleted` that holds only where it also leaves out the condemnation.
  bool may_be_left_out(const Change& change, const Hash256& record) const;

  // Whether the change is a condemnation that is done. Then it has to be left out as soon as
  // `spared` and `deleted` are.
  bool is_done(const Change& change, const Hash256& record) const;

 private:
  std::set<Hash256> committed_;  // by this chain
  std::set<Hash256> removed_;    // by any chain
  std::set<Hash256> done_;       // records of this chain whose condemnation was carried out
};

}  // namespace modelfloat
