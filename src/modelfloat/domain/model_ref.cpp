#include "modelfloat/domain/model_ref.h"

#include <string_view>

#include "modelfloat/base/error.h"

namespace modelfloat {

static bool is_name_part(std::string_view part) {
  static constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  constexpr std::size_t k_max_part = 96;
  return !part.empty() && part.size() <= k_max_part && part.find_first_not_of(allowed) == std::string_view::npos &&
         part != "." && part != "..";
}

ModelRef ModelRef::parse(const std::string& text) {
  ModelRef ref;
  std::string name = text;
  if (const auto at = name.find('@'); at != std::string::npos) {
    ref.revision = name.substr(at + 1);
    name.resize(at);
    const bool is_hex = ref.revision.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!is_hex || ref.revision.size() < 6 || ref.revision.size() > 40) {
      throw Error(ErrorKind::invalid, text, "a revision is 6 to 40 hex digits");
    }
  } else if (const auto colon = name.find(':'); colon != std::string::npos) {
    ref.tag = name.substr(colon + 1);
    ref.tag_given = true;
    name.resize(colon);
    if (!is_name_part(ref.tag))
      throw Error(ErrorKind::invalid, text, "a tag has 1 to 96 letters, digits, '.', '_' or '-'");
  }
  const auto slash = name.find('/');
  const std::string space = slash == std::string::npos ? "library" : name.substr(0, slash);
  const std::string leaf = slash == std::string::npos ? name : name.substr(slash + 1);
  if (!is_name_part(space) || !is_name_part(leaf)) {
    throw Error(ErrorKind::invalid, text,
                "a model's name is NAMESPACE/NAME, each of 1 to 96 letters, digits, '.', '_' or '-'");
  }
  ref.model = space + "/" + leaf;
  return ref;
}

ModelRef ModelRef::parse_new(const std::string& text) {
  auto ref = parse(text);
  if (!ref.revision.empty())
    throw Error(ErrorKind::invalid, text, "the revision of a new model is not chosen: NAMESPACE/NAME[:TAG]");
  std::string space = ref.model.substr(0, ref.model.find('/'));
  for (char& c : space) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const std::string_view reserved : {"api", "models", "v1", "v2", "xet", "metrics"}) {
    if (space == reserved) {
      throw Error(ErrorKind::invalid, text,
                  "no model may have the namespace '" + space +
                      "' (nor api, models, v1, v2, xet, metrics): it would be taken for an address of the server. "
                      "Choose another namespace");
    }
  }
  return ref;
}

}  // namespace modelfloat
