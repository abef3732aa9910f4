#pragma once
// What listings show of models. The source is the log on the stores; this is a searchable copy.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "modelfloat/domain/ids.h"
#include "modelfloat/domain/manifest.h"

namespace modelfloat::registry {

// What a listing shows of one manifest.
struct RevisionRow {
  std::string model;  // "namespace/name"
  RevisionId revision{};
  ManifestId manifest;
  std::uint64_t size_bytes = 0;
  std::uint64_t fragments = 0;
  std::uint64_t files = 0;
  std::uint64_t stored_bytes = 0;  // sealed bytes of its fragments, redundancy not counted
  std::string description;
  std::string framework;
  std::string format;            // of its largest file
  std::uint64_t created_at = 0;  // seconds of Unix time
  bool operator==(const RevisionRow&) const = default;
};

struct ListedModel {
  std::vector<RevisionRow> revisions;                 // newest first; at least one
  std::vector<std::pair<std::string, Hash256>> tags;  // ordered by name
};

// Threads, durability and errors: see Registry.
class Catalogue {
 public:
  virtual ~Catalogue() = default;

  // Replaces the row of the same manifest.
  virtual void put_revision(const RevisionRow&) = 0;
  // Does nothing when there is none.
  virtual void remove_revision(const ManifestId&) = 0;
  // The revisions of the model, newest first; empty when there is no such model.
  virtual std::vector<RevisionRow> revisions(const std::string& model) = 0;

  // At most `limit` names of models in order: those after `after` (exclusive; empty: from the
  // start) of which a revision has `search` in its name or description (case ignored; empty: all).
  virtual std::vector<std::string> models(const std::string& after, const std::string& search, std::size_t limit) = 0;
  // The same models, each with what revisions() and tags() say of it.
  virtual std::vector<ListedModel> listed_models(const std::string& after, const std::string& search,
                                                 std::size_t limit) = 0;

  // Replaces all tags of the model. A tag names a manifest by the hash of its content.
  virtual void set_tags(const std::string& model, std::span<const std::pair<std::string, Hash256>> tags) = 0;
  // The tags of the model, ordered by name; empty when there are none.
  virtual std::vector<std::pair<std::string, Hash256>> tags(const std::string& model) = 0;
};

}  // namespace modelfloat::registry
