#include "modelfloat/store/drive/json_text.h"

#include <nlohmann/json.hpp>

namespace modelfloat::store::drive {

std::string text(const nlohmann::json& object, const char* name) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace modelfloat::store::drive
