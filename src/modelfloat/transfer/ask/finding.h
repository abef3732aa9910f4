#pragma once
// What was seen to be wrong with an object on a store. Collected while reading, so that the user is
// told and repair can act.

#include <functional>
#include <string>
#include <string_view>

#include "modelfloat/domain/object_name.h"

namespace modelfloat::transfer {

enum class Damage { missing, corrupt, offline };
std::string_view to_string(Damage) noexcept;

struct Finding {
  std::string store;   // its name in the pool
  std::string object;  // path
  ObjectType type = ObjectType::shard;
  Damage what = Damage::missing;
  auto operator<=>(const Finding&) const = default;
};

// Called from any thread, one call at a time is NOT promised.
using FindingSink = std::function<void(const Finding&)>;

}  // namespace modelfloat::transfer
