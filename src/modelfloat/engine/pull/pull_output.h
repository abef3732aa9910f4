#pragma once
// The files of a model while it is pulled. They are written out of order, under a hidden name
// beside their target.

#include <atomic>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "modelfloat/base/bytes.h"
#include "modelfloat/domain/manifest.h"
#include "modelfloat/engine/pull/part.h"

namespace modelfloat::engine {

// Creates a folder and its parents if they are missing. Returns the folders that got a new entry.
// Throws Error when that fails.
std::vector<std::filesystem::path> make_folders(const std::filesystem::path& folder);

// The folder in which the part of a model is made that goes to `target`: on the same file system,
// and one that can be written. For a model of several files that goes into an existing folder it is
// that folder, else the folder that `target` is in.
std::filesystem::path place_of_part(const ManifestRoot& root, const std::filesystem::path& target);

// The files of one model. Limits the number of open descriptors, however many files there are.
class PullOutput {
 public:
  // Creates the files in place_of_part(), and reserves disk space for them. `root` outlives this
  // object. Like all methods below, throws an Error that names the target.
  PullOutput(const ManifestRoot& root, std::filesystem::path target, Random& random);

  // Writes bytes of one file, and starts writing them to the disk. May be called from many threads.
  void write_at(std::size_t file, std::uint64_t offset, ByteSpan bytes);

  // Waits until everything is on the disk, then renames it to the target. After a power failure the
  // target is missing, or as it was before, or complete. If the target folder exists already, the
  // files of a model of several files are moved into it one by one, and each of them is complete.
  // `new_entries` are further folders whose new entries are synced, too. Call it once.
  void keep(std::vector<std::filesystem::path> new_entries);

 private:
  // An open file, shared by its writers. An error of closing it is stored in `trouble`.
  class Open;

  bool is_one_file() const noexcept { return root_.files.size() == 1; }
  std::string where(std::size_t file) const;
  int open_file(std::size_t file, int flags) const;
  std::shared_ptr<const Open> opened(std::size_t file);
  void make_file(std::size_t file);
  void sync_content();
  void move_into_target(std::vector<std::filesystem::path>& new_entries);

  const ManifestRoot& root_;
  const std::filesystem::path target_;
  std::vector<std::string> folders_;  // inside the part; parents come first
  std::atomic<int> trouble_ = 0;
  Part part_;
  std::mutex mutex_;            // guards the two below
  std::list<std::size_t> use_;  // open files, the most recently used first
  struct Entry {
    std::list<std::size_t>::iterator use;
    std::shared_ptr<const Open> file;
  };
  std::unordered_map<std::size_t, Entry> open_;
};

}  // namespace modelfloat::engine
