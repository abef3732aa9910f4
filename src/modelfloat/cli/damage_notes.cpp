#include "modelfloat/cli/damage_notes.h"

#include <fmt/format.h>

#include "modelfloat/cli/format.h"

namespace modelfloat::cli {

transfer::FindingSink DamageNotes::sink() {
  return [this](const transfer::Finding& finding) {
    const std::lock_guard lock(mutex_);
    found_.insert(finding);
  };
}

// An offline store is reported once, however many objects it has.
void DamageNotes::tell(Session& session) const {
  constexpr std::size_t k_most = 8;
  std::set<std::string> offline;
  std::size_t damaged = 0;
  for (const auto& finding : found_) {
    if (finding.what == transfer::Damage::offline) {
      offline.insert(finding.store);
    } else if (++damaged <= k_most) {
      session.warn(fmt::format("{}: {} is {}; read around it", printable(finding.store), finding.object,
                               to_string(finding.what)));
    }
  }
  if (damaged > k_most) session.warn(fmt::format("and {} more: see 'modelfloat verify'", damaged - k_most));
  for (const auto& store : offline) session.warn(printable(store) + " is offline; read around it");
}

}  // namespace modelfloat::cli
