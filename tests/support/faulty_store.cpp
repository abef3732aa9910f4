#include "support/faulty_store.h"

#include <algorithm>

#include "modelfloat/store/range.h"

namespace modelfloat::test {

std::uint64_t CallCounter::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

void CallCounter::start_over() {
  const std::lock_guard lock(mutex_);
  calls_ = 0;
  fail_at_ = 0;
}

void CallCounter::fail_at(std::uint64_t nth, ErrorKind kind, Moment moment) {
  const std::lock_guard lock(mutex_);
  fail_at_ = nth;
  and_later_ = false;
  verdict_ = {kind, moment};
}

void CallCounter::cut_at(std::uint64_t nth, Moment moment, ErrorKind kind) {
  const std::lock_guard lock(mutex_);
  fail_at_ = nth;
  and_later_ = true;
  verdict_ = {kind, moment};
}

std::optional<CallCounter::Verdict> CallCounter::count() {
  const std::lock_guard lock(mutex_);
  ++calls_;
  if (fail_at_ == 0 || calls_ < fail_at_) return std::nullopt;
  if (calls_ == fail_at_) return verdict_;
  if (!and_later_) return std::nullopt;
  return Verdict{verdict_.kind, Moment::before};
}

void FaultyStore::fail_next(Call kind, ErrorKind error, unsigned times, std::optional<Milliseconds> retry_after) {
  const std::lock_guard lock(mutex_);
  failures_.insert_or_assign(kind, PlannedFailure{error, times, retry_after});
}

void FaultyStore::set_offline(bool offline) {
  const std::lock_guard lock(mutex_);
  offline_ = offline;
}

void FaultyStore::lose_puts(unsigned times) {
  const std::lock_guard lock(mutex_);
  puts_to_lose_ = times;
}

void FaultyStore::limit_space(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  space_left_ = bytes;
}

void FaultyStore::flip_bit(const ObjectName& name, std::uint64_t bit) {
  const std::lock_guard lock(mutex_);
  flipped_[name] = bit;
}

void FaultyStore::flip_bits_everywhere(bool on) {
  const std::lock_guard lock(mutex_);
  flip_everywhere_ = on;
}

void FaultyStore::truncate(const ObjectName& name, std::uint64_t size_bytes) {
  const std::lock_guard lock(mutex_);
  truncated_[name] = size_bytes;
}

void FaultyStore::lie_about_length(std::uint64_t extra_bytes) {
  const std::lock_guard lock(mutex_);
  extra_length_ = extra_bytes;
}

void FaultyStore::list_late(bool on) {
  const std::lock_guard lock(mutex_);
  list_late_ = on;
  not_listed_.clear();
}

void FaultyStore::answer_short(bool on) {
  const std::lock_guard lock(mutex_);
  answer_short_ = on;
}

void FaultyStore::swap(const ObjectName& a, const ObjectName& b) {
  const std::lock_guard lock(mutex_);
  swapped_.insert_or_assign(a, b);
  swapped_.insert_or_assign(b, a);
}

void FaultyStore::stall(Call kind) {
  const std::lock_guard lock(mutex_);
  stalled_.insert(kind);
}

void FaultyStore::go_on() {
  const std::lock_guard lock(mutex_);
  stalled_.clear();
  changed_.notify_all();
}

void FaultyStore::wait_for_stalled(std::size_t calls) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return standing_still_ >= calls; });
}

void FaultyStore::wait_for_none_stalled() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return standing_still_ == 0; });
}

void FaultyStore::set_traits(const store::StoreTraits& traits) {
  const std::lock_guard lock(mutex_);
  traits_ = traits;
}

store::StoreTraits FaultyStore::traits() const {
  const std::lock_guard lock(mutex_);
  return traits_ ? *traits_ : inner_.traits();
}

std::uint64_t FaultyStore::calls(Call kind) const {
  const std::lock_guard lock(mutex_);
  const auto found = made_.find(kind);
  return found == made_.end() ? 0 : found->second;
}

void FaultyStore::wait_while_stalled(Call kind, std::unique_lock<std::mutex>& lock, const CallOptions& options) {
  ++standing_still_;
  changed_.notify_all();
  const auto free = [&] { return !stalled_.contains(kind); };
  clock().wait_until(changed_, lock, options.stop, options.deadline.value_or(SteadyTime::max()), free);
  --standing_still_;
  changed_.notify_all();
}

void FaultyStore::fail_if_planned(Call kind, const std::string& where, const CallOptions& options) {
  if (clock_ != nullptr) check_cancelled(options, *clock_, where);
  std::unique_lock lock(mutex_);
  if (offline_) throw Error(ErrorKind::offline, where, "the store was taken away");
  if (stalled_.contains(kind)) {
    wait_while_stalled(kind, lock, options);
    check_cancelled(options, clock(), where);
  }
  const auto planned = failures_.find(kind);
  if (planned == failures_.end() || planned->second.times == 0) return;
  --planned->second.times;
  throw Error(planned->second.kind, where, "a planned failure", planned->second.retry_after);
}

template <typename Work>
auto FaultyStore::call(Call kind, const std::string& where, const CallOptions& options, Work work) {
  {
    const std::lock_guard lock(mutex_);
    ++made_[kind];
  }
  const auto verdict = counter_.count();
  const auto fail = [&](Moment moment) {
    if (verdict && verdict->moment == moment) throw Error(verdict->kind, where, "failed by the call counter");
  };
  fail(Moment::before);
  fail_if_planned(kind, where, options);
  if constexpr (std::is_void_v<decltype(work())>) {
    work();
    fail(Moment::after);
  } else {
    auto answer = work();
    fail(Moment::after);
    return answer;
  }
}

// By a clock that is not the real one a store below would judge it wrongly.
CallOptions FaultyStore::below(const CallOptions& options) const {
  return {options.stop, clock_ != nullptr ? std::nullopt : options.deadline};
}

bool FaultyStore::swallow_put(const ObjectName& name, std::uint64_t size_bytes) {
  const std::lock_guard lock(mutex_);
  if (puts_to_lose_ > 0) {
    --puts_to_lose_;
    return true;
  }
  if (space_left_ && *space_left_ < size_bytes) {
    throw Error(ErrorKind::out_of_space, name.path(), "the store is full");
  }
  if (space_left_) *space_left_ -= size_bytes;
  return false;
}

void FaultyStore::put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) {
  call(Call::put, name.path(), options, [&] {
    if (swallow_put(name, bytes.size())) return;
    inner_.put(name, bytes, below(options));
    const std::lock_guard lock(mutex_);
    if (list_late_) not_listed_.insert(name);
  });
}

bool FaultyStore::is_hidden(const ObjectName& name) const {
  const std::lock_guard lock(mutex_);
  return not_listed_.contains(name);
}

ObjectName FaultyStore::real_name(const ObjectName& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = swapped_.find(name);
  return found == swapped_.end() ? name : found->second;
}

void FaultyStore::damage(const ObjectName& name, std::uint64_t offset, Bytes& bytes) const {
  const std::lock_guard lock(mutex_);
  const auto flip = [&](std::uint64_t bit) { bytes[bit / 8] ^= std::byte{1} << (bit % 8); };
  if (const auto found = flipped_.find(name); found != flipped_.end()) {
    const std::uint64_t at = found->second / 8;
    if (at >= offset && at - offset < bytes.size()) flip(found->second - offset * 8);
  }
  if (flip_everywhere_ && !bytes.empty()) flip(bytes.size() * 4);
  if (answer_short_ && !bytes.empty()) bytes.pop_back();
}

std::optional<Bytes> FaultyStore::get(const ObjectName& name, ByteRange range, const CallOptions& options) {
  return call(Call::get, name.path(), options, [&]() -> std::optional<Bytes> {
    std::optional<std::uint64_t> end;
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = truncated_.find(name); found != truncated_.end()) end = found->second;
    }
    if (end && inner_.stat(real_name(name), below(options))) range = store::clip(range, *end, name.path());
    auto bytes = inner_.get(real_name(name), range, below(options));
    if (bytes) damage(name, range.offset, *bytes);
    return bytes;
  });
}

store::ObjectInfo FaultyStore::disguise(store::ObjectInfo info, const ObjectName& asked) const {
  const std::lock_guard lock(mutex_);
  info.name = asked;
  if (const auto found = truncated_.find(asked); found != truncated_.end()) {
    info.size_bytes = std::min(info.size_bytes, found->second);
  }
  info.size_bytes += extra_length_;
  return info;
}

std::optional<store::ObjectInfo> FaultyStore::stat(const ObjectName& name, const CallOptions& options) {
  return call(Call::stat, name.path(), options, [&]() -> std::optional<store::ObjectInfo> {
    const auto info = inner_.stat(real_name(name), below(options));
    if (!info) return std::nullopt;
    return disguise(*info, name);
  });
}

void FaultyStore::remove(const ObjectName& name, const CallOptions& options) {
  call(Call::remove, name.path(), options, [&] { inner_.remove(real_name(name), below(options)); });
}

void FaultyStore::list(std::string_view prefix, const store::ObjectSink& sink, const CallOptions& options) {
  call(Call::list, std::string(prefix), options, [&] {
    // Swapping is symmetric: what lies under the real name shows under its partner's.
    const auto show = [&](const store::ObjectInfo& info) {
      if (!is_hidden(info.name)) sink(disguise(info, real_name(info.name)));
    };
    inner_.list(prefix, show, below(options));
  });
}

store::Space FaultyStore::space(const CallOptions& options) {
  return call(Call::space, "space", options, [&] {
    store::Space space = inner_.space(below(options));
    const std::lock_guard lock(mutex_);
    if (space_left_) space.free_bytes = space_left_;
    return space;
  });
}

}  // namespace modelfloat::test
