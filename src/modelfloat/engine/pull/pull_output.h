#pragma once
// The files of a model while they are pulled: written out of order, under a hidden name beside
// their target.

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

// Makes folders and everything above them, as far as they are not there. Returns the folders that
// have a new entry. Throws Error.
std::vector<std::filesystem::path> make_folders(const std::filesystem::path& folder);

// The files of one model. However many they are, few descriptors are open at once.
class PullOutput {
 public:
  // Makes the files beside `target`, where they will be, and asks for their room. `root` outlives
  // it. Throws Error, as all below, that names the target.
  PullOutput(const ManifestRoot& root, std::filesystem::path target, Random& random);

  // From many threads. What is written goes to the disk from now on.
  void write_at(std::size_t file, std::uint64_t offset, ByteSpan bytes);

  // Waits until everything is on the disk, and gives it its name: after a power cut there is either
  // nothing of that name, what was there before, or the whole. A model of several files is moved
  // into a folder that is there already file by file, each of them whole. `new_entries` are folders
  // with other entries that are to last.
  void keep(std::vector<std::filesystem::path> new_entries);

 private:
  // An open file, shared by the writers of it; what the file system says when it is closed is kept
  // in `trouble`.
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
  std::vector<std::string> folders_;  // inside the part, each after those that it lies in
  std::atomic<int> trouble_ = 0;
  Part part_;
  std::mutex mutex_;            // guards the two below
  std::list<std::size_t> use_;  // files that are open, the last used first
  struct Entry {
    std::list<std::size_t>::iterator use;
    std::shared_ptr<const Open> file;
  };
  std::unordered_map<std::size_t, Entry> open_;
};

}  // namespace modelfloat::engine
