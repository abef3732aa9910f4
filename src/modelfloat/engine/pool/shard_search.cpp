#include "modelfloat/engine/pool/shard_search.h"

#include <algorithm>
#include <string>
#include <vector>

#include "modelfloat/base/log.h"
#include "modelfloat/domain/object_name.h"
#include "modelfloat/transfer/ask/listing.h"

namespace modelfloat::engine {
namespace {

constexpr std::chrono::seconds k_search_again_after{30};
constexpr std::chrono::minutes k_believed_for{10};
// Providers return about so many names per answer.
constexpr std::uint64_t k_names_per_page = 1000;
constexpr std::uint64_t k_few_folders = 8;

using WantedShards = std::set<ShardSearch::Wanted>;

// Returns the folders of the shards, or their parent folder if listing that takes fewer calls.
std::vector<std::string> folders_of(const WantedShards& wanted, std::uint64_t shards_on_a_store) {
  std::set<std::string> folders;
  for (const auto& shard : wanted) {
    const std::string path = ObjectName::of(ObjectType::shard, shard.object).path();
    folders.insert(path.substr(0, path.rfind('/') + 1));
  }
  if (folders.size() > std::max(k_few_folders, shards_on_a_store / k_names_per_page)) return {"mf1/shard/"};
  return {folders.begin(), folders.end()};
}

bool all_are_found(const WantedShards& wanted, const std::vector<transfer::StoreListing>& listings) {
  std::map<Hash256, std::size_t> places;
  for (const auto& listing : listings) {
    for (const store::ObjectInfo& info : listing.objects) ++places[*info.name.hash()];
  }
  return std::all_of(wanted.begin(), wanted.end(), [&](const ShardSearch::Wanted& shard) {
    const auto found = places.find(shard.object);
    return found != places.end() && found->second >= shard.copies;
  });
}

void enter_places(registry::PackIndex& registry, const WantedShards& wanted, const transfer::StoreListing& listing) {
  for (const store::ObjectInfo& info : listing.objects) {
    const auto shard = wanted.find({*info.name.hash()});
    if (shard == wanted.end()) continue;
    if (info.size_bytes == shard->size_bytes) {
      registry.add_shard_place(shard->object, listing.store->id);
    } else {
      registry.record_shard_copy(shard->object, listing.store->id, registry::CopyState::corrupt);
    }
  }
}

}  // namespace

std::set<ShardSearch::Wanted> ShardSearch::take_due(const std::set<Wanted>& wanted) {
  const SteadyTime now = stores_.clock().steady_now();
  std::set<Wanted> due;
  const std::lock_guard lock(mutex_);
  for (const Wanted& shard : wanted) {
    const auto [looked, is_new] = looked_.try_emplace(shard.object, Looked{now});
    if (!is_new && now - looked->second.at < k_search_again_after) continue;
    looked->second.at = now;
    due.insert(shard);
  }
  return due;
}

bool ShardSearch::run(const std::set<Wanted>& wanted, const CallOptions& call) {
  const auto due = take_due(wanted);
  if (due.empty()) return false;
  std::uint64_t most_shards = 0;
  for (const auto* store : stores_.online()) most_shards = std::max(most_shards, registry_.shard_count(store->id));
  const auto listings = transfer::list_stores(
      stores_, folders_of(due, most_shards), transfer::WaitFor::quorum,
      [&](const auto& so_far) { return all_are_found(due, so_far); }, call, stores_.timeouts().search);
  std::set<StoreId> listed;
  registry_.transaction([&] {
    for (const auto& listing : listings) {
      if (listing.complete) {
        listed.insert(listing.store->id);
      } else {
        log_info(listing.store->name + " cannot be listed: " + listing.trouble);
      }
      // Listed objects exist, even if the listing is incomplete.
      enter_places(registry_, due, listing);
    }
  });
  const std::lock_guard lock(mutex_);
  for (const Wanted& shard : due) looked_[shard.object].listed = listed;
  return true;
}

ShardSearch::Verdict ShardSearch::verdict(const Hash256& object) const {
  const auto stores = stores_.all();
  const std::lock_guard lock(mutex_);
  const auto looked = looked_.find(object);
  if (looked == looked_.end() || stores_.clock().steady_now() - looked->second.at > k_believed_for)
    return Verdict::unknown;
  Verdict verdict = Verdict::nowhere;
  for (const auto* store : stores) {
    if (looked->second.listed.contains(store->id)) continue;
    if (store->is_online()) return Verdict::unknown;
    verdict = Verdict::away;
  }
  return verdict;
}

}  // namespace modelfloat::engine
