#pragma once
// Parts of shards come from whichever stores are quick enough: any k shards give every slice.

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "modelfloat/domain/pack.h"
#include "modelfloat/domain/redundancy.h"
#include "modelfloat/registry/pack_index.h"
#include "modelfloat/transfer/ask/finding.h"
#include "modelfloat/transfer/ask/hedge.h"
#include "modelfloat/transfer/ask/race.h"
#include "modelfloat/transfer/stores/needed_wait.h"

namespace modelfloat::transfer {

// One place where a shard may be read.
struct ShardCopy {
  std::size_t index = 0;
  Hash256 object{};  // its name
  const PoolStore* store = nullptr;
  bool known = false;  // the registry says that it lies there; else it is only worth a try
  // By the manifest; else it is parity that was added later, and nothing but a tag proves it.
  bool named = true;
};

// The same bytes of several shards of one pack: whole objects, or a range of each.
struct ShardPart {
  ByteRange range = {};  // of the object
  // The data shards whose bytes are wanted; all k of them when objects are read whole.
  std::vector<std::size_t> wanted = {};
  struct Held {
    ShardCopy copy;
    Bytes bytes;
  };
  std::vector<Held> held = {};  // what has come, of different shards
  bool is_held(std::size_t index) const;
  // Whether what is held is all that is wanted, or k shards, which give everything.
  bool is_complete(std::size_t k) const;
};

// Brings the parts of one pack. Each wanted shard is asked of the copy that answers best; when that
// is late, or fails, other copies are asked, then other shards, until any k have come, and those
// that are later are told to stop. Where the shards that the manifest names are too few, parity
// that was added later is looked for, and who asked for a moment is waited for (needed_wait.h).
// Used by one thread.
class ShardFetch {
 public:
  struct Context {
    StoreSet& stores;
    registry::PackIndex& registry;
    FindingSink finding;  // may be empty
    CallOptions call;
  };
  // Whether bytes that have come are usable, else they count as corrupt.
  using Check = std::function<bool(const ShardCopy&, const ShardPart&, ByteSpan)>;

  // `pack` outlives it.
  ShardFetch(const Context& context, const Pack& pack, Check check);

  // Waits until copies of k shards are known to lie on stores that are online, or until no store is
  // pending.
  void wait_for_stores();
  // One more part to bring. Asks for its first shards. `part` outlives the fetch, or the next
  // clear().
  void add(ShardPart& part);
  // Waits until all parts are complete; false when one cannot be. May be called again after
  // something held was thrown away.
  bool finish();
  // Takes what has come and asks others for what is late by now, without waiting: for a fetch whose
  // turn to be finished comes later.
  void poll();
  // Gives up everything that is under way, and forgets the parts.
  void clear();

  // Whether a copy of this shard, or of any k shards, is known to lie on a store that is online.
  bool knows_copy_of(std::size_t index);
  bool knows_enough();

  // Wrong bytes of a copy that seemed usable.
  void report_corrupt(const ShardCopy& copy);
  // Nothing opens with this copy, which the manifest does not name. Not remembered: it may be
  // another one's fault.
  void report_unproven(const ShardCopy& copy);

  std::uint64_t bytes_fetched() const noexcept { return bytes_fetched_; }
  // The error for a part that cannot be brought: Error{lost}, with a time to try again after when
  // stores that are offline, or did not answer, may have what is missing; or Error{rate_limited}
  // when stores that asked for a pause have it.
  Error failure(const ShardPart& part) const;

 private:
  using Content = std::optional<Bytes>;
  struct Shard {
    std::size_t index = 0;
    Hash256 object{};
    std::vector<StoreId> places;  // by the registry
    bool named = true;            // see ShardCopy
  };
  // Objects, and stores that may have them.
  using Copies = std::set<std::pair<Hash256, const PoolStore*>>;
  struct Progress {  // of one part
    ShardPart* part = nullptr;
    Copies tried = {};
    // Of these, asked in vain: worth another try when needed.
    Copies unanswered = {};
    // Any k are asked for, because a wanted one is not to be had in time.
    bool rebuild = false;
    std::vector<double> answered_after = {};  // seconds
  };
  struct Asked {
    Progress* progress = nullptr;
    ShardCopy copy;
    HedgeTimer timer;
  };
  using Answers = Race<Content, Asked>;

  using Troubles = std::map<std::string, std::string>;  // by the store's name, why not

  void top_up(Progress& progress);
  std::size_t asked_or_held(const Progress& progress) const;
  bool is_covered(const Progress& progress, std::size_t index) const;
  Lateness lateness_of(const Progress& progress) const;
  bool ask_best(Progress& progress, const std::function<bool(std::size_t index)>& eligible);
  void ask(Progress& progress, const ShardCopy& copy);
  void handle_answer(Answers::Answer& answer);
  void handle_bytes(const Asked& asked, std::optional<Bytes> bytes, double seconds);
  void handle_error(const Asked& asked, const Error& error);
  void cancel_calls_of(Progress& progress);
  void mark_late_stores();
  void bound_by_peers(Progress& progress);
  SteadyTime next_look(bool more_may_join) const;
  void add_shard(std::size_t index, const Hash256& object, bool named);
  bool add_later_parity();
  bool look_for_later_parity();
  void list_stores_that_joined();
  void list_copies(const Shard& shard, const PoolStore& store);
  bool wait_for_stores_to_join();
  bool wait_for_those_needed();
  bool is_better(const ShardCopy& a, const ShardCopy& b, std::uint64_t bytes) const;
  std::uint64_t bytes_of(const ShardPart& part) const;
  void report(const ShardCopy& copy, Damage what, const std::string& why);
  void tell_finding(const ShardCopy& copy, Damage what) const;
  std::string remedy(const std::set<std::size_t>& held, std::size_t needed, bool enough_are_away) const;
  Troubles troubles_of(const Shard& shard) const;
  // Stores that are offline and may have it.
  std::set<std::string> may_come_back_from(const Shard& shard) const;

  const Context context_;
  const Pack& pack_;
  const Check check_;
  // Those that the manifest names, then parity that was added later.
  std::vector<Shard> shards_;
  std::set<const PoolStore*> listed_;  // stores whose copies are in copies_
  std::vector<ShardCopy> copies_;
  std::deque<Progress> parts_;  // their addresses are held by what is asked
  std::uint64_t bytes_fetched_ = 0;
  std::map<std::size_t, Troubles> troubles_;   // what could not be read, by the shard's number
  std::set<std::string> unresponsive_;         // stores that were asked in vain
  std::set<std::size_t> unanswered_;           // shards that stores were asked for in vain
  std::optional<Milliseconds> longest_asked_;  // how long a provider wants to be left alone
  bool looked_again_ = false;
  bool looked_for_parity_ = false;
  NeededWait needed_;
  Answers race_;
};

}  // namespace modelfloat::transfer
