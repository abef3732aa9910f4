#pragma once
// Damage that was read around, told once.

#include <mutex>
#include <set>
#include <string>

#include "modelfloat/cli/session.h"
#include "modelfloat/transfer/finding.h"

namespace modelfloat::cli {

// Collects from any thread.
class DamageNotes {
 public:
  // Borrows *this.
  transfer::FindingSink sink() {
    return [this](const transfer::Finding& finding) {
      const std::lock_guard lock(mutex_);
      found_.insert(finding);
    };
  }

  // A few lines on standard error, when there is something to say. Once no one collects any more.
  void tell(Session& session) const {
    constexpr std::size_t k_most = 8;
    std::size_t told = 0;
    for (const auto& finding : found_) {
      if (++told > k_most) break;
      session.warn(finding.store + ": " + finding.object + " is " + std::string(to_string(finding.what)) +
                   "; read around it");
    }
    if (found_.size() > k_most) {
      session.warn("and " + std::to_string(found_.size() - k_most) + " more: see 'modelfloat verify'");
    }
  }

 private:
  std::mutex mutex_;
  std::set<transfer::Finding> found_;
};

}  // namespace modelfloat::cli
