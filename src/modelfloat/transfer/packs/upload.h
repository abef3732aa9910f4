#pragma once
// New fragments go out: packed, sealed, erasure-coded, placed, put and confirmed, pack by pack.

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "modelfloat/registry/pack_index.h"
#include "modelfloat/transfer/packs/delivery.h"
#include "modelfloat/transfer/packs/pack_stream.h"

namespace modelfloat::transfer {

struct UploadPlan {
  Redundancy redundancy;
  unsigned survive = 0;
  crypto::Suite suite = crypto::Suite::aes_256_gcm;
  // Chooses the slice size; unknown: what has come so far does.
  std::optional<std::uint64_t> model_bytes;
  // Called by whoever is inside (see Upload) when no placement is valid any more. Returns the
  // redundancy of the packs to come, for which a placement is valid, or throws the Error that ends
  // the upload. Empty: the upload ends at once.
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

// Packs fragments and brings the packs to the stores. Used by one thread. It blocks while a full
// pack is still on its way, and when the next one has a quarter while the fragments of the full one
// are not sealed yet, so that at most two packs are in memory. A pack counts as durable, and is
// entered in the registry, when every shard of it is confirmed. Delivery says what becomes of puts
// that fail. Where a shard has no valid place any more, the pack is given up: its fragments are
// sealed anew, under a new salt, with the redundancy that the owner plans for the stores that are
// left. Where there is no such plan, and the store asked for a moment, it gets the shard as soon as
// it may.
//
// Inside is either the caller or the background thread, which takes what the pools have done while
// the caller does other work. The caller holds the mutex from the beginning to the end of each
// call, also while that waits; the thread holds it only for what needs no waiting. What either
// meets ends the upload, and every later call throws it.
class Upload {
 public:
  // To these stores, as far as their room goes.
  Upload(const UploadContext& context, const UploadPlan& plan, Targets targets);
  ~Upload() = default;  // a pack that is not full, or still on its way, is dropped
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  // Throws what an earlier fragment or pack met, and what `plan_again` throws when no valid
  // placement is left.
  void add(mf1::EncodedFragment fragment);
  // Seals what is left and waits until every pack is durable.
  void finish();

  std::uint64_t stored_bytes() const;         // put so far
  std::uint64_t packs() const;                // durable so far
  std::vector<PackId> durable_packs() const;  // these
  std::set<StoreId> stores() const;           // that have shards of those

 private:
  // Set when something has come. Shared with the calls under way, which may outlive the upload.
  struct Wakeup {
    std::mutex mutex;
    std::condition_variable_any signalled;
    bool any = false;
    void notify();
  };

  template <typename Work>
  void go_inside(const Work& work);
  void run_in_background(const std::stop_token& stop);
  void handle_arrived_answers();
  void wait_until_durable();
  void seal(MoreFragments more);
  void deliver(PackStream::Sealed pack);
  void delivery_ended();
  void pack_is_durable();
  void plan_again();
  Redundancy redundancy_for_stores_left();

  const UploadContext context_;
  const UploadPlan plan_;
  const std::shared_ptr<Wakeup> wakeup_ = std::make_shared<Wakeup>();

  mutable std::mutex mutex_;    // guards all below
  std::exception_ptr failure_;  // that ended the upload
  PackStream stream_;
  Delivery delivery_;
  PackStream::Sealed pack_;  // that is being delivered
  std::vector<PackId> packs_;
  std::set<StoreId> stores_;

  std::jthread background_;  // stopped and joined before all else goes
};

}  // namespace modelfloat::transfer
