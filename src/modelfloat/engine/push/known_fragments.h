#pragma once
// Finds fragments that are in the pool already, so that a push does not store them again.

#include <map>
#include <mutex>
#include <optional>

#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/transfer/ask/inventory.h"

namespace modelfloat::engine {

// Finds a fragment only when its pack has all these properties: it is at least as safe as this push
// promises, it is of the current epoch, all its shards are listed by the stores (the listing is
// made during this push), none of them is recorded as damaged, and no log record condemns it. May
// be used from any thread.
class KnownFragments {
 public:
  KnownFragments(Pool& pool, unsigned survive, CallOptions call);

  // Returns where the fragment is stored; nullopt when it must be stored anew.
  std::optional<Fragment> find(const FragmentId& id);

  // Returns whether the fragments of this pack can be used without storing them again.
  bool is_good(const PackId& id);

  // Marks a pack of this push as good. Call it once all its shards are confirmed.
  void trust(const PackId& id);

  // Throws Error{transient} when the log by now condemns a pack that find() has used: the push must
  // be repeated, so that it stores these fragments anew.
  void check_condemned();

 private:
  bool examine(const Pack& pack);
  bool is_condemned(const Pack& pack);
  void list_shards();

  Pool& pool_;
  const unsigned survive_;
  const CallOptions call_;
  std::once_flag listed_;
  std::optional<transfer::Inventory> inventory_;  // of shards; fixed once it is made
  std::mutex mutex_;                              // guards all below
  std::map<PackId, bool> verdicts_;
  PoolState state_;
};

}  // namespace modelfloat::engine
