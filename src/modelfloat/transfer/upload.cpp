#include "modelfloat/transfer/upload.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "modelfloat/base/log.h"
#include "modelfloat/mf1/format.h"

namespace modelfloat::transfer {

// How many fragments are held back to find one that fills a pack's end.
static constexpr std::size_t k_look_ahead = 6;

struct Upload::Outgoing {
  mf1::SealedPack sealed;
  std::vector<std::size_t> targets;  // of each shard
  std::mutex mutex;                  // guards `left` and changes of `targets`
  std::size_t left = 0;
  bool failed = false;

  const Bytes& object(std::size_t index) const { return sealed.shards[sealed.shards.size() == 1 ? 0 : index]; }
};

std::vector<placement::Candidate> placement_candidates(const std::vector<const PoolStore*>& targets, const CallOptions& call) {
  std::vector<placement::Candidate> candidates;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const PoolStore& target = *targets[i];
    placement::Candidate candidate{i, target.domain, UINT64_MAX, 1.0};
    try {
      const store::Space space = target.store->space(call);
      candidate.free_bytes = space.free_bytes.value_or(UINT64_MAX);
      if (target.capacity_bytes != 0) {
        std::uint64_t ours = 0;
        target.store->list("mf1/", [&](const store::ObjectInfo& info) { ours += info.size_bytes; }, call);
        const std::uint64_t left = target.capacity_bytes > ours ? target.capacity_bytes - ours : 0;
        candidate.free_bytes = std::min(candidate.free_bytes, left);
      }
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled) throw;
      log_warning(fmt::format("{} takes no new data: {}", target.name, error.what()));
      candidate.free_bytes = 0;
    }
    candidates.push_back(candidate);
  }
  return candidates;
}

Upload::Upload(const UploadContext& context, const UploadPlan& plan)
    : context_(context),
      plan_(plan),
      targets_(context.stores.online()),
      candidates_(placement_candidates(targets_, context.call)) {}

Upload::~Upload() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return on_their_way_ == 0; });
}

void Upload::add(mf1::EncodedFragment fragment) {
  bytes_come_ += fragment.bytes.size();
  pending_.push_back(std::move(fragment));
  pack_pending(k_look_ahead);
}

void Upload::finish() {
  pack_pending(0);
  if (builder_ && !builder_->empty()) close_pack(true);
  wait_for_room(0);
}

// Moves fragments into packs until at most `keep` are pending. A pack takes the oldest while it fits; when it doesn't, the largest that does;
// when none does, the pack is full.
void Upload::pack_pending(std::size_t keep) {
  while (pending_.size() > keep) {
    if (!builder_) builder_.emplace(next_shape());
    auto chosen = pending_.begin();
    if (!builder_->fits(chosen->bytes.size())) {
      chosen = pending_.end();
      for (auto one = pending_.begin(); one != pending_.end(); ++one) {
        const bool larger = chosen == pending_.end() || one->bytes.size() > chosen->bytes.size();
        if (builder_->fits(one->bytes.size()) && larger) chosen = one;
      }
    }
    if (chosen == pending_.end()) {
      close_pack(false);
      continue;
    }
    builder_->add(std::move(*chosen));
    pending_.erase(chosen);
  }
}

mf1::PackShape Upload::next_shape() const {
  std::uint64_t max_object = UINT64_MAX;
  for (const PoolStore* target : targets_) max_object = std::min(max_object, target->store->traits().max_object_bytes);
  const std::uint64_t slice = placement::slice_bytes(plan_.model_bytes.value_or(bytes_come_), plan_.redundancy, max_object);
  return {static_cast<std::uint8_t>(plan_.redundancy.k), static_cast<std::uint8_t>(plan_.redundancy.m), slice,
          static_cast<std::uint8_t>(plan_.survive)};
}

void Upload::close_pack(bool last) {
  wait_for_room(0);
  {
    const std::lock_guard lock(mutex_);
    ++on_their_way_;
  }
  // std::function wants something that can be copied.
  auto builder = std::make_shared<mf1::PackBuilder>(std::move(*builder_));
  builder_.reset();
  context_.cpu.submit([this, builder, last] {
    try {
      seal_and_send(std::move(*builder), last);
    } catch (...) {
      fail(std::current_exception());
    }
  });
}

void Upload::wait_for_room(std::size_t packs_on_their_way) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return on_their_way_ <= packs_on_their_way; });
  if (failure_) std::rethrow_exception(failure_);
}

// Ends a pack that will not become durable.
void Upload::fail(std::exception_ptr failure) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = std::move(failure);
  --on_their_way_;
  changed_.notify_all();
}

void Upload::seal_and_send(mf1::PackBuilder builder, bool last) {
  auto pack = std::make_shared<Outgoing>();
  pack->sealed = mf1::seal(std::move(builder), context_.keys, plan_.suite, context_.random, last, take_spare());
  pack->targets = place_pack(pack->sealed.pack, pack->object(0).size());
  pack->left = pack->targets.size();
  const std::size_t shards = pack->targets.size();
  for (std::size_t index = 0; index < shards; ++index) {
    context_.io.submit([this, pack, index] {
      try {
        put_shard(*pack, index);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
        pack->failed = true;
      }
      shard_done(pack);
    });
  }
}

std::vector<Bytes> Upload::take_spare() {
  const std::lock_guard lock(mutex_);
  return std::exchange(spare_, {});
}

std::vector<std::size_t> Upload::place_pack(const Pack& pack, std::uint64_t object_bytes) {
  const double chance = context_.random.fraction();
  const std::lock_guard lock(mutex_);
  auto chosen = placement::place(candidates_, {pack.k, pack.m}, pack.survive, object_bytes, chance);
  for (const std::size_t target : chosen) {
    auto& free = candidates_[target].free_bytes;
    if (free != UINT64_MAX) free -= std::min(free, object_bytes);
  }
  return chosen;
}

// Puts one shard, on another store when the chosen one fails.
void Upload::put_shard(Outgoing& pack, std::size_t index) {
  const ObjectName name = ObjectName::of(ObjectType::shard, pack.sealed.pack.shard_name(index));
  for (;;) {
    std::size_t target = 0;
    {
      const std::lock_guard lock(pack.mutex);
      target = pack.targets[index];
    }
    try {
      put_confirmed(*targets_[target], name, pack.object(index));
      const std::lock_guard lock(mutex_);
      stored_bytes_ += pack.object(index).size();
      return;
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled) throw;
      const std::lock_guard pack_lock(pack.mutex);
      const std::lock_guard lock(mutex_);
      candidates_[target].free_bytes = 0;  // not for the packs to come either
      const auto other = replacement(pack, index);
      if (!other) {
        throw Error(ErrorKind::out_of_space, targets_[target]->name,
                    fmt::format("cannot take a shard, and no other store may take it in its place ({})", error.what()));
      }
      log_warning(fmt::format("{} takes a shard instead of {}: {}", targets_[*other]->name, targets_[target]->name, error.what()));
      pack.targets[index] = *other;
    }
  }
}

// A store with room that keeps the placement valid. Both mutexes are held.
std::optional<std::size_t> Upload::replacement(const Outgoing& pack, std::size_t index) const {
  const std::uint64_t bytes = pack.object(index).size();
  for (const auto& candidate : candidates_) {
    const bool taken = std::find(pack.targets.begin(), pack.targets.end(), candidate.store) != pack.targets.end();
    if (candidate.free_bytes < bytes || (taken && pack.sealed.pack.k == 1)) continue;
    std::vector<std::string> domains;
    for (std::size_t i = 0; i < pack.targets.size(); ++i) {
      domains.push_back(targets_[i == index ? candidate.store : pack.targets[i]]->domain);
    }
    if (placement::survives(domains, pack.sealed.pack.m, pack.sealed.pack.survive)) return candidate.store;
  }
  return std::nullopt;
}

void Upload::put_confirmed(const PoolStore& store, const ObjectName& name, const Bytes& object) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    store.store->put(name, object, context_.call);
    const auto info = store.store->stat(name, context_.call);
    if (info && info->size_bytes == object.size()) return;
  }
  throw Error(ErrorKind::corrupt, store.name, "says that it stored " + name.path() + ", and does not show it");
}

void Upload::shard_done(const std::shared_ptr<Outgoing>& pack) {
  {
    const std::lock_guard lock(pack->mutex);
    if (--pack->left > 0) return;
  }
  try {
    const bool failed = [&] {
      const std::lock_guard lock(mutex_);
      return pack->failed;
    }();
    if (!failed) {
      std::vector<StoreId> places;
      for (const std::size_t target : pack->targets) places.push_back(targets_[target]->id);
      context_.registry.add_pack(pack->sealed.pack, pack->sealed.fragments, places);
      if (plan_.on_durable) plan_.on_durable(pack->sealed.pack.id);
    }
    const std::lock_guard lock(mutex_);
    spare_ = std::move(pack->sealed.shards);
    if (!failed) ++packs_;
    --on_their_way_;
    changed_.notify_all();
  } catch (...) {
    fail(std::current_exception());
  }
}

std::uint64_t Upload::stored_bytes() const {
  const std::lock_guard lock(mutex_);
  return stored_bytes_;
}

std::uint64_t Upload::packs() const {
  const std::lock_guard lock(mutex_);
  return packs_;
}

}  // namespace modelfloat::transfer
