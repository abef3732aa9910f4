#pragma once
// Which fragments a push need not store again.

#include <map>
#include <mutex>
#include <optional>

#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/transfer/ask/inventory.h"

namespace modelfloat::engine {

// Knows a fragment only when its pack keeps this push's promise, is of the current epoch, is whole
// by a listing made during this push and by what is remembered of damage, and is not condemned.
// Shared by threads.
class KnownFragments {
 public:
  KnownFragments(Pool& pool, unsigned survive, CallOptions call);

  // Where the fragment lies, or nothing.
  std::optional<Fragment> find(const FragmentId& id);

  // Whether what lies in this pack need not be stored again.
  bool is_good(const PackId& id);

  // A pack of this push, which every store has just confirmed.
  void trust(const PackId& id);

  // Error{transient} when the log has condemned a pack that find() called good: its fragments have
  // to be stored anew by another push.
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
