#pragma once
// Collects damage that did not keep a command from reading its data, and reports it once at the
// end.

#include <mutex>
#include <set>

#include "modelfloat/cli/session.h"
#include "modelfloat/transfer/ask/finding.h"

namespace modelfloat::cli {

// The sink may be called from any thread.
class DamageNotes {
 public:
  // Returns a sink that adds findings to this object. This object must outlive it.
  transfer::FindingSink sink();
  // Prints a few lines on standard error if there were findings. Call it when no thread uses the
  // sink any more.
  void tell(Session& session) const;

 private:
  std::mutex mutex_;
  std::set<transfer::Finding> found_;
};

}  // namespace modelfloat::cli
