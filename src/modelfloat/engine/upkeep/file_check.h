#pragma once
// Whether the files of a model are what their SHA-256 says.

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

// What a file is made of: a hash over its fragments and their places, in order. Equal recipes give
// equal bytes.
using FileRecipe = Hash256;

// Makes the recipe of each file while the segments of a manifest go by. The root outlives it.
class FileRecipes {
 public:
  explicit FileRecipes(const ManifestRoot& root);
  // The next segment. Error{corrupt} when its fragments do not fit the files.
  void add(const ContentSegment& segment);
  // One for each file, in order. Error{corrupt} when files are not complete.
  std::vector<FileRecipe> finish();

 private:
  FileWalk walk_;
  crypto::Blake3 hash_;   // of the file
  std::size_t file_ = 0;  // that is going by
  std::vector<FileRecipe> recipes_;
};

// Reads the files of models and compares them with their SHA-256. A file with the recipe and the
// SHA-256 of one that was found to be right before is not read again. Memory is bounded, however
// large the files are. Used by one thread.
class FileCheck {
 public:
  // `whole_shard` is called for each shard that was read whole and is what its name says, from any
  // thread.
  FileCheck(Pool& pool, transfer::WholeShardSink whole_shard, CallOptions call)
      : pool_(pool), whole_shard_(std::move(whole_shard)), call_(std::move(call)) {}

  // Called on the calling thread for each file that is wrong (Error{corrupt}) or could not be read
  // (any other kind).
  using Complaint = std::function<void(const FileEntry& file, const Error& error)>;

  // Checks each file; `recipes` are theirs, in order. Throws Error when the manifest itself cannot
  // be read, and when the call is cancelled.
  void check(const ManifestRoot& root, const std::vector<FileRecipe>& recipes, const Complaint& complaint);

  std::uint64_t bytes_fetched() const noexcept { return bytes_fetched_; }

 private:
  class Pass;

  Pool& pool_;
  const transfer::WholeShardSink whole_shard_;
  const CallOptions call_;
  std::set<std::pair<FileRecipe, Hash256>> right_;  // with the SHA-256
  std::uint64_t bytes_fetched_ = 0;
};

}  // namespace modelfloat::engine
