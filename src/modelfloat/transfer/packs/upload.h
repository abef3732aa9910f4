#pragma once
// Uploads new fragments pack by pack: packs, seals, erasure-codes, places, puts and confirms them.

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
  // The slice size is chosen by this; if unknown, by the bytes added so far.
  std::optional<std::uint64_t> model_bytes;
  // Called when no placement is valid any more, on the caller's thread or the background thread of
  // the upload, with the mutex held. Returns the redundancy for the next packs, for which a
  // placement is valid, or throws the Error that ends the upload. Empty: the upload ends at once.
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

// Packs fragments and uploads the packs. At most two packs are in memory: add() blocks while the
// previous pack is being uploaded and this one is full, or while the previous one is being sealed
// and this one is a quarter full. A pack is durable, and is entered in the registry, when every
// shard of it is confirmed. Delivery describes what happens to puts that fail.
// When a shard has no valid place any more, the pack is given up: its fragments are sealed again,
// under a new salt, with the redundancy that `plan_again` returns for the stores that are left. If
// there is no such plan and the store had asked for a pause, the shard is put there after the
// pause.
// Called by one thread. A background thread handles answers while the caller does other work. The
// caller holds the mutex during each whole call, also while it waits; the background thread holds
// it only for work that does not wait. An exception on either thread ends the upload, and every
// later call throws it.
class Upload {
 public:
  // Uploads to the stores in `targets`, within their free space.
  Upload(const UploadContext& context, const UploadPlan& plan, Targets targets);
  ~Upload() = default;  // a pack that is not full, or still on its way, is dropped
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  // Adds a fragment; may block, see above. Throws what ended the upload: the Error of an earlier
  // fragment or pack, or what `plan_again` threw. Also throws Error{cancelled} and
  // Error{timed_out}, as the call options say.
  void add(mf1::EncodedFragment fragment);
  // Seals the fragments that are left and waits until every pack is durable. Throws like add().
  void finish();

  std::uint64_t stored_bytes() const;         // bytes of shards confirmed so far
  std::uint64_t packs() const;                // number of durable packs so far
  std::vector<PackId> durable_packs() const;  // the ids of these packs
  std::set<StoreId> stores() const;           // the stores that have shards of them

 private:
  // Wakes the background thread. Shared with the running calls, which may outlive the upload.
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
  std::exception_ptr failure_;  // what ended the upload
  PackStream stream_;
  Delivery delivery_;
  PackStream::Sealed pack_;  // the pack that is being delivered
  std::vector<PackId> packs_;
  std::set<StoreId> stores_;

  std::jthread background_;  // last member: stopped and joined first
};

}  // namespace modelfloat::transfer
