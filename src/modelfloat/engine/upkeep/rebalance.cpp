#include "modelfloat/engine/upkeep/rebalance.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "modelfloat/engine/upkeep/balance.h"
#include "modelfloat/engine/upkeep/new_copies.h"
#include "modelfloat/engine/upkeep/pack_repair.h"
#include "modelfloat/engine/upkeep/pool_survey.h"
#include "modelfloat/engine/upkeep/shard_spread.h"
#include "modelfloat/mf1/format.h"
#include "modelfloat/transfer/packs/candidates.h"

namespace modelfloat::engine {
namespace {

using transfer::PoolStore;
using transfer::ShardPlace;
using transfer::Targets;

class Rebalance {
 public:
  Rebalance(Pool& pool, const RebalanceOptions& options, const CallOptions& call)
      : pool_(pool),
        options_(options),
        call_(call),
        survey_(survey_pool(pool, std::nullopt, call)),
        targets_(transfer::ask_targets(pool.stores(), call)),
        new_copies_(RepairContext(pool), call) {
    report_.doubts = survey_.doubts;
  }

  RebalanceReport run() {
    find_stores();
    find_packs();
    std::vector<ShardMove> moves = balance(balanced_stores(), balanced_);
    for (const ShardMove& move : moves) bytes_to_write_ += balanced_[move.pack].object_bytes;
    // By store, so that the shards that go to one store are put there while the next are fetched.
    std::map<std::size_t, std::vector<ShardMove>> by_target;
    for (const ShardMove& move : within_budget(moves)) by_target[move.to].push_back(move);
    for (const auto& [to, to_there] : by_target) {
      if (options_.dry_run) {
        for (const ShardMove& move : to_there) has_moved(move);
      } else {
        copy(to, to_there);
      }
    }
    new_copies_.read_back();
    report_.shards_left += new_copies_.failures().size();
    for (const std::string& failure : new_copies_.failures()) report_.doubts.push_back(failure);
    return std::move(report_);
  }

 private:
  // Those that were listed and are in use. The shards on others are not moved, and do not count.
  void find_stores() {
    for (const auto& listed : survey_.inventory.stores()) {
      if (listed.is_complete && listed.store->use == StoreUse::in_use) {
        numbers_[listed.store->id] = stores_.size();
        stores_.push_back(listed.store);
      } else {
        others_.insert(listed.store->id);
      }
    }
  }

  void find_packs() {
    std::uint64_t below = 0;
    for (const auto& [id, needed] : survey_.packs) {
      const Pack& pack = needed.pack;
      const ShardSpread spread = spread_of(survey_.inventory, pack, others_);
      if (!spread.missing.empty() || !spread.crowded.empty()) {
        ++below;
        continue;
      }
      BalancedPack one{pack.m,
                       pack.survive,
                       pack.k == 1,
                       mf1::k_header_bytes + pack.slice_bytes,
                       std::vector<std::size_t>(pack.shard_count()),
                       std::vector<std::vector<std::size_t>>(pack.shard_count())};
      for (const ShardPlace& place : spread.lying) one.stores[place.index] = numbers_.at(place.store);
      for (std::size_t index = 0; index < pack.shard_count(); ++index) {
        for (const PoolStore* store : survey_.inventory.holders(pack, index)) {
          const auto number = numbers_.find(store->id);
          if (number == numbers_.end()) continue;
          const bool counts = pack.k == 1
                                  ? std::find(one.stores.begin(), one.stores.end(), number->second) != one.stores.end()
                                  : number->second == one.stores[index];
          if (!counts) one.also_on[index].push_back(number->second);
        }
      }
      packs_.push_back(&pack);
      balanced_.push_back(std::move(one));
    }
    if (below > 0)
      report_.doubts.push_back(
          fmt::format("{} packs do not keep their promise on the stores in use and are left alone: "
                      "modelfloat repair, or store drain again",
                      below));
  }

  std::vector<BalancedStore> balanced_stores() const {
    std::vector<std::uint64_t> used(stores_.size());
    for (const BalancedPack& pack : balanced_) {
      for (const std::size_t store : pack.stores) used[store] += pack.object_bytes;
    }
    std::vector<BalancedStore> balanced;
    std::uint64_t known_rooms = 0;
    std::uint64_t known = 0;
    for (std::size_t i = 0; i < stores_.size(); ++i) {
      const std::uint64_t free = free_bytes(*stores_[i]);
      balanced.push_back({stores_[i]->domain, 0, free, stores_[i]->downloads_are_scarce});
      if (free == UINT64_MAX) continue;
      balanced[i].room_bytes = used[i] + free;
      known_rooms += balanced[i].room_bytes;
      ++known;
    }
    // A store that does not say how large it is counts as large as the others are.
    for (BalancedStore& store : balanced) {
      if (store.free_bytes == UINT64_MAX) store.room_bytes = known == 0 ? UINT32_MAX : known_rooms / known;
    }
    return balanced;
  }

  std::uint64_t free_bytes(const PoolStore& store) const {
    for (const placement::Candidate& candidate : targets_.candidates) {
      if (targets_.stores[candidate.store] == &store) return candidate.free_bytes;
    }
    return 0;
  }

  std::vector<ShardMove> within_budget(const std::vector<ShardMove>& moves) {
    std::vector<ShardMove> taken;
    std::uint64_t bytes = 0;
    for (const ShardMove& move : moves) {
      bytes += 3 * balanced_[move.pack].object_bytes;  // it is read back
      if (bytes <= options_.budget_bytes) taken.push_back(move);
    }
    if (taken.size() < moves.size()) {
      report_.shards_left += moves.size() - taken.size();
      report_.doubts.push_back(fmt::format("the budget is used up: {} shards are left", moves.size() - taken.size()));
    }
    return taken;
  }

  // Each of the others is where it will be, or on its way there; until then its old copy is.
  PackToRepair task_of(const ShardMove& move) const {
    const Pack& pack = *packs_[move.pack];
    PackToRepair task{pack, {move.shard}};
    const auto place = [&](std::size_t shard, std::size_t store) {
      return ShardPlace{shard, stores_[store]->id, stores_[store]->domain};
    };
    for (std::size_t shard = 0; shard < pack.shard_count(); ++shard) {
      if (shard != move.shard) task.lying.push_back(place(shard, balanced_[move.pack].stores[shard]));
    }
    task.crowded = {place(move.shard, move.from)};
    task.can_be_copied = true;
    return task;
  }

  // Copies to this store only.
  void copy(std::size_t to, const std::vector<ShardMove>& moves) {
    Targets only = targets_;
    for (placement::Candidate& candidate : only.candidates) {
      if (only.stores[candidate.store] != stores_[to]) candidate.free_bytes = 0;
    }
    PackRepair packs(RepairContext(pool_), std::move(only), call_);
    std::uint64_t failed = 0;
    packs.begin(task_of(moves.front()));
    for (std::size_t i = 0; i < moves.size(); ++i) {
      const auto next = i + 1 < moves.size() ? std::optional(task_of(moves[i + 1])) : std::nullopt;
      const auto outcome = packs.finish(false, next);
      if (outcome != PackRepair::Outcome::as_promised) {
        ++failed;
        continue;
      }
      new_copies_.add(*packs_[moves[i].pack], packs.places().front());
      has_moved(moves[i]);
      if (options_.progress) options_.progress(report_.bytes_moved, bytes_to_write_);
    }
    if (failed == 0) return;
    report_.shards_left += failed;
    report_.doubts.push_back(fmt::format("{} shards could not be copied to {}", failed, stores_[to]->name));
  }

  void has_moved(const ShardMove& move) {
    ++report_.shards_moved;
    report_.bytes_moved += balanced_[move.pack].object_bytes;
  }

  Pool& pool_;
  const RebalanceOptions& options_;
  const CallOptions& call_;
  const PoolSurvey survey_;
  const Targets targets_;
  NewCopies new_copies_;
  std::vector<const PoolStore*> stores_;  // by number
  std::map<StoreId, std::size_t> numbers_;
  std::set<StoreId> others_;
  std::vector<const Pack*> packs_;      // of the survey
  std::vector<BalancedPack> balanced_;  // for each of them, as it will be
  std::uint64_t bytes_to_write_ = 0;
  RebalanceReport report_;
};

}  // namespace

RebalanceReport rebalance(Pool& pool, const RebalanceOptions& options, const CallOptions& call) {
  return Rebalance(pool, options, call).run();
}

}  // namespace modelfloat::engine
