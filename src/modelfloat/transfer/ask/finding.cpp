#include "modelfloat/transfer/ask/finding.h"

namespace modelfloat::transfer {

std::string_view to_string(Damage damage) noexcept {
  switch (damage) {
    case Damage::missing: return "missing";
    case Damage::corrupt: return "corrupt";
    case Damage::offline: return "offline";
  }
  return "missing";
}

}  // namespace modelfloat::transfer
