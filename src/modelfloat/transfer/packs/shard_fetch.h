#pragma once
// Fetches parts of shards from the stores that answer quickest: any k shards are enough to rebuild
// every slice.

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
  bool known = false;  // the registry says that it is there; else it is a guess
  // Whether the manifest names the shard. If not, it is parity that was added later, and only the
  // authentication tags of the frames prove its bytes.
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
  std::vector<Held> held = {};  // parts that were read, each of another shard
  bool is_held(std::size_t index) const;
  // Whether all wanted shards are held, or any k shards, from which the others can be rebuilt.
  bool is_complete(std::size_t k) const;
};

// Fetches the parts of one pack. Each wanted shard is asked of its best copy. When that is late or
// fails, other copies are asked, then other shards, until any k have come; the calls that are left
// are cancelled. If the shards that the manifest names are too few, it looks for parity that was
// added later, and waits for stores that asked for a pause (needed_wait.h).
// Used by one thread. All methods that wait throw Error{cancelled} and Error{timed_out} as the call
// options say.
class ShardFetch {
 public:
  struct Context {
    StoreSet& stores;
    registry::PackIndex& registry;
    FindingSink finding;  // may be empty
    CallOptions call;
  };
  // Whether the bytes of a part are usable. If not, the copy counts as corrupt.
  using Check = std::function<bool(const ShardCopy&, const ShardPart&, ByteSpan)>;

  // `pack` outlives it.
  ShardFetch(const Context& context, const Pack& pack, Check check);

  // Waits until k shards are known to have copies on stores that are online, or until no store is
  // pending.
  void wait_for_stores();
  // Adds a part and asks for its first shards. `part` must live until clear() or the end of the
  // fetch.
  void add(ShardPart& part);
  // Waits until all parts are complete. Returns false when one cannot be completed; see failure().
  // May be called again after the caller has dropped held bytes that were wrong.
  bool finish();
  // Handles the answers that have come and asks other stores for what is late, without waiting. For
  // a fetch whose finish() is called later.
  void poll();
  // Cancels all running calls and forgets the parts.
  void clear();

  // Whether a copy of this shard is known to be on a store that is online; for knows_enough(),
  // copies of any k shards.
  bool knows_copy_of(std::size_t index);
  bool knows_enough();

  // Reports that a copy that passed the check had wrong bytes.
  void report_corrupt(const ShardCopy& copy);
  // Reports that the pack cannot be opened with this copy, which the manifest does not name. This
  // is not recorded as damage: another copy may be the wrong one.
  void report_unproven(const ShardCopy& copy);

  std::uint64_t bytes_fetched() const noexcept { return bytes_fetched_; }
  // The error for a part that cannot be completed. Error{rate_limited} when stores that asked for a
  // pause have what is missing. Otherwise Error{lost}; it has a time to try again when stores that
  // are offline or did not answer may have it.
  Error failure(const ShardPart& part) const;

 private:
  using Content = std::optional<Bytes>;
  struct Shard {
    std::size_t index = 0;
    Hash256 object{};
    std::vector<StoreId> places;  // as the registry says
    bool named = true;            // see ShardCopy
  };
  // Objects, and stores that may have them.
  using Copies = std::set<std::pair<Hash256, const PoolStore*>>;
  struct Progress {  // of one part
    ShardPart* part = nullptr;
    Copies tried = {};
    // Those of `tried` whose store did not answer. They may be asked again when needed.
    Copies unanswered = {};
    // Any k shards are asked for, because a wanted one cannot be had in time.
    bool rebuild = false;
    std::vector<double> answered_after = {};  // seconds
  };
  struct Asked {
    Progress* progress = nullptr;
    ShardCopy copy;
    HedgeTimer timer;
  };
  using Answers = Race<Content, Asked>;

  using Troubles = std::map<std::string, std::string>;  // by store name: why not readable

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
  // Names of stores that are offline and may have the shard.
  std::set<std::string> may_come_back_from(const Shard& shard) const;

  const Context context_;
  const Pack& pack_;
  const Check check_;
  // The shards that the manifest names, then parity that was added later.
  std::vector<Shard> shards_;
  std::set<const PoolStore*> listed_;  // stores whose copies are in copies_
  std::vector<ShardCopy> copies_;
  std::deque<Progress> parts_;  // running calls hold their addresses
  std::uint64_t bytes_fetched_ = 0;
  std::map<std::size_t, Troubles> troubles_;   // by index of the shard
  std::set<std::string> unresponsive_;         // stores that did not answer
  std::set<std::size_t> unanswered_;           // shards that they were asked for
  std::optional<Milliseconds> longest_asked_;  // the longest pause that a provider asked for
  bool looked_again_ = false;
  bool looked_for_parity_ = false;
  NeededWait needed_;
  Answers race_;
};

}  // namespace modelfloat::transfer
