#pragma once
// Finds fragments that are in the pool already, so that a push does not store them again.

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/transfer/ask/inventory.h"
#include "modelfloat/transfer/ask/shard_query.h"

namespace modelfloat::engine {

// What a push throws when the log condemns something that it counts on, or the stores no longer
// have it.
Error data_is_being_deleted();

// Finds a fragment only when its pack has all these properties: it is at least as safe as this push
// promises, it is of the current epoch, the stores say during this push that they have all its
// shards, none of them is recorded as damaged, and no log record condemns it. May be used from any
// thread.
//
// The stores are asked for the shards of one pack at first. When the packs are met in the order in
// which they were recorded, those that follow are asked for together with it, twice as many each
// time. Once a store has been asked for so many shards that listing all of them would have been
// quicker, all are listed, once.
class KnownFragments {
 public:
  KnownFragments(Pool& pool, unsigned survive, CallOptions call);

  // Returns where the fragment is stored; nullopt when it must be stored anew.
  std::optional<Fragment> find(const FragmentId& id);

  // Returns whether the fragments of this pack can be used without storing them again. If so, this
  // push counts on it from now on.
  bool is_good(const PackId& id);

  // Marks a pack of this push as good. Call it once all its shards are confirmed.
  void trust(const PackId& id);

  // Throws Error{transient} when the log by now condemns a pack that this push counts on: the push
  // must be repeated, so that it stores these fragments anew.
  void check_condemned();

  // Throws Error{transient} when stores were taken out of the pool during this push, and a pack that
  // it counts on, or has stored, survives less without them than was promised: it must be repeated.
  void check_stores();

  // Asks the stores once more for the packs that were there before this push and that it counts on.
  // Throws as check_condemned() when one is not whole any more: this push may have been suspended
  // for days, while another machine condemned and deleted them. Call it after check_condemned(),
  // on a log that was read after `prepared`.
  void check_still_there();

 private:
  struct Verdict {
    bool is_good = false;
    bool is_counted_on = false;
    bool is_own = false;  // stored by this push
  };

  std::optional<bool> known_verdict(const PackId& id);
  std::vector<PackId> next_packs(const PackId& id);
  void judge(const std::vector<PackId>& ids);
  bool is_worth_asking_for(const Pack& pack);
  bool has_all_shards(const transfer::Inventory& inventory, const Pack& pack) const;
  bool is_time_to_list(std::uint64_t more_questions);
  transfer::Inventory list_shards();
  void warn_of_silent_stores(const transfer::Inventory& asked);

  Pool& pool_;
  const unsigned survive_;
  const CallOptions call_;
  std::set<StoreId> stores_at_first_;

  std::mutex asking_;  // held while stores are asked; guards the members up to the next mutex
  transfer::ShardQuery query_;
  std::optional<transfer::Inventory> listed_;
  std::optional<std::uint64_t> most_shards_;  // on one store
  PackId last_asked_{};
  std::size_t batch_ = 1;
  std::set<const transfer::PoolStore*> warned_;

  std::mutex mutex_;  // guards all below; no store is asked under it
  std::map<PackId, Verdict> verdicts_;
  std::set<PackId> waiting_;  // that threads wait to ask for
  PoolState state_;
};

}  // namespace modelfloat::engine
