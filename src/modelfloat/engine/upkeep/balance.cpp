#include "modelfloat/engine/upkeep/balance.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "modelfloat/placement/policy.h"

namespace modelfloat::engine {
namespace {

// Stores that differ by less are equally full.
constexpr double k_tolerance = 0.02;

class Balance {
 public:
  Balance(const std::vector<BalancedStore>& stores, std::vector<BalancedPack>& packs)
      : stores_(stores), packs_(packs), used_(stores.size()), taken_(stores.size()) {
    for (std::size_t pack = 0; pack < packs_.size(); ++pack) {
      for (const std::size_t store : packs_[pack].stores) used_[store] += packs_[pack].object_bytes;
    }
  }

  std::vector<ShardMove> run() {
    std::uint64_t used = 0;
    double room = 0;
    for (std::size_t store = 0; store < stores_.size(); ++store) {
      used += used_[store];
      room += static_cast<double>(stores_[store].room_bytes);
    }
    share_ = static_cast<double>(used) / std::max(room, 1.0);
    use_other_copies();
    // What one pass moves may make room for what another could not.
    for (bool any = true; any;) {
      any = false;
      for (const std::size_t from : fullest_first()) any = empty(from) || any;
    }
    return cheapest_first();
  }

 private:
  double fill(std::size_t store, double more_bytes = 0) const {
    const double room = std::max<double>(1, static_cast<double>(stores_[store].room_bytes));
    return (static_cast<double>(used_[store]) + more_bytes) / room;
  }

  // Whether the stores are more equally full after such a move. A store that has more than its share
  // gives, one that has less takes, so that no shard moves twice. Every move that helps makes the sum
  // of used^2 / room smaller, so moving ends.
  bool helps(std::size_t from, std::size_t to, std::uint64_t bytes) const {
    const double half = static_cast<double>(bytes) / 2;
    if (fill(from, -half) < share_ || fill(to, half) > share_) return false;
    return fill(to, half) * (1 + k_tolerance) < fill(from, -half);
  }

  bool may_move(const BalancedPack& pack, std::size_t shard, std::size_t to) const {
    const bool has_one = std::find(pack.stores.begin(), pack.stores.end(), to) != pack.stores.end();
    if (has_one && pack.are_copies) return false;
    std::vector<std::string> domains;
    for (std::size_t i = 0; i < pack.stores.size(); ++i)
      domains.push_back(stores_[i == shard ? to : pack.stores[i]].domain);
    return placement::survives(domains, pack.m, pack.survive);
  }

  void move(BalancedPack& pack, std::size_t shard, std::size_t to) {
    used_[pack.stores[shard]] -= pack.object_bytes;
    used_[to] += pack.object_bytes;
    pack.stores[shard] = to;
  }

  void use_other_copies() {
    for (bool any = true; any;) {
      any = false;
      for (BalancedPack& pack : packs_) {
        for (std::size_t shard = 0; shard < pack.stores.size(); ++shard) {
          for (std::size_t& other : pack.also_on[shard]) {
            if (!helps(pack.stores[shard], other, pack.object_bytes) || !may_move(pack, shard, other)) continue;
            const std::size_t before = pack.stores[shard];
            move(pack, shard, other);
            other = before;
            any = true;
          }
        }
      }
    }
  }

  std::vector<std::size_t> fullest_first() const {
    std::vector<std::size_t> order(stores_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return fill(a) > fill(b); });
    return order;
  }

  // Moves shards from this store while that helps. Returns whether any was moved.
  bool empty(std::size_t from) {
    bool any = false;
    for (std::size_t pack = 0; pack < packs_.size(); ++pack) {
      for (std::size_t shard = 0; shard < packs_[pack].stores.size(); ++shard) {
        if (packs_[pack].stores[shard] != from) continue;
        const auto to = best_target(packs_[pack], shard);
        if (to == stores_.size()) continue;
        taken_[to] += packs_[pack].object_bytes;
        move(packs_[pack], shard, to);
        moves_.push_back({pack, shard, from, to});
        any = true;
      }
    }
    return any;
  }

  // The emptiest store that may take the shard and becomes no fuller than this one; stores_.size()
  // when there is none.
  std::size_t best_target(const BalancedPack& pack, std::size_t shard) const {
    std::size_t best = stores_.size();
    for (std::size_t to = 0; to < stores_.size(); ++to) {
      const bool has_room = stores_[to].free_bytes >= taken_[to] + pack.object_bytes;
      if (!has_room || !helps(pack.stores[shard], to, pack.object_bytes)) continue;
      if (best != stores_.size() && fill(best) <= fill(to)) continue;
      if (may_move(pack, shard, to)) best = to;
    }
    return best;
  }

  // One move for each shard that has moved, from where it is now.
  std::vector<ShardMove> cheapest_first() {
    std::set<std::pair<std::size_t, std::size_t>> seen;
    std::vector<ShardMove> merged;
    for (const ShardMove& move : moves_) {
      if (!seen.emplace(move.pack, move.shard).second) continue;
      const std::size_t to = packs_[move.pack].stores[move.shard];
      const auto& others = packs_[move.pack].also_on[move.shard];
      const bool is_there = std::find(others.begin(), others.end(), to) != others.end();
      if (to != move.from && !is_there) merged.push_back({move.pack, move.shard, move.from, to});
    }
    std::stable_sort(merged.begin(), merged.end(), [&](const ShardMove& a, const ShardMove& b) {
      const auto cost = [&](const ShardMove& move) {
        return std::pair(stores_[move.from].is_read_last, packs_[move.pack].object_bytes);
      };
      return cost(a) < cost(b);
    });
    return merged;
  }

  const std::vector<BalancedStore>& stores_;
  std::vector<BalancedPack>& packs_;
  std::vector<std::uint64_t> used_;   // by store: bytes of the copies that count
  std::vector<std::uint64_t> taken_;  // by store: of its free bytes
  std::vector<ShardMove> moves_;
  double share_ = 0;  // how full each store would be if all were equally full
};

}  // namespace

std::vector<ShardMove> balance(const std::vector<BalancedStore>& stores, std::vector<BalancedPack>& packs) {
  return Balance(stores, packs).run();
}

}  // namespace modelfloat::engine
