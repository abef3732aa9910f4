#pragma once
// Checks that the files of a model have the SHA-256 that the manifest names.

#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/domain/manifest.h"
#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/transfer/packs/incoming_pack.h"

namespace modelfloat::engine {

// A hash over the fragments of a file and their places in packs, in order. Files with equal recipes
// have equal bytes.
using FileRecipe = Hash256;

// Computes the recipe of each file from the segments of a manifest, one segment at a time. The root
// outlives this object.
class FileRecipes {
 public:
  explicit FileRecipes(const ManifestRoot& root);
  // Adds the next segment. Throws Error{corrupt} when its fragments do not fit the files.
  void add(const ContentSegment& segment);
  // Returns one recipe for each file, in order. Throws Error{corrupt} when files are incomplete.
  std::vector<FileRecipe> finish();

 private:
  FileWalk walk_;
  crypto::Blake3 hash_;   // of the current file
  std::size_t file_ = 0;  // the current file
  std::vector<FileRecipe> recipes_;
};

// Reads the files of models and compares them with their SHA-256. A file is not read again if one
// with the same recipe and SHA-256 has passed the check before. Memory use is bounded, however
// large the files are. Used by one thread.
class FileCheck {
 public:
  // `whole_shard` is called, from any thread, for each shard that was read completely and matches
  // its name; may be empty.
  FileCheck(Pool& pool, transfer::WholeShardSink whole_shard, CallOptions call)
      : pool_(pool), whole_shard_(std::move(whole_shard)), call_(std::move(call)) {}

  // Called on the thread of check() for each file that is wrong (Error{corrupt}) or could not be
  // read (any other kind).
  using Complaint = std::function<void(const FileEntry& file, const Error& error)>;

  // Checks all files of a manifest; `recipes` has one entry for each file, in order. Throws Error
  // when the manifest itself cannot be read, and Error{cancelled} when the caller stops the call.
  void check(const ManifestRoot& root, const std::vector<FileRecipe>& recipes, const Complaint& complaint);

  // Called on the thread of check() for bytes of files that were read.
  void on_read(std::function<void(std::uint64_t bytes)> sink) { on_read_ = std::move(sink); }

  std::uint64_t bytes_fetched() const noexcept { return bytes_fetched_; }

 private:
  class Pass;

  Pool& pool_;
  const transfer::WholeShardSink whole_shard_;
  const CallOptions call_;
  std::function<void(std::uint64_t)> on_read_;
  std::set<std::pair<FileRecipe, Hash256>> right_;  // files that passed: recipe, SHA-256
  std::uint64_t bytes_fetched_ = 0;
};

}  // namespace modelfloat::engine
