#pragma once
// Everything that the engine does not make for itself.

#include "modelfloat/base/clock.h"
#include "modelfloat/base/executor.h"
#include "modelfloat/base/random.h"
#include "modelfloat/registry/registry.h"

namespace modelfloat::engine {

// All outlive the engine. In a simulation `cpu` runs tasks inline, `io` one at a time in virtual
// time, and the randomness is seeded.
struct Environment {
  Clock& clock;
  Random& random;
  Executor& cpu;  // hashing, encoding, sealing: as wide as there are cores
  Executor& io;   // store calls: as wide as calls may wait at once
  registry::Registry& registry;
};

}  // namespace modelfloat::engine
