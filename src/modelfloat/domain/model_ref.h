#pragma once
// How a model is named: a namespace, a name, and a tag or a revision. Pure.

#include <string>

namespace modelfloat {

// "ns/name:tag", "name" (namespace "library"), or "ns/name@<revision, 6 to 40 hex digits>".
struct ModelRef {
  std::string model;  // "ns/name"
  std::string tag = "latest";
  // false: the tag is only the first choice; engine::default_tag() finds another one.
  bool tag_given = false;
  std::string revision;  // prefix in hex; when set, the tag is ignored
  // Error{invalid} for a name outside [A-Za-z0-9._-]{1,96}.
  static ModelRef parse(const std::string& text);
  // For the name of a new model. Error{invalid} also for a revision, and for a namespace that is
  // reserved for addresses of the server (in any case): api, models, v1, v2, xet, metrics.
  // Existing models with such names can be read like all others.
  static ModelRef parse_new(const std::string& text);
};

}  // namespace modelfloat
