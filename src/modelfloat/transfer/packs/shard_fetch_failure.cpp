// Why a part of a pack cannot be brought, and what would bring it back.

#include <algorithm>

#include <fmt/format.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/transfer/packs/shard_fetch.h"

namespace modelfloat::transfer {

// An error explains for at most this many stores why a shard cannot be read there.
static constexpr std::size_t k_named_stores = 9;
// A read looks itself whether stores are back.
static constexpr Milliseconds k_try_again_after{5'000};

Error ShardFetch::failure(const ShardPart& part) const {
  std::set<std::size_t> held;
  for (const ShardPart::Held& one : part.held) held.insert(one.copy.index);
  std::set<std::size_t> held_or_paused = held;
  std::set<std::size_t> held_or_away = held;
  std::vector<std::string> missing;
  for (const Shard& shard : shards_) {
    for (const PoolStore* store : context_.stores.all()) {
      if (std::find(shard.places.begin(), shard.places.end(), store->id) == shard.places.end()) continue;
      if (store->state->reads_are_paused()) held_or_paused.insert(shard.index);
    }
    if (held.contains(shard.index)) continue;
    if (held_or_paused.contains(shard.index) || unanswered_.contains(shard.index) ||
        !may_come_back_from(shard).empty()) {
      held_or_away.insert(shard.index);
    }
    const Troubles troubles = troubles_of(shard);
    std::size_t named = 0;
    for (const auto& [store, why] : troubles) {
      if (named++ < k_named_stores) missing.push_back(fmt::format("shard {} on {} ({})", shard.index, store, why));
    }
    if (troubles.empty() && shard.named) {
      const std::string object = ObjectName::of(ObjectType::shard, shard.object).path();
      missing.push_back(fmt::format("shard {} on no store ({})", shard.index, object));
    }
  }
  const bool later = held_or_paused.size() >= pack_.k && held.size() < pack_.k;
  std::optional<Milliseconds> wait;
  if (later) {
    wait = longest_asked_;
  } else if (held_or_away.size() >= pack_.k) {
    wait = k_try_again_after;
  }
  std::string what = fmt::format("{} of its shards are needed and {} can be read now; not readable: {}", pack_.k,
                                 held.size(), fmt::join(missing, ", "));
  if (!later && held.size() < pack_.k)
    what += "; " + remedy(held, pack_.k - held.size(), held_or_away.size() >= pack_.k);
  return {later ? ErrorKind::rate_limited : ErrorKind::lost, "pack " + to_hex(pack_.id), what, wait};
}

// What would make the pack readable: `needed` shards more than those that are held.
std::string ShardFetch::remedy(const std::set<std::size_t>& held, std::size_t needed, bool enough_are_away) const {
  std::set<std::string> away = unresponsive_;
  for (const Shard& shard : shards_) {
    if (!held.contains(shard.index)) away.merge(may_come_back_from(shard));
  }
  if (away.empty()) return "no store that is away can have what is missing";
  const std::string names = fmt::format("{}", fmt::join(away, ", "));
  if (!enough_are_away) return "what may be on " + names + " does not make up for it";
  if (away.size() == 1) return "it can be read when this store is back: " + names;
  if (away.size() <= needed) return "it can be read when these stores are back: " + names;
  if (needed == 1) return "it can be read when one of these stores is back: " + names;
  return fmt::format("it can be read when {} of these stores are back: {}", needed, names);
}

// A shard without a known location may be on any store.
std::set<std::string> ShardFetch::may_come_back_from(const Shard& shard) const {
  const auto copies = context_.registry.shard_copies(shard.object);
  std::set<std::string> names;
  for (const PoolStore* store : context_.stores.all()) {
    if (store->is_online()) continue;
    const bool has_it = std::any_of(copies.begin(), copies.end(), [&](const registry::ShardCopy& copy) {
      return copy.store == store->id && copy.state == registry::CopyState::whole;
    });
    if (copies.empty() || has_it) names.insert(store->name);
  }
  return names;
}

// The problems that this read found, and for stores that it did not ask, those that were known
// before.
ShardFetch::Troubles ShardFetch::troubles_of(const Shard& shard) const {
  const auto found = troubles_.find(shard.index);
  Troubles troubles = found == troubles_.end() ? Troubles{} : found->second;
  for (const registry::ShardCopy& copy : context_.registry.shard_copies(shard.object)) {
    const PoolStore* store = context_.stores.find(copy.store);
    if (store == nullptr) continue;
    if (!store->is_online()) troubles.try_emplace(store->name, "offline");
    if (store->state->reads_are_paused()) troubles.try_emplace(store->name, "asked to be left alone");
    if (copy.state == registry::CopyState::corrupt) troubles.try_emplace(store->name, "corrupt");
    if (copy.state == registry::CopyState::missing) troubles.try_emplace(store->name, "missing");
  }
  return troubles;
}

}  // namespace modelfloat::transfer
