#include "modelfloat/store/json_flag.h"

#include <nlohmann/json.hpp>

namespace modelfloat::store {

bool is_set(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace modelfloat::store
