#pragma once
// Damage that was read around, told once.

#include <mutex>
#include <set>

#include "modelfloat/cli/session.h"
#include "modelfloat/transfer/ask/finding.h"

namespace modelfloat::cli {

// Collects from any thread.
class DamageNotes {
 public:
  // Borrows *this.
  transfer::FindingSink sink();
  // A few lines on standard error, when there is something to say. Once no one collects any more.
  void tell(Session& session) const;

 private:
  std::mutex mutex_;
  std::set<transfer::Finding> found_;
};

}  // namespace modelfloat::cli
