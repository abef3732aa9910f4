#include "modelfloat/engine/push/known_fragments.h"

#include <algorithm>

#include <fmt/format.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/placement/policy.h"

namespace modelfloat::engine {

static bool condemns(const PoolState& state, const Pack& pack) {
  return std::any_of(pack.shards.begin(), pack.shards.end(), [&](const Hash256& name) {
    return state.is_condemned(ObjectName::of(ObjectType::shard, name).path());
  });
}

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
  if (is_condemned(pack) || !inventory_->missing(pack).empty()) return false;
  std::vector<std::string> domains;  // of each shard
  for (std::size_t index = 0; index < pack.shard_count(); ++index) {
    const auto holders = inventory_->holders(pack, index);
    // With k = 1 all shards are copies of one object.
    domains.push_back(holders[pack.k == 1 ? index : 0]->domain);
  }
  return placement::survives(domains, pack.m, survive_);
}

bool KnownFragments::is_condemned(const Pack& pack) {
  const std::lock_guard lock(mutex_);
  return condemns(state_, pack);
}

void KnownFragments::list_shards() {
  inventory_.emplace(transfer::take_inventory(pool_.stores(), pool_.registry(), {"mf1/shard/"}, call_));
  for (const transfer::Inventory::Store& listed : inventory_->stores()) {
    if (listed.trouble.empty()) continue;
    log_warning(fmt::format("{} cannot be listed{}, so {} on it counts as stored: {}", listed.store->name,
                            listed.shards.empty() ? "" : " completely",
                            listed.shards.empty() ? "nothing" : "nothing else", listed.trouble));
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
    if (condemns(state_, *pack)) {
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
