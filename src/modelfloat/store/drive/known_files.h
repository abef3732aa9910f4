#pragma once
// What this process knows about files better than a listing, which may be behind.

#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "modelfloat/store/drive/drive_api.h"

namespace modelfloat::store::drive {

// The newest entries of a map.
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
  // The keys lie in order_
  std::unordered_map<std::string_view, typename Order::iterator> entries_;
};

// Bounded: what is forgotten is asked for again. Shared by all threads.
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
  // As a listing has it, unless more is known.
  void record(const std::string& path, const FileInfo& file) {
    const std::lock_guard lock(mutex_);
    if (files_.find(path) == nullptr) files_.set(path, file);
  }
  // There are several: the next one who reads it compares them.
  void doubt(const std::string& path) {
    const std::lock_guard lock(mutex_);
    files_.erase(path);
  }
  // Unless another file has taken its place meanwhile.
  void forget(const std::string& path, const std::string& id) {
    const std::lock_guard lock(mutex_);
    const FileInfo* file = files_.find(path);
    if (file != nullptr && file->id == id) files_.erase(path);
  }
  // A file that is gone, whatever listings say.
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
