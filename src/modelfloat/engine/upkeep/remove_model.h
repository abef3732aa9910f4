#pragma once
// Takes a model, a tag or a revision out of the pool.

#include <string>
#include <vector>

#include "modelfloat/domain/model_ref.h"
#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

// What a removal removed.
struct ModelRemoval {
  std::string model;                   // its name
  std::vector<std::string> tags;       // that are gone, in order
  std::vector<std::string> revisions;  // that are gone, in hex, in order
  // False when the removal is not complete or not durable. It is not durable when too few stores
  // are online; the others get the record when they are back. It is not complete when too few
  // stores gave their log: what is known only there stays.
  bool complete = false;
};

// Removes from the pool, by one record of the log (docs/formats/mf1.md section 9.4):
// - for NAME the model with all its revisions and tags;
// - for NAME:TAG the tag, and its revision unless another tag points to it;
// - for NAME@REVISION that revision, and the tags that point to it.
// A tag never falls back to an older revision by this. The packs stay on the stores. Throws
// Error{not_found} when there is no such model, tag or revision; the message names what there is.
// Throws Error{invalid} for the beginning of several revisions. Throws Error{offline}, and removes
// nothing, when no store could be read, or when too few could to know whether there is such a one.
ModelRemoval remove_model(Pool& pool, const ModelRef& ref, const CallOptions& call);

}  // namespace modelfloat::engine
