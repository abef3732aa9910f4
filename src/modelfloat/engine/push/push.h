#pragma once
// A model goes into the pool.

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "modelfloat/base/byte_source.h"
#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/fragment/fragment_reader.h"

namespace modelfloat::engine {

struct PushOptions {
  std::string model;  // "ns/name"
  std::string tag = "latest";
  std::optional<Redundancy> redundancy;      // instead of the pool's
  std::optional<std::uint64_t> total_bytes;  // when known: chooses the size of the packs
  std::map<std::string, std::string> card;   // description, framework, ...
  fragment::SplitChoice split = fragment::SplitChoice::automatic;
  // Called on the pushing thread.
  std::function<void(std::uint64_t bytes_read, std::uint64_t bytes_stored)> progress;
};

// A file of a push with FileEntry::trouble.
struct Trouble {
  std::string path;  // inside the model
  std::string why;
};

struct PushResult {
  std::string model;  // "ns/name:tag"
  std::string revision;
  std::uint64_t bytes = 0;         // of the model
  std::uint64_t new_bytes = 0;     // of it, bytes of fragments that the pool did not have
  std::uint64_t stored_bytes = 0;  // put on the stores for it: shards with parity, and documents
  std::uint64_t fragments = 0;
  std::uint64_t packs = 0;  // new ones
  double seconds = 0;
  ManifestId manifest;
  // Files that are kept although they are not what they claim to be.
  std::vector<Trouble> troubles;
  // What could not be made sure after it was committed; empty when all is well.
  std::string doubt;
  // By push_path: folders that it passed over, such as ".git/", and empty ones.
  std::vector<std::string> left_out;
};

// One push. Used by one thread. Nothing of the model is visible in the pool before commit()
// returns; a session that is dropped before leaves packs that the next push of the same bytes finds
// again, and nothing else.
class PushSession {
 public:
  // Reads the log and opens the push in the journal. Throws Error{invalid} for a name, tag or card
  // that a model may not have, and as plan_push() does when the log cannot be read or no placement
  // is valid.
  PushSession(Pool& pool, PushOptions options, CallOptions call);
  ~PushSession();
  PushSession(const PushSession&) = delete;
  PushSession& operator=(const PushSession&) = delete;

  // Reads the source to its end. `path` is the file's path inside the model: Error{invalid}, before
  // anything is read, when it is unsafe, there already, a folder of another file's path, or more
  // than a manifest can list. Blocks while the stores are slower than the source.
  void add_file(const std::string& path, ByteSource& source);

  // Takes back the file that add_file() was called for last, also when that threw: the model is
  // without it, and its path is free. What was stored of it stays on the stores.
  void drop_last_file();

  // What it says of a model that has come by another way than the file system; may be called until
  // commit. Error{invalid} when it is not UTF-8.
  void describe(const std::string& key, const std::string& value);

  // Makes everything durable, then visible. Error{invalid} when there is no file. Error{offline},
  // and nothing is visible, when the log cannot be read on enough stores to be sure that nothing is
  // being deleted that the push counts on.
  PushResult commit();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// The files of a model as a manifest will list them, checked before any of them is stored. Used by
// one thread.
class FileListing {
 public:
  // Error{invalid} when a model may not have a file of this path beside the others, or has more
  // than a manifest has room for.
  void add(const std::string& path, std::optional<std::uint64_t> size_bytes);
  // The entry of the path added last, now that all is known of it.
  void complete(const FileEntry& file);
  // Takes back the path added last.
  void drop_last();
  // Whether the tensor tables of all files find room, too.
  bool tensors_fit() const noexcept;

 private:
  std::set<std::string> paths_;
  std::uint64_t bytes_ = 0;       // of all entries without tensor tables
  std::uint64_t last_bytes_ = 0;  // of the last one
  std::uint64_t tensor_bytes_ = 0;
  std::uint64_t last_tensor_bytes_ = 0;
  std::string last_;  // path; empty when it was taken back
};

// Whether `path` is a file or folder with just the content of `files`, by their paths, sizes and
// SHA-256. Reads the files only when all paths and sizes agree. Throws as push_path does.
bool has_content(Pool& pool, const std::filesystem::path& path, const std::vector<FileEntry>& files,
                 const CallOptions& call);

// A file, or a folder whose files become a model of several files. Links to files are followed.
// Folders named .git or .cache and empty ones are left out, and named in the result. A file that is
// written to while it is read is read once more; Error{transient} when that happens again.
// Error{invalid} for whatever else is there that is neither a regular file nor a folder, links to
// folders included: nothing is missed silently.
PushResult push_path(Pool& pool, const std::filesystem::path& path, PushOptions options, const CallOptions& call);

}  // namespace modelfloat::engine
