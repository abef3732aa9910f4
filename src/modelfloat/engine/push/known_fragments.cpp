#include "modelfloat/engine/push/known_fragments.h"

#include <algorithm>

#include <fmt/format.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/mf1/format.h"
#include "modelfloat/placement/policy.h"
#include "modelfloat/transfer/ask/listing.h"

namespace modelfloat::engine {

KnownFragments::KnownFragments(Pool& pool, unsigned survive, CallOptions call)
    : pool_(pool), survive_(survive), call_(std::move(call)), state_(pool.log().state()) {}

std::optional<Fragment> KnownFragments::find(const FragmentId& id) {
  for (Fragment& fragment : pool_.registry().find_fragment(id)) {
    if (is_good(fragment.frame()->pack)) return std::move(fragment);
  }
  return std::nullopt;
}

bool KnownFragments::is_good(const PackId& id) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto verdict = verdicts_.find(id); verdict != verdicts_.end()) return verdict->second;
  }
  std::call_once(listed_, [this] { list_shards(); });
  const auto pack = pool_.registry().pack(id);
  const bool good = pack && examine(*pack);
  const std::lock_guard lock(mutex_);
  return verdicts_.emplace(id, good).first->second;
}

void KnownFragments::trust(const PackId& id) {
  const std::lock_guard lock(mutex_);
  verdicts_[id] = true;
}

bool KnownFragments::examine(const Pack& pack) {
  if (pack.epoch != pool_.keys().current_epoch() || pack.survive < survive_) return false;
  std::vector<std::string> domains;                // of each shard
  std::vector<const transfer::PoolStore*> copies;  // with k = 1 all shards are one object
  for (std::size_t index = 0; index < pack.shard_count(); ++index) {
    const Hash256& name = pack.shard_name(index);
    {
      const std::lock_guard lock(mutex_);
      if (state_.is_condemned(ObjectName::of(ObjectType::shard, name).path())) return false;
    }
    const auto listed = places_.find(name);
    if (listed == places_.end()) return false;
    const auto holder = std::find_if(listed->second.begin(), listed->second.end(), [&](const Place& place) {
      const bool is_whole = place.size_bytes == mf1::k_header_bytes + pack.slice_bytes;
      return is_whole && (pack.k > 1 || std::find(copies.begin(), copies.end(), place.store) == copies.end());
    });
    if (holder == listed->second.end()) return false;
    copies.push_back(holder->store);
    domains.push_back(holder->store->domain);
  }
  return placement::survives(domains, pack.m, survive_);
}

void KnownFragments::list_shards() {
  for (const auto& listing : transfer::list_stores(pool_.stores(), {"mf1/shard/"}, transfer::WaitFor::all, {}, call_)) {
    if (!listing.complete) {
      log_warning(fmt::format("{} cannot be listed{}, so {} on it counts as stored: {}", listing.store->name,
                              listing.objects.empty() ? "" : " completely",
                              listing.objects.empty() ? "nothing" : "nothing else", listing.trouble));
    }
    const auto damaged = pool_.registry().damaged_shards(listing.store->id);  // in order
    for (const store::ObjectInfo& info : listing.objects) {
      const Hash256 object = *info.name.hash();
      if (!std::binary_search(damaged.begin(), damaged.end(), object))
        places_[object].push_back({listing.store, info.size_bytes});
    }
  }
}

void KnownFragments::check_condemned() {
  PoolState now = pool_.log().state();
  const std::lock_guard lock(mutex_);
  state_ = std::move(now);
  bool condemned = false;
  for (auto& [id, good] : verdicts_) {
    const auto pack = good ? pool_.registry().pack(id) : std::nullopt;
    if (!pack) continue;
    if (std::any_of(pack->shards.begin(), pack->shards.end(), [&](const Hash256& name) {
          return state_.is_condemned(ObjectName::of(ObjectType::shard, name).path());
        })) {
      condemned = true;
      good = false;
      pool_.registry().remove_pack(id);  // its fragments are stored anew next time
    }
  }
  if (condemned) {
    throw Error(ErrorKind::transient, "push", "another machine is deleting data that this push counted on; push again");
  }
}

}  // namespace modelfloat::engine
