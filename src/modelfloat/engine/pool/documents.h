#pragma once
// Documents: the small sealed objects that every store holds, such as manifests, log records,
// checkpoints and key slots.

#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "modelfloat/engine/pool/environment.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/transfer/ask/finding.h"
#include "modelfloat/transfer/ask/listing.h"
#include "modelfloat/transfer/ask/race.h"
#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::engine {

struct NamedObject {
  ObjectName name;
  Bytes bytes;
};

// While this object lives, the registry records which stores have confirmed these documents, no
// matter which process uploaded them.
class AwaitedPuts {
 public:
  // May be created inside a registry transaction, and may outlive that transaction.
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

// Uploads documents to the stores and reads them back. All methods may be called from any thread.
class Documents {
 public:
  Documents(const Environment& environment, transfer::StoreSet& stores)
      : environment_(environment), stores_(stores), race_(environment.clock, transfer::CallKind::put, {}) {}

  // Adds the objects to the upload queue in the registry, for every store that the registry lists.
  // From then on they survive a crash. May be called inside a registry transaction.
  void enqueue(std::span<const NamedObject> objects);

  // Uploads the queued objects to all online stores in parallel, checks that each store shows them,
  // and returns the number of bytes uploaded. WaitFor::quorum: does not wait for any store. Uploads
  // that are still running continue in the background, and the next call records what they stored.
  // Returns 0 when another thread is in flush(). WaitFor::all: waits for all stores. Once each of
  // `objects` is in `domains` failure domains, the remaining stores are stragglers and are waited
  // for only briefly; their uploads continue in the background. Objects already stored stay
  // recorded, even when this throws. A store that fails keeps its queue and does not make this
  // throw. That is logged once, and again only after the store has accepted something.
  std::uint64_t flush(transfer::WaitFor wait_for, const CallOptions& call, std::span<const NamedObject> objects = {},
                      std::size_t domains = 0);
  // From now on this store counts for no failure domain before stores of so many others have
  // confirmed the record that added it to the pool: machines that do not know of it yet do not look
  // there (format document, section 15). Other processes of this home know it, too.
  void count_only_when_known(const StoreId& store, const ObjectName& record, std::size_t domains);
  // Returns whether stores of at least `domains` failure domains have confirmed each of the
  // objects. An AwaitedPuts for the objects must exist since before they were enqueued.
  bool is_durable(std::span<const NamedObject> objects, std::size_t domains) const;
  // Throws Error{offline} unless is_durable().
  void require_durable(std::span<const NamedObject> objects, std::size_t domains) const;
  // Calls enqueue(), flush() with WaitFor::all, and require_durable(). Returns the bytes uploaded.
  std::uint64_t put(std::span<const NamedObject> objects, std::size_t domains, const CallOptions& call);

  // Returns one document of a manifest, from the cache in the registry or from any store. Throws
  // Error{lost} when no store that can be read now has a good copy.
  Bytes get(const ObjectName& name, const transfer::FindingSink& finding, const CallOptions& call);

 private:
  // What a store has confirmed and the registry has not recorded yet. Shared with the call that
  // fills it.
  struct SentObjects {
    std::mutex mutex;
    std::vector<std::string> objects;
    std::uint64_t bytes = 0;
  };
  struct Sending {  // to one store
    std::shared_ptr<SentObjects> sent;
    bool has_taken = false;  // it confirmed an object during this flush
  };
  struct Outcome {
    std::string trouble;  // why some objects were not sent; else empty
    bool cancelled = false;
  };
  using Race = transfer::Race<Outcome, Sending>;

  void start_sending();
  std::uint64_t record_sent(const transfer::PoolStore& store, Sending& sending);
  std::uint64_t record_all_sent();
  std::uint64_t handle_answer(Race::Answer& answer);
  std::uint64_t flush_once(transfer::WaitFor wait_for, const CallOptions& call, std::span<const NamedObject> objects,
                           std::size_t domains);
  // For each object counts the failure domains that have confirmed it. Returns the smallest count.
  std::size_t domains_having(std::span<const NamedObject> objects) const;
  bool is_known_enough(const BarelyKnownStore& one) const;
  std::set<StoreId> stores_that_do_not_count() const;
  void forget_known_enough();
  static Outcome send(store::Store& store, const std::string& where, transfer::StoreState& state,
                      const std::vector<registry::QueuedPut>& queue, SentObjects& sent,
                      const transfer::Timeouts& timeouts, Clock& clock, const CallOptions& call);

  const Environment environment_;
  transfer::StoreSet& stores_;
  std::mutex mutex_;                             // guards all below; held while flush() waits
  std::set<const transfer::PoolStore*> failed_;  // during this flush
  std::set<const transfer::PoolStore*> warned_;  // a failure was logged, nothing confirmed since
  Race race_;                                    // its calls continue between flushes
};

}  // namespace modelfloat::engine
