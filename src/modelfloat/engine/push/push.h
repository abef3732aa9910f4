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
  std::optional<std::uint64_t> total_bytes;  // of the model, if known; decides the pack size
  std::map<std::string, std::string> card;   // description, framework, ...
  fragment::SplitChoice split = fragment::SplitChoice::automatic;
  // Called on the pushing thread.
  std::function<void(std::uint64_t bytes_read, std::uint64_t bytes_stored)> progress;
};

// A file of a push that has FileEntry::trouble.
struct Trouble {
  std::string path;  // inside the model
  std::string why;
};

struct PushResult {
  std::string model;  // "ns/name:tag"
  std::string revision;
  std::uint64_t bytes = 0;         // of the model
  std::uint64_t new_bytes = 0;     // the part of it that the pool did not have
  std::uint64_t stored_bytes = 0;  // uploaded: shards with parity, and documents
  std::uint64_t fragments = 0;
  std::uint64_t packs = 0;  // new packs
  double seconds = 0;
  // What the tag has now: the manifest that this push wrote, or one that says the same and replaced
  // it meanwhile.
  ManifestId manifest;
  // Files that were stored although they are not what they claim to be.
  std::vector<Trouble> troubles;
  // What could not be confirmed after the commit; empty when all is well.
  std::string doubt;
  // Set by push_path(): folders that it skipped, such as ".git/" and empty ones.
  std::vector<std::string> left_out;
};

// One push of one model. Used by one thread. Other machines see nothing of the model before
// commit(). A session that is destroyed without commit() leaves only packs on the stores; the next
// push of the same bytes uses them.
class PushSession {
 public:
  // Reads the log and records the push in the journal. Throws Error{invalid} when name, tag or card
  // are not allowed, and as plan_push() does.
  PushSession(Pool& pool, PushOptions options, CallOptions call);
  ~PushSession();
  PushSession(const PushSession&) = delete;
  PushSession& operator=(const PushSession&) = delete;

  // Adds a file and reads `source` to its end. `path` is the path of the file inside the model.
  // Throws Error{invalid}, before anything is read, when the path is unsafe, is in the model
  // already, is a folder of another file's path, or when the manifest has no room for more files.
  // Blocks while the stores are slower than the source.
  void add_file(const std::string& path, ByteSource& source);

  // Removes the file of the last add_file() call, even if that call threw. Its path can be used
  // again. Fragments of it that were stored stay on the stores.
  void drop_last_file();

  // Adds an entry to the model card. May be called until commit(). Throws Error{invalid} when key
  // or value is not valid UTF-8.
  void describe(const std::string& key, const std::string& value);

  // Makes everything durable, then makes the model visible. Throws Error{invalid} when no file was
  // added. Throws Error{offline}, and nothing becomes visible, when the log could not be read on
  // enough stores to be sure that nobody is deleting packs that this push uses. Throws
  // Error{transient} when somebody is, or when the model was removed meanwhile: push again.
  PushResult commit();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// The files of a model as the manifest will list them. They are checked here before any of them is
// stored. Used by one thread.
class FileListing {
 public:
  // Adds a path. Throws Error{invalid} when the path is not allowed or conflicts with another file
  // of the model, and when the manifest has no room for it.
  void add(const std::string& path, std::optional<std::uint64_t> size_bytes);
  // Replaces the entry of the path added last with the complete one.
  void complete(const FileEntry& file);
  // Removes the path added last.
  void drop_last();
  // Returns whether the manifest also has room for the tensor tables of all files.
  bool tensors_fit() const noexcept;

 private:
  std::set<std::string> paths_;
  std::uint64_t bytes_ = 0;       // of all entries without tensor tables
  std::uint64_t last_bytes_ = 0;  // of the path added last
  std::uint64_t tensor_bytes_ = 0;
  std::uint64_t last_tensor_bytes_ = 0;
  std::string last_;  // the path added last; empty after drop_last()
};

// Returns whether `path` is a file or folder with exactly the content of `files`, by paths, sizes
// and SHA-256. Reads the files only when all paths and sizes agree. Throws as push_path() does for
// what it finds at `path`.
bool has_content(Pool& pool, const std::filesystem::path& path, const std::vector<FileEntry>& files,
                 const CallOptions& call);

// Pushes a file as a model of one file, or a folder as a model of several files. Follows links to
// files. Skips empty folders and folders named .git or .cache, and names them in the result. A file
// that changes while it is read is read once more. Throws Error{transient} when it changes again,
// and Error{invalid} for anything that is neither a regular file nor a folder, such as a link to a
// folder, so that nothing is skipped silently. Also throws as PushSession does.
PushResult push_path(Pool& pool, const std::filesystem::path& path, PushOptions options, const CallOptions& call);

}  // namespace modelfloat::engine
