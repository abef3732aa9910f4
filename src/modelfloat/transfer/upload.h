#pragma once
// New fragments go out: packed, sealed, erasure-coded, placed, put and confirmed, pack by pack.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "modelfloat/base/executor.h"
#include "modelfloat/base/random.h"
#include "modelfloat/domain/redundancy.h"
#include "modelfloat/mf1/pack_builder.h"
#include "modelfloat/placement/policy.h"
#include "modelfloat/registry/registry.h"
#include "modelfloat/transfer/store_set.h"

namespace modelfloat::transfer {

struct UploadPlan {
  Redundancy redundancy;
  unsigned survive = 0;
  crypto::Suite suite = crypto::Suite::aes_256_gcm;
  std::optional<std::uint64_t> model_bytes;  // chooses the slice size; unknown: what has come so far does
  std::function<void(const PackId&)> on_durable = {};  // called on any thread, once the registry has the pack
};

struct UploadContext {
  const StoreSet& stores;
  registry::Registry& registry;
  const mf1::Keyring& keys;
  Random& random;
  Executor& cpu;
  Executor& io;
  CallOptions call;
};

// Packs fragments and brings the packs to the stores. Used by one thread; blocks while a full pack is still on its way, so that at most two
// packs are in memory. A pack counts as durable, and is entered in the registry, when every shard of it is confirmed.
class Upload {
 public:
  // Asks the stores for their free space.
  Upload(const UploadContext& context, const UploadPlan& plan);
  ~Upload();  // waits for what is on its way; a pack that is not full is dropped
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  // Throws what an earlier pack met: Error{out_of_space} when no valid placement is left.
  void add(mf1::EncodedFragment fragment);
  // Seals what is left and waits until every pack is durable.
  void finish();

  std::uint64_t stored_bytes() const;  // put so far
  std::uint64_t packs() const;         // durable so far

 private:
  struct Outgoing;  // a sealed pack and how many of its shards are still on their way

  void pack_pending(std::size_t keep);
  void close_pack(bool last);
  void seal_and_send(mf1::PackBuilder builder, bool last);
  void put_shard(Outgoing& pack, std::size_t index);
  void put_confirmed(const PoolStore& store, const ObjectName& name, const Bytes& object);
  std::optional<std::size_t> replacement(const Outgoing& pack, std::size_t index) const;
  void shard_done(const std::shared_ptr<Outgoing>& pack);
  std::vector<std::size_t> place_pack(const Pack& pack, std::uint64_t object_bytes);
  std::vector<Bytes> take_spare();
  mf1::PackShape next_shape() const;
  void wait_for_room(std::size_t packs_on_their_way);
  void fail(std::exception_ptr failure);

  const UploadContext context_;
  const UploadPlan plan_;
  std::vector<const PoolStore*> targets_;  // Candidate::store is an index into it

  std::vector<mf1::EncodedFragment> pending_;  // looked ahead, so that a pack's end can be filled
  std::optional<mf1::PackBuilder> builder_;
  std::uint64_t bytes_come_ = 0;

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::vector<placement::Candidate> candidates_;  // free space goes down as shards are placed
  std::vector<Bytes> spare_;                      // the shards of the pack before: fresh memory is dear
  std::size_t on_their_way_ = 0;
  std::exception_ptr failure_;
  std::uint64_t stored_bytes_ = 0;
  std::uint64_t packs_ = 0;
};

// The stores that new shards may go to, with the space that they have left. Candidate::store is an index into `targets`.
std::vector<placement::Candidate> placement_candidates(const std::vector<const PoolStore*>& targets, const CallOptions& call);

}  // namespace modelfloat::transfer
