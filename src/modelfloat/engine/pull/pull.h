#pragma once
// Downloads a model, or a part of one of its files.

#include <filesystem>
#include <functional>
#include <string>

#include "modelfloat/domain/manifest.h"
#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/transfer/ask/finding.h"

namespace modelfloat::engine {

struct TransferHooks {
  std::function<void(std::uint64_t bytes_done)> progress;  // called from any thread
  // Called from any thread with damage that was found and that did not keep the data from being
  // read.
  transfer::FindingSink finding;
};

// Receives bytes that were checked. `file` is the index in ManifestRoot::files. Called from many
// threads, for disjoint ranges, in any order.
using WriteAt = std::function<void(std::size_t file, std::uint64_t offset, ByteSpan bytes)>;

// Downloads all files for which `wanted` returns true. Returns the number of bytes fetched from
// stores. Throws Error{lost} when fewer than k shards of a pack can be read; the message names the
// files, what is missing, and what would help. Throws Error{rate_limited} when those that are
// missing are on stores that asked for a pause. Throws Error{cancelled} or Error{timed_out} as
// `call` says.
std::uint64_t read_files(Pool& pool, const OpenManifest& manifest, const std::function<bool(const FileEntry&)>& wanted,
                         const WriteAt& write, const TransferHooks& hooks, const CallOptions& call);

// Downloads a range of one file, and delivers it in order, in pieces of at most 9 MiB, on the
// calling thread. A range that goes beyond the end of the file is shortened. Returns the number of
// bytes fetched from stores. Throws as read_files() and find_file() do, and Error{corrupt} when the
// manifest lists less of the file than its size.
std::uint64_t read_range(Pool& pool, const OpenManifest& manifest, const std::string& path, ByteRange range,
                         const std::function<void(ByteSpan)>& deliver, const TransferHooks& hooks,
                         const CallOptions& call);

// The result of pull_to_path().
struct PullResult {
  std::filesystem::path path;  // where the model is now
  std::string model;
  std::string revision;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_fetched = 0;
  double seconds = 0;
};
// Downloads a model to the file system. For a model of one file `target` is the file, or a folder:
// an existing folder, or any path that ends with a slash. For several files it is the folder. The
// data is written under a hidden name beside the target, synced, and renamed. So a failed pull
// leaves nothing, and after a power failure no incomplete file has the target's name. Removes what
// killed pulls left there. Errors about reading name the model and its files. `cached`: does not
// read the log from the stores first. Throws as open_manifest() and read_files() do, and for errors
// of the file system.
PullResult pull_to_path(Pool& pool, const ModelRef& ref, const std::filesystem::path& target, bool cached,
                        const TransferHooks& hooks, const CallOptions& call);

}  // namespace modelfloat::engine
