#pragma once
// A model, or a part of one of its files, comes back.

#include <filesystem>
#include <functional>
#include <string>

#include "modelfloat/domain/manifest.h"
#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/transfer/ask/finding.h"

namespace modelfloat::engine {

struct TransferHooks {
  std::function<void(std::uint64_t bytes_done)> progress;  // any thread
  // Any thread; damage that was read around.
  transfer::FindingSink finding;
};

// Receives checked bytes. `file` is the index in ManifestRoot::files. Called from many threads, for
// disjoint ranges, in any order.
using WriteAt = std::function<void(std::size_t file, std::uint64_t offset, ByteSpan bytes)>;

// Every byte of the files for which `wanted` is true. Returns the bytes fetched from stores. Throws
// Error{lost} that names the files, what is missing, and what would bring it back, when fewer than
// k shards of a pack can be read.
std::uint64_t read_files(Pool& pool, const OpenManifest& manifest, const std::function<bool(const FileEntry&)>& wanted,
                         const WriteAt& write, const TransferHooks& hooks, const CallOptions& call);

// A range of one file, in order, in pieces of at most a few MiB, on the calling thread. A range
// beyond the end is cut off at the end. Throws as read_files(), and Error{corrupt} when the
// manifest has less of the file than its size.
std::uint64_t read_range(Pool& pool, const OpenManifest& manifest, const std::string& path, ByteRange range,
                         const std::function<void(ByteSpan)>& deliver, const TransferHooks& hooks,
                         const CallOptions& call);

// To the file system. For a model of one file `target` names the file, or a folder: one that
// exists, or any path that ends in a slash. For several files it names the folder. Written under a
// hidden name beside the target, synced, and renamed: a failed pull leaves nothing, and after a
// power cut nothing has its name that is not whole. What pulls that were killed have left there is
// removed. Errors about reading name the model and its files. Returns the final path.
struct PullResult {
  std::filesystem::path path;
  std::string model;
  std::string revision;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_fetched = 0;
  double seconds = 0;
};
PullResult pull_to_path(Pool& pool, const ModelRef& ref, const std::filesystem::path& target, bool cached,
                        const TransferHooks& hooks, const CallOptions& call);

}  // namespace modelfloat::engine
