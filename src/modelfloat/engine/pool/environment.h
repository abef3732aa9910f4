#pragma once
// What the engine gets from its caller: clock, random numbers, executors and registry.

#include <string>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/executor.h"
#include "modelfloat/base/random.h"
#include "modelfloat/registry/registry.h"

namespace modelfloat::engine {

// All members outlive the engine. In a simulation `cpu` runs tasks inline, `io` runs one task at a
// time in virtual time, and `random` is seeded.
struct Environment {
  Clock& clock;
  Random& random;
  Executor& cpu;  // hashing, encoding, sealing: one thread for each core
  Executor& io;   // store calls, and nothing else that waits
  registry::Registry& registry;
  // Tells the registry's machine and file from a copy of it; empty when that is not checked.
  std::string identity = {};
};

}  // namespace modelfloat::engine
