#pragma once
// Damage that was found on a store while reading. Findings are collected, so that the user is told
// and repair can act.

#include <functional>
#include <string>
#include <string_view>

#include "modelfloat/domain/object_name.h"

namespace modelfloat::transfer {

enum class Damage { missing, corrupt, offline };
std::string_view to_string(Damage) noexcept;

struct Finding {
  std::string store;   // the store's name in the pool
  std::string object;  // ObjectName::path()
  ObjectType type = ObjectType::shard;
  Damage what = Damage::missing;
  auto operator<=>(const Finding&) const = default;
};

// Called from any thread, also from several threads at once.
using FindingSink = std::function<void(const Finding&)>;

}  // namespace modelfloat::transfer
