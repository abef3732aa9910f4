#pragma once
// The small sealed objects that go to every store: manifests, log records, checkpoints, slots.

#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "modelfloat/engine/pool/environment.h"
#include "modelfloat/transfer/ask/finding.h"
#include "modelfloat/transfer/ask/listing.h"
#include "modelfloat/transfer/ask/race.h"
#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::engine {

struct NamedObject {
  ObjectName name;
  Bytes bytes;
};

// While it lives, the registry remembers which stores have confirmed these objects, whichever
// process put them there.
class AwaitedPuts {
 public:
  // May be made within a registry transaction, and outlive it.
  AwaitedPuts(registry::Journal& registry, std::span<const NamedObject> objects);
  AwaitedPuts(AwaitedPuts&& other) noexcept : registry_(other.registry_), objects_(std::exchange(other.objects_, {})) {}
  AwaitedPuts& operator=(AwaitedPuts&&) = delete;
  AwaitedPuts(const AwaitedPuts&) = delete;
  AwaitedPuts& operator=(const AwaitedPuts&) = delete;
  ~AwaitedPuts();

 private:
  registry::Journal& registry_;
  std::vector<std::string> objects_;  // paths
};

// Shared by threads.
class Documents {
 public:
  Documents(const Environment& environment, transfer::StoreSet& stores)
      : environment_(environment), stores_(stores), race_(environment.clock, transfer::CallKind::put, {}) {}

  // Writes the objects down in the registry's queue for every store that the registry has: from
  // here on they are not forgotten. May be part of a registry transaction.
  void enqueue(std::span<const NamedObject> objects);

  // Puts what is queued to the stores that are online, in parallel, looks whether they show it, and
  // returns the bytes put. With WaitFor::quorum nobody is waited for: what goes out meanwhile is
  // taken note of by the next call. With WaitFor::all a store that is far behind the others is left
  // to go on by itself, once every one of `objects` is in `domains` failure domains; what it has
  // taken by then it has, also when this throws. A store that fails keeps its queue; that is
  // logged, once until it takes something again, not thrown.
  std::uint64_t flush(transfer::WaitFor wait_for, const CallOptions& call, std::span<const NamedObject> objects = {},
                      std::size_t domains = 0);
  // Whether stores of at least `domains` failure domains have confirmed each of the objects. They
  // are awaited since before they were enqueued.
  bool is_durable(std::span<const NamedObject> objects, std::size_t domains) const;
  // Throws Error{offline} unless they have.
  void require_durable(std::span<const NamedObject> objects, std::size_t domains) const;
  // All three.
  std::uint64_t put(std::span<const NamedObject> objects, std::size_t domains, const CallOptions& call);

  // A manifest's document, from the registry's cache or any store. Throws Error{lost} when no store
  // at hand has a good copy.
  Bytes get(const ObjectName& name, const transfer::FindingSink& finding, const CallOptions& call);

 private:
  // What a store has taken and nobody has noted yet. Shared with the call that fills it.
  struct SentObjects {
    std::mutex mutex;
    std::vector<std::string> objects;
    std::uint64_t bytes = 0;
  };
  struct Sending {  // to one store
    std::shared_ptr<SentObjects> sent;
    bool has_taken = false;  // something, in this flush
  };
  struct Outcome {
    std::string trouble;  // why not all was sent
    bool cancelled = false;
  };
  using Race = transfer::Race<Outcome, Sending>;

  void start_sending();
  std::uint64_t record_sent(const transfer::PoolStore& store, Sending& sending);
  std::uint64_t record_all_sent();
  std::uint64_t handle_answer(Race::Answer& answer);
  std::uint64_t flush_once(transfer::WaitFor wait_for, const CallOptions& call, std::span<const NamedObject> objects,
                           std::size_t domains);
  // The fewest failure domains that have confirmed one of the objects.
  std::size_t domains_having(std::span<const NamedObject> objects) const;
  static Outcome send(store::Store& store, const std::string& where, transfer::StoreState& state,
                      const std::vector<registry::QueuedPut>& queue, SentObjects& sent,
                      const transfer::Timeouts& timeouts, const Clock& clock, const CallOptions& call);

  const Environment environment_;
  transfer::StoreSet& stores_;
  std::mutex mutex_;                             // guards all below; held while flush() waits
  std::set<const transfer::PoolStore*> failed_;  // in this flush
  std::set<const transfer::PoolStore*> warned_;  // about those that failed and took nothing since
  Race race_;                                    // goes on between flushes
};

}  // namespace modelfloat::engine
