#pragma once
// Reads all models as if stores were gone: the proof that they can be.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

struct DrillOptions {
  std::vector<std::string> without;  // names of stores that are not used
  // Called for bytes that were read, of those that are to be; on the calling thread.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress = {};
};

struct DrillReport {
  std::uint64_t checked = 0;  // models
  std::uint64_t lost = 0;     // of them: some file could not be read, or was wrong
  std::uint64_t bytes_read = 0;
  double seconds = 0;
  std::uint64_t at = 0;                  // when it ended, in seconds of Unix time
  std::vector<std::string> lost_models;  // in order
  std::vector<std::string> doubts;       // what was not looked at, in whole sentences
};

// Reads every document and every file of all models from the other stores, and compares the files
// with their SHA-256. The stores left out are not asked, as if they were gone; the pool stays in use
// as it is. Remembers when it
// ran, and what came out (last_drill()). Throws Error{not_found} for an unknown store,
// Error{offline} when no other store can be read, and Error{cancelled} or Error{timed_out} as `call`
// says.
DrillReport drill(Pool& pool, const DrillOptions& options, const CallOptions& call);

struct LastDrill {
  std::uint64_t at = 0;
  std::uint64_t checked = 0;
  std::uint64_t lost = 0;
  std::vector<std::string> without;
};
// The drill of this home that ended last; nullopt when there was none.
std::optional<LastDrill> last_drill(Pool& pool);

}  // namespace modelfloat::engine
