#pragma once
// What this process knows about files. It may be newer than a listing, because Drive's listings are
// delayed.

#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "modelfloat/store/drive/drive_api.h"

namespace modelfloat::store::drive {

// A map that keeps only the newest entries.
template <typename Value>
class NewestEntries {
 public:
  explicit NewestEntries(std::size_t most) : most_(most) {}
  void set(const std::string& key, Value value) {
    erase(key);
    order_.emplace_front(key, std::move(value));
    entries_[order_.front().first] = order_.begin();
    if (order_.size() > most_) erase(std::string(order_.back().first));
  }
  const Value* find(const std::string& key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second->second;
  }
  void erase(const std::string& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return;
    const auto entry = found->second;
    entries_.erase(found);
    order_.erase(entry);
  }

 private:
  using Order = std::list<std::pair<std::string, Value>>;
  const std::size_t most_;
  Order order_;
  // The keys are views of the strings in order_.
  std::unordered_map<std::string_view, typename Order::iterator> entries_;
};

// Limited in size; for files that were dropped the server is asked again. Any thread may call any
// method; none throws or waits.
class KnownFiles {
 public:
  std::optional<FileInfo> find(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    const FileInfo* file = files_.find(path);
    return file != nullptr ? std::optional(*file) : std::nullopt;
  }
  void remember(const std::string& path, const FileInfo& file) {
    const std::lock_guard lock(mutex_);
    files_.set(path, file);
  }
  // Records a file as a listing shows it, unless the file is known already.
  void record(const std::string& path, const FileInfo& file) {
    const std::lock_guard lock(mutex_);
    if (files_.find(path) == nullptr) files_.set(path, file);
  }
  // Forgets the path because several files have it: the next reader compares them.
  void doubt(const std::string& path) {
    const std::lock_guard lock(mutex_);
    files_.erase(path);
  }
  // Forgets the file of this path if it still has this id.
  void forget(const std::string& path, const std::string& id) {
    const std::lock_guard lock(mutex_);
    const FileInfo* file = files_.find(path);
    if (file != nullptr && file->id == id) files_.erase(path);
  }
  // Records that the file was removed. Listings may still show it for a while.
  void bury(const std::string& id) {
    const std::lock_guard lock(mutex_);
    buried_.set(id, true);
  }
  bool is_buried(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    return buried_.find(id) != nullptr;
  }

 private:
  static constexpr std::size_t k_most = 4096;

  mutable std::mutex mutex_;
  NewestEntries<FileInfo> files_{k_most};
  NewestEntries<bool> buried_{k_most};
};

}  // namespace modelfloat::store::drive
