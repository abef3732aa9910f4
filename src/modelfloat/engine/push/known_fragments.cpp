#include "modelfloat/engine/push/known_fragments.h"

#include <algorithm>

#include <fmt/format.h>

#include "modelfloat/base/log.h"
#include "modelfloat/engine/catalogue/pack_health.h"
#include "modelfloat/placement/policy.h"

namespace modelfloat::engine {
namespace {

// When a listing is quicker than asking for single shards. A store that keeps shards in folders has
// 256 of them, and lists one after the other. One that lists by pages returns about 1000 names in
// the time in which it answers 32 questions, of which several are under way at once.
constexpr std::uint64_t k_fewest_questions = 256;
constexpr std::uint64_t k_names_per_question = 1000 / 32;
// The most packs that are asked for ahead of the fragments.
constexpr std::size_t k_largest_batch = 32;

bool condemns(const PoolState& state, const Pack& pack) {
  return std::any_of(pack.shards.begin(), pack.shards.end(),
                     [&](const Hash256& name) { return state.is_condemned(ObjectType::shard, name); });
}

}  // namespace

Error data_is_being_deleted() {
  return {ErrorKind::transient, "push", "another machine is deleting data that this push counted on; push again"};
}

KnownFragments::KnownFragments(Pool& pool, unsigned survive, CallOptions call)
    : pool_(pool),
      survive_(survive),
      call_(std::move(call)),
      query_(pool.stores(), pool.registry(), call_),
      state_(pool.log().state()) {
  for (const auto& store : pool.registry().stores()) stores_at_first_.insert(store.id);
}

std::optional<Fragment> KnownFragments::find(const FragmentId& id) {
  for (Fragment& fragment : pool_.registry().find_fragment(id)) {
    if (is_good(fragment.frame()->pack)) return std::move(fragment);
  }
  return std::nullopt;
}

bool KnownFragments::is_good(const PackId& id) {
  if (const auto verdict = known_verdict(id)) return *verdict;
  {
    const std::lock_guard lock(mutex_);
    waiting_.insert(id);
  }
  // Whoever asks takes along the packs that others wait for meanwhile.
  const std::lock_guard asking(asking_);
  if (const auto verdict = known_verdict(id)) return *verdict;
  judge(next_packs(id));
  return known_verdict(id).value();
}

void KnownFragments::trust(const PackId& id) {
  const std::lock_guard lock(mutex_);
  verdicts_[id] = {true, true, true};
}

std::optional<bool> KnownFragments::known_verdict(const PackId& id) {
  const std::lock_guard lock(mutex_);
  const auto verdict = verdicts_.find(id);
  if (verdict == verdicts_.end()) return std::nullopt;
  verdict->second.is_counted_on = verdict->second.is_good;
  return verdict->second.is_good;
}

// The packs to ask for now: this one, those that other threads wait for, and those that are likely
// to be needed next.
std::vector<PackId> KnownFragments::next_packs(const PackId& id) {
  const auto expected = pool_.registry().packs_after(last_asked_, 2 * batch_);
  const bool is_in_order = std::find(expected.begin(), expected.end(), id) != expected.end();
  batch_ = is_in_order ? std::min(2 * batch_, k_largest_batch) : 1;
  std::vector<PackId> following;
  if (batch_ > 1) following = pool_.registry().packs_after(id, batch_ - 1);
  last_asked_ = following.empty() ? id : following.back();

  const std::lock_guard lock(mutex_);
  waiting_.insert(id);
  waiting_.insert(following.begin(), following.end());
  std::vector<PackId> packs;
  for (const PackId& pack : std::exchange(waiting_, {})) {
    if (!verdicts_.contains(pack)) packs.push_back(pack);
  }
  return packs;
}

void KnownFragments::judge(const std::vector<PackId>& ids) {
  std::vector<Pack> packs;
  for (const PackId& id : ids) {
    auto pack = pool_.registry().pack(id);
    if (pack && is_worth_asking_for(*pack)) packs.push_back(*std::move(pack));
  }
  std::set<PackId> good;
  if (!packs.empty()) {
    if (!listed_ && is_time_to_list(0)) listed_.emplace(list_shards());
    std::optional<transfer::Inventory> asked;
    if (!listed_) warn_of_silent_stores(asked.emplace(query_.ask(packs)));
    for (const Pack& pack : packs) {
      if (has_all_shards(listed_ ? *listed_ : *asked, pack)) good.insert(pack.id);
    }
  }
  const std::lock_guard lock(mutex_);
  for (const PackId& id : ids) verdicts_.emplace(id, Verdict{good.contains(id), false, false});
}

bool KnownFragments::is_worth_asking_for(const Pack& pack) {
  if (pack.epoch != pool_.keys().current_epoch() || pack.survive < survive_) return false;
  const std::lock_guard lock(mutex_);
  return !condemns(state_, pack);
}

bool KnownFragments::has_all_shards(const transfer::Inventory& inventory, const Pack& pack) const {
  if (!inventory.missing(pack).empty()) return false;
  std::vector<std::string> domains;  // of each shard
  for (std::size_t index = 0; index < pack.shard_count(); ++index) {
    const auto holders = inventory.holders(pack, index);
    // With k = 1 all shards are copies of one object.
    domains.push_back(holders[pack.k == 1 ? index : 0]->domain);
  }
  return placement::survives(domains, pack.m, survive_);
}

bool KnownFragments::is_time_to_list(std::uint64_t more_questions) {
  const std::uint64_t questions = query_.most_calls() + more_questions;
  if (questions < k_fewest_questions) return false;
  if (!most_shards_) {
    most_shards_ = 0;
    for (const auto* store : pool_.stores().online())
      most_shards_ = std::max(*most_shards_, pool_.registry().shard_count(store->id));
  }
  return questions >= *most_shards_ / k_names_per_question;
}

transfer::Inventory KnownFragments::list_shards() {
  auto inventory = transfer::take_inventory(pool_.stores(), pool_.registry(), {"mf1/shard/"}, call_);
  for (const transfer::Inventory::Store& listed : inventory.stores()) {
    if (listed.trouble.empty()) continue;
    log_warning(fmt::format("{} cannot be listed{}, so {} on it counts as stored: {}", listed.store->name,
                            listed.shards.empty() ? "" : " completely",
                            listed.shards.empty() ? "nothing" : "nothing else", listed.trouble));
  }
  return inventory;
}

void KnownFragments::warn_of_silent_stores(const transfer::Inventory& asked) {
  for (const transfer::Inventory::Store& one : asked.stores()) {
    if (one.trouble.empty() || !warned_.insert(one.store).second) continue;
    log_warning(
        fmt::format("{} does not say which shards it has, so what it does not show does not count as stored: {}",
                    one.store->name, one.trouble));
  }
}

void KnownFragments::check_condemned() {
  PoolState now = pool_.log().state();
  const std::lock_guard lock(mutex_);
  state_ = std::move(now);
  bool condemned = false;
  for (auto& [id, verdict] : verdicts_) {
    const auto pack = verdict.is_counted_on ? pool_.registry().pack(id) : std::nullopt;
    if (!pack || !condemns(state_, *pack)) continue;
    condemned = true;
    verdict.is_good = false;
    pool_.registry().remove_pack(id);  // its fragments are stored anew next time
  }
  if (condemned) throw data_is_being_deleted();
}

void KnownFragments::check_stores() {
  const PoolState state = pool_.log().state();
  const auto is_removed = [&](const StoreId& id) { return state.removed_stores.contains(id); };
  if (std::none_of(stores_at_first_.begin(), stores_at_first_.end(), is_removed)) return;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, verdict] : verdicts_) {
    const auto pack = verdict.is_counted_on ? pool_.registry().pack(id) : std::nullopt;
    if (!pack) continue;
    std::vector<std::vector<const transfer::PoolStore*>> holders;
    for (ShardLocations& shard : shard_locations(pool_, *pack)) {
      if (shard.index >= pack->shard_count()) continue;
      auto& stores = holders.emplace_back(std::move(shard.online));
      stores.insert(stores.end(), shard.offline.begin(), shard.offline.end());
      std::erase_if(stores, [&](const transfer::PoolStore* store) { return is_removed(store->id); });
    }
    if (!keeps_promise(holders, *pack)) {
      throw Error(ErrorKind::transient, "push",
                  "a store that has data of this push was taken out of the pool meanwhile; push again");
    }
  }
}

void KnownFragments::check_still_there() {
  std::vector<Pack> packs;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, verdict] : verdicts_) {
      if (!verdict.is_counted_on || verdict.is_own) continue;
      auto pack = pool_.registry().pack(id);
      if (!pack) throw data_is_being_deleted();  // by another process of this home
      packs.push_back(*std::move(pack));
    }
  }
  if (packs.empty()) return;
  const std::lock_guard asking(asking_);
  const transfer::Inventory now = is_time_to_list(packs.size()) ? list_shards() : query_.ask(packs);
  bool gone = false;
  for (const Pack& pack : packs) {
    if (has_all_shards(now, pack)) continue;
    gone = true;
    const std::lock_guard lock(mutex_);
    verdicts_[pack.id].is_good = false;
    pool_.registry().remove_pack(pack.id);  // its fragments are stored anew next time
  }
  if (gone) throw data_is_being_deleted();
}

}  // namespace modelfloat::engine
