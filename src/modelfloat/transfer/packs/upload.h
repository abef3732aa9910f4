#pragma once
// New fragments go out: packed, sealed, erasure-coded, placed, put and confirmed, pack by pack.

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "modelfloat/base/executor.h"
#include "modelfloat/base/random.h"
#include "modelfloat/domain/redundancy.h"
#include "modelfloat/mf1/pack_builder.h"
#include "modelfloat/placement/policy.h"
#include "modelfloat/registry/pack_index.h"
#include "modelfloat/transfer/ask/race.h"
#include "modelfloat/transfer/packs/candidates.h"
#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// What is left for the packs to come when stores have failed.
struct StoresLeft {
  const Targets& targets;                      // a store that failed has no room
  const std::map<std::size_t, Error>& failed;  // by the index of the store in `targets`, its last failure
};

struct UploadPlan {
  Redundancy redundancy;
  unsigned survive = 0;
  crypto::Suite suite = crypto::Suite::aes_256_gcm;
  std::optional<std::uint64_t> model_bytes;  // chooses the slice size; unknown: what has come so far does
  // Called once the registry has the pack, on the caller's thread or on that of the upload, never on both at once.
  std::function<void(const PackId&)> on_durable = {};
  // Called, on either of these threads, when no placement is valid any more. Returns the redundancy of the packs to come,
  // for which a placement is valid, or throws the Error that ends the upload. Empty: the upload ends at once.
  std::function<Redundancy(const StoresLeft&)> plan_again = {};
};

struct UploadContext {
  const StoreSet& stores;
  registry::PackIndex& registry;
  const mf1::Keyring& keys;
  Random& random;
  Executor& cpu;
  CallOptions call;
};

// Packs fragments and brings the packs to the stores. Used by one thread; blocks while a full pack is still on its way, and when the next one has a quarter
// while the fragments of the full one are not sealed yet, so that at most two packs are in memory. A pack counts as durable, and is entered in the registry, when every shard of it is confirmed. A put that fails, or hangs for
// longer than its bytes may take, is made again at another store. Where no other store may take the shard, the pack is given up: its fragments
// are sealed anew, under a new salt, with the redundancy that the owner plans for the stores that are left. Where there is no such plan, and
// the store asked for a moment, it gets the shard as soon as it may, see needed_wait.h.
// The caller may stay away for long, waiting for bytes of its own: then a thread of the upload takes what the pools have done. One mutex lets
// either of them in; the caller holds it whenever it is in here, also while it waits, and the thread only for what needs no waiting. What the
// thread meets is thrown by the next call.
class Upload {
 public:
  // To these stores, as far as their room goes.
  Upload(const UploadContext& context, const UploadPlan& plan, Targets targets);
  ~Upload();  // a pack that is not full, or still on its way, is dropped
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  // Throws what an earlier pack met, and what `plan_again` throws when no valid placement is left.
  void add(mf1::EncodedFragment fragment);
  // Seals what is left and waits until every pack is durable.
  void finish();

  std::uint64_t stored_bytes() const;  // put so far
  std::uint64_t packs() const;         // durable so far
  std::set<StoreId> stores() const;    // that have shards of those

 private:
  struct Outgoing {  // a sealed pack; shared with the puts under way, one of which may never end
    mf1::SealedPack sealed;
    std::vector<std::size_t> targets;  // of each shard
    std::size_t left = 0;              // shards that are not confirmed
    bool abandoned_a_put = false;      // so its bytes may still be read
    const Bytes& object(std::size_t index) const { return sealed.shards[sealed.shards.size() == 1 ? 0 : index]; }
  };
  using Sealed = std::shared_ptr<Outgoing>;
  struct Put {              // one attempt
    std::size_t index = 0;  // of the shard
    std::size_t target = 0;
    SteadyTime give_up;  // for a store that does not heed its deadline
  };

  struct Retry {  // of a put to a store that asked for a moment, where no other store may take the shard
    std::size_t index = 0;
    std::size_t target = 0;
    SteadyTime at;
  };

  // Rung when something has come. Shared with the calls under way, which may outlive the upload.
  struct Wakeup {
    std::mutex mutex;
    std::condition_variable_any signalled;
    bool any = false;
    void notify();
  };

  void run_in_background(const std::stop_token& stop);
  SteadyTime next_look() const;
  void pack_pending(std::size_t keep);
  void close_pack();
  void wait_until_fragments_are_sealed();
  void handle_arrived_answers();
  void wait_until_durable();
  void send(Sealed pack);
  void put_shard(std::size_t index);
  void handle_answer(const Race<bool, Put>::Answer& answer);
  void put_failed(const Put& put, const Error& error);
  void give_up_overdue();
  std::optional<std::size_t> replacement(std::size_t index) const;
  void pack_is_durable();
  void place_pack();
  void wait_for_answer();
  void make_due_retries();
  bool retry_later(const Put& put);
  bool readmit_who_asked_for_a_moment(std::optional<std::size_t> but);
  bool drop_candidates_below(std::uint64_t object_bytes);
  void plan_again(const std::string& why, std::optional<std::size_t> failed);
  void take_fragments_back();
  mf1::PackShape next_shape() const;

  const UploadContext context_;
  const UploadPlan plan_;
  const std::shared_ptr<Wakeup> wakeup_ = std::make_shared<Wakeup>();

  mutable std::mutex mutex_;                  // guards all below
  std::exception_ptr failure_;                // what the thread met
  Redundancy redundancy_;                     // of the packs to come
  Targets targets_;                           // free space goes down as shards are placed
  std::map<std::size_t, Error> failed_;       // see StoresLeft
  bool has_failed_since_planned_ = false;     // some store
  std::deque<mf1::EncodedFragment> pending_;  // looked ahead, so that a pack's end can be filled
  std::optional<mf1::PackBuilder> builder_;
  std::uint64_t bytes_come_ = 0;
  bool last_ = false;

  std::future<Sealed> sealing_;         // a pack that all cores work on
  std::future<void> fragments_sealed_;  // ready when no fragment of that pack is left in memory
  Sealed pack_;                         // the one that is on its way
  std::vector<Retry> retries_;
  std::map<std::size_t, SteadyTime> needed_since_;         // by target, while its puts are tried again
  std::map<std::size_t, std::uint64_t> room_when_failed_;  // by target
  std::set<std::size_t> readmitted_;                       // targets that failed, in the plan again and not proven yet
  std::vector<Bytes> spare_;                               // the shards of the pack before: fresh memory is dear
  std::uint64_t stored_bytes_ = 0;
  std::uint64_t packs_ = 0;
  std::set<StoreId> stores_;  // that have shards of durable packs
  Race<bool, Put> race_;      // the puts of its shards

  std::jthread background_;
};

}  // namespace modelfloat::transfer
