#include "modelfloat/store/memory/memory_store.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "modelfloat/base/error.h"
#include "modelfloat/store/range.h"

namespace modelfloat::store {
namespace {

constexpr std::size_t k_step_bytes = std::size_t{1} << 20;  // between two looks at the stop token

Bytes copied(ByteSpan bytes, const CallOptions& options, const std::string& where) {
  check_cancelled(options, where);
  Bytes copy;
  copy.reserve(bytes.size());
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(k_step_bytes, bytes.size()))) {
    check_cancelled(options, where);
    append(copy, bytes.first(std::min(k_step_bytes, bytes.size())));
  }
  return copy;
}

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(std::optional<std::uint64_t> capacity_bytes) : capacity_bytes_(capacity_bytes) {}

  StoreTraits traits() const override { return {}; }

  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) override {
    auto object = std::make_shared<const Bytes>(copied(bytes, options, where(name)));
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(name);
    const std::uint64_t without = used_bytes_ - (found == objects_.end() ? 0 : found->second->size());
    if (capacity_bytes_ && without + object->size() > *capacity_bytes_) {
      throw Error(ErrorKind::out_of_space, where(name), "the store is full");
    }
    used_bytes_ = without + object->size();
    objects_.insert_or_assign(name, std::move(object));
  }

  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& options) override {
    check_cancelled(options, where(name));
    const Object object = find(name);
    if (!object) return std::nullopt;
    range = clip(range, object->size(), where(name));
    return copied(ByteSpan(*object).subspan(range.offset, range.length), options, where(name));
  }

  std::optional<ObjectInfo> stat(const ObjectName& name, const CallOptions& options) override {
    check_cancelled(options, where(name));
    const Object object = find(name);
    if (!object) return std::nullopt;
    return ObjectInfo{name, object->size(), std::nullopt};
  }

  void remove(const ObjectName& name, const CallOptions& options) override {
    check_cancelled(options, where(name));
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(name);
    if (found == objects_.end()) return;
    used_bytes_ -= found->second->size();
    objects_.erase(found);
  }

  void list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) override {
    check_cancelled(options, "memory");
    // Not under the lock: a sink may take long, and other threads go on meanwhile.
    std::vector<ObjectInfo> found;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [name, object] : objects_) {
        if (name.path().starts_with(prefix)) found.push_back({name, object->size(), std::nullopt});
      }
    }
    for (const ObjectInfo& info : found) {
      check_cancelled(options, "memory");
      sink(info);
    }
  }

  Space space(const CallOptions& options) override {
    check_cancelled(options, "memory");
    const std::lock_guard lock(mutex_);
    Space space{used_bytes_, std::nullopt};
    if (capacity_bytes_) space.free_bytes = *capacity_bytes_ - used_bytes_;
    return space;
  }

 private:
  // Shared with running reads, which copy without the lock while the object may be replaced.
  using Object = std::shared_ptr<const Bytes>;

  static std::string where(const ObjectName& name) { return "memory/" + name.path(); }

  Object find(const ObjectName& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(name);
    return found == objects_.end() ? nullptr : found->second;
  }

  const std::optional<std::uint64_t> capacity_bytes_;
  mutable std::mutex mutex_;
  std::map<ObjectName, Object> objects_;
  std::uint64_t used_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Store> make_memory_store(std::optional<std::uint64_t> capacity_bytes) {
  return std::make_unique<MemoryStore>(capacity_bytes);
}

}  // namespace modelfloat::store
