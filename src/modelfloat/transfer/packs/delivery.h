#pragma once
// Delivers the shards of a pack to stores: chooses their places, puts and confirms them, and moves
// a shard to another store when a store fails.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/random.h"
#include "modelfloat/domain/pack.h"
#include "modelfloat/transfer/ask/race.h"
#include "modelfloat/transfer/packs/candidates.h"
#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::transfer {

// A shard object that is to be put.
struct ShardObject {
  std::size_t index = 0;               // of the shard in its pack
  std::shared_ptr<const Bytes> bytes;  // shared with puts, which may outlive the delivery
  // Where it was before, for example where its copy is damaged. It goes there unless the pack would
  // survive less then, or the store has no room.
  std::optional<StoreId> prefer = {};
};

// Where a shard lies.
struct ShardPlace {
  std::size_t index = 0;  // of the shard in its pack
  StoreId store{};
  std::string domain;
  std::string checksum = {};  // that the store showed when it was put; empty: none
  bool operator==(const ShardPlace&) const = default;
};

// Some or all shards of a pack.
struct ShardsToDeliver {
  Pack pack;
  std::vector<ShardObject> objects;  // at least one
  // Other shards that are on stores and stay there, each named once.
  std::vector<ShardPlace> lying = {};
};

// The stores that are left for another plan after some have failed.
struct StoresLeft {
  const Targets& targets;  // a store that failed has 0 free bytes
  // By the index of the store in `targets`, its last failure.
  const std::map<std::size_t, Error>& failed;
};

struct DeliveryContext {
  const StoreSet& stores;
  Random& random;
  CallOptions call;
};

enum class DeliveryState {
  idle,       // no delivery was started, or it was given up
  under_way,  // shards are being put
  stuck,      // a shard has no valid place; the others may still be under way
  delivered,  // every shard is confirmed
};

// Delivers the shards of packs, one pack after another. The places are chosen so that the pack,
// with the shards in `lying`, survives the loss of any `pack.survive` failure domains. Shards in
// `lying` are not moved. A put that fails, or takes far longer than its size allows, is made again
// at another store that keeps the placement valid. A store that failed gets no shards of later
// packs either. Shards that were put for a delivery that does not complete stay on the stores.
//
//   Delivery delivery({stores, random, call}, ask_targets(stores, call));
//   delivery.start({pack, objects, lying});
//   for (const ShardPlace& place : delivery.finish()) ...
//
// Used by one thread at a time. Only wait() and finish() wait. Any method that handles answers
// throws Error{cancelled} and Error{timed_out} as the call options say. After that the delivery can
// only be destroyed, which cancels the running puts.
class Delivery {
 public:
  // Delivers to the stores in `targets`, within their free space. `on_change` is called, on any
  // thread, when poll() has something to do and when next_event() has changed. It must return
  // quickly, and may be called after the delivery was destroyed.
  Delivery(const DeliveryContext& context, Targets targets, std::function<void()> on_change = {});
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  // Chooses the places, starts the puts and returns. Must not be called while a delivery is under
  // way or stuck. If no placement is valid, the delivery is stuck at once.
  // Throws Error{out_of_space} instead when a new plan cannot help either: no placement is valid,
  // and no store failed or turned out to be too full since the targets were asked or the last
  // delivery was given up. Throws Error{invalid} when an index is not in the pack or named twice,
  // or when there are too few shards to survive such a loss.
  void start(ShardsToDeliver shards);

  DeliveryState state() const noexcept { return state_; }
  // Handles the answers that have come, and starts what is due. Does not wait.
  DeliveryState poll();
  // Waits until the state is not under_way, and returns it.
  DeliveryState wait();
  // When poll() has to be called even if no answer has come; SteadyTime::max() if never.
  SteadyTime next_event() const;

  // Waits until every shard is confirmed and returns the places as places() does. For callers
  // without another plan: when the delivery is stuck, tries retry(). If that returns false, gives
  // up and throws Error{out_of_space}.
  std::vector<ShardPlace> finish();

  // The place of each object of the last delivery that was delivered, in the order in which the
  // objects were given.
  const std::vector<ShardPlace>& places() const noexcept { return places_; }
  // Whether a put that timed out may still be reading the objects of the last delivery. Their
  // buffers must not be reused then.
  bool is_still_read() const noexcept { return is_still_read_; }
  // The bytes of all shards confirmed so far, in all deliveries.
  std::uint64_t put_bytes() const noexcept { return put_bytes_; }

  // --- when it is stuck
  const std::string& why() const noexcept { return why_; }
  StoresLeft stores_left() const noexcept { return {targets_, failed_}; }
  // Makes failed stores usable again that had asked for a pause: they were left out while other
  // stores could replace them, which is not possible any more. Leaves out the store for which the
  // delivery is stuck. Each store is readmitted once until a put to it succeeds. Returns whether
  // there was any.
  bool readmit();
  // If the store for which the delivery is stuck asked for a pause that is worth waiting for
  // (needed_wait.h), plans to put the shard there after the pause. The delivery is then under way
  // again, and true is returned. Otherwise returns false and changes nothing.
  bool retry();
  // Cancels all puts; the delivery is idle then. For owners that have made another plan from
  // stores_left().
  void give_up();

 private:
  struct Put {                 // one attempt
    std::size_t position = 0;  // of the object in shards_.objects
    std::size_t target = 0;    // index into targets_
    SteadyTime give_up{};      // for a store that ignores its deadline
  };
  struct Retry {
    std::size_t position = 0;
    std::size_t target = 0;
    SteadyTime at;
  };
  using Puts = Race<std::string, Put>;  // an answer is the checksum that the store shows

  const PoolStore& store(std::size_t target) const { return *targets_.stores[target]; }
  std::uint64_t& free_bytes(std::size_t target) { return targets_.candidates[target].free_bytes; }
  std::uint64_t object_bytes() const { return shards_.objects.front().bytes->size(); }
  bool place_preferred();
  void place_missing();
  std::vector<placement::Placed> placed() const;
  bool drop_candidates_below(std::uint64_t bytes);
  void take_room(std::size_t target);
  void put_shard(std::size_t position);
  void handle_answer(const Puts::Answer& answer);
  void put_failed(const Put& put, const Error& error);
  void give_up_overdue();
  void make_due_retries();
  void wait_for_answer();
  void become_delivered();
  void notify() const;

  const DeliveryContext context_;
  const std::function<void()> on_change_;
  // Their free space is reduced as shards are placed.
  Targets targets_;
  std::map<std::size_t, Error> failed_;                    // see StoresLeft
  std::map<std::size_t, std::uint64_t> room_when_failed_;  // by target
  // By target: since when its puts are tried again after pauses.
  std::map<std::size_t, SteadyTime> needed_since_;
  // Targets that failed and were readmitted, until a put to them succeeds.
  std::set<std::size_t> readmitted_;
  bool has_failed_since_planned_ = false;  // some store
  std::uint64_t put_bytes_ = 0;

  DeliveryState state_ = DeliveryState::idle;
  ShardsToDeliver shards_;
  // The target of each object; nullopt: it has no place.
  std::vector<std::optional<std::size_t>> at_;
  std::vector<std::string> checksums_;  // of each object, as ShardPlace::checksum
  std::size_t left_ = 0;                // objects that are not confirmed
  std::vector<Retry> retries_;
  std::string why_;
  std::optional<Put> stuck_;  // the put that failed; nullopt: no place from the start
  std::vector<ShardPlace> places_;
  bool is_still_read_ = false;
  Puts puts_;
};

}  // namespace modelfloat::transfer
