#pragma once
// Shards of one pack onto stores: placed, put, confirmed, and put elsewhere where a store fails.

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
  std::shared_ptr<const Bytes> bytes;  // shared with puts, one of which may outlive the delivery
};

// Where a shard lies.
struct ShardPlace {
  std::size_t index = 0;  // of the shard in its pack
  StoreId store{};
  std::string domain;
  bool operator==(const ShardPlace&) const = default;
};

// Some or all shards of a pack.
struct ShardsToDeliver {
  Pack pack;
  std::vector<ShardObject> objects;  // at least one
  // Other shards that are on stores and stay there, each named once.
  std::vector<ShardPlace> lying = {};
};

// What is left for another plan when stores have failed.
struct StoresLeft {
  const Targets& targets;  // a store that failed has no room
  // By the index of the store in `targets`, its last failure.
  const std::map<std::size_t, Error>& failed;
};

struct DeliveryContext {
  const StoreSet& stores;
  Random& random;
  CallOptions call;
};

enum class DeliveryState {
  idle,       // nothing was started, or it was given up
  under_way,  // shards are being put
  stuck,      // a shard has no valid place any more; the others may still be under way
  delivered,  // every shard is confirmed
};

// Delivers shards of one pack after another. The places are chosen so that the pack, with the
// shards that lie already, survives the loss of any `pack.survive` failure domains. Shards that lie
// already are not moved. A put that fails, or takes far longer than its bytes may, is made again at
// another store that keeps the placement valid. A store that failed gets no shard of later packs
// either. What was put for a delivery that ends otherwise stays on the stores.
//
//   Delivery delivery({stores, random, call}, ask_targets(stores, call)); delivery.start({pack,
//   objects, lying}); for (const ShardPlace& place : delivery.finish()) ...
//
// Used by one thread at a time. Only wait() and finish() wait. All methods throw Error{cancelled}
// and Error{timed_out} as the caller's options say; after that the delivery can only be destroyed,
// which cancels what is under way.
class Delivery {
 public:
  // To these stores, as far as their room goes. `on_change` is called, on any thread, when poll()
  // has something to do and when next_event() has changed. It must be quick, and may be called
  // after the delivery is gone.
  Delivery(const DeliveryContext& context, Targets targets, std::function<void()> on_change = {});
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  // Chooses the places and begins to put. Not to be called while a delivery is under way or stuck.
  // It is stuck at once when no placement is valid. But Error{out_of_space} is thrown when no store
  // has failed, or turned out to be too full, since the stores were asked or the last delivery was
  // given up: then no new plan can help. Error{invalid} when an index is not of this pack or named
  // twice, or when all these shards are too few to survive such a loss.
  void start(ShardsToDeliver shards);

  DeliveryState state() const noexcept { return state_; }
  // Does what can be done without waiting.
  DeliveryState poll();
  // Waits until the delivery is not under way.
  DeliveryState wait();
  // When poll() has something to do although no answer has come.
  SteadyTime next_event() const;

  // Waits until every shard is confirmed and returns their places. For callers that have no other
  // plan: where it is stuck, retry() is tried. When that is in vain it is given up, with
  // Error{out_of_space}.
  std::vector<ShardPlace> finish();

  // When it is delivered: the place of each object, in the order in which they were given.
  const std::vector<ShardPlace>& places() const noexcept { return places_; }
  // Whether a put that was given up may still read the objects of the last delivery.
  bool is_still_read() const noexcept { return is_still_read_; }
  // Confirmed so far, of all deliveries.
  std::uint64_t put_bytes() const noexcept { return put_bytes_; }

  // --- when it is stuck
  const std::string& why() const noexcept { return why_; }
  StoresLeft stores_left() const noexcept { return {targets_, failed_}; }
  // Counts the stores as usable again that failed and asked for a moment, because others could
  // stand in, which is over. Not the one for which it is stuck, and each once until it has taken
  // something. Returns whether there was any.
  bool readmit();
  // Where the store for which it is stuck asked for a moment that is worth waiting for
  // (needed_wait.h): it gets the shard then, and the delivery is under way again. Returns false
  // where not.
  bool retry();
  // Stops all puts; the delivery is idle. For an owner who has made another plan with
  // stores_left().
  void give_up();

 private:
  struct Put {                 // one attempt
    std::size_t position = 0;  // of the object in shards_.objects
    std::size_t target = 0;    // index into targets_
    SteadyTime give_up{};      // for a store that does not heed its deadline
  };
  struct Retry {
    std::size_t position = 0;
    std::size_t target = 0;
    SteadyTime at;
  };
  using Puts = Race<bool, Put>;

  const PoolStore& store(std::size_t target) const { return *targets_.stores[target]; }
  std::uint64_t& free_bytes(std::size_t target) { return targets_.candidates[target].free_bytes; }
  std::uint64_t object_bytes() const { return shards_.objects.front().bytes->size(); }
  void place_missing();
  std::vector<placement::Placed> placed() const;
  bool drop_candidates_below(std::uint64_t bytes);
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
  // Free space goes down as shards are placed.
  Targets targets_;
  std::map<std::size_t, Error> failed_;                    // see StoresLeft
  std::map<std::size_t, std::uint64_t> room_when_failed_;  // by target
  // By target, while its puts are tried again.
  std::map<std::size_t, SteadyTime> needed_since_;
  // Targets that failed, in the plan again and not proven yet.
  std::set<std::size_t> readmitted_;
  bool has_failed_since_planned_ = false;  // some store
  std::uint64_t put_bytes_ = 0;

  DeliveryState state_ = DeliveryState::idle;
  ShardsToDeliver shards_;
  // The target of each object; nothing: it has no place.
  std::vector<std::optional<std::size_t>> at_;
  std::size_t left_ = 0;  // objects that are not confirmed
  std::vector<Retry> retries_;
  std::string why_;
  std::optional<Put> stuck_;  // the put that failed; nothing when no place was found from the start
  std::vector<ShardPlace> places_;
  bool is_still_read_ = false;
  Puts puts_;
};

}  // namespace modelfloat::transfer
