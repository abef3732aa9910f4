#pragma once
// How a model is named: a namespace, a name, and a tag or a revision. Pure.

#include <string>

namespace modelfloat {

// "ns/name:tag", "name" (namespace "library"), or "ns/name@<revision, 6 to 40 hex digits>".
struct ModelRef {
  std::string model;  // "ns/name"
  std::string tag = "latest";
  // Else the tag is only the first choice: engine::default_tag() has the next.
  bool tag_given = false;
  std::string revision;  // prefix in hex; when set, the tag does not count
  // Error{invalid} for a name outside [A-Za-z0-9._-]{1,96}.
  static ModelRef parse(const std::string& text);
  // For a model that is about to get this name. Error{invalid}, too, for a revision, and for a
  // namespace that is kept free in addresses (any case): api, models, v1, v2, xet, metrics. Models
  // of such names that are there already are read as all others.
  static ModelRef parse_new(const std::string& text);
};

}  // namespace modelfloat
