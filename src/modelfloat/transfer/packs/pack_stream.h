#pragma once
// Turns a stream of fragments into sealed packs.

#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <vector>

#include "modelfloat/base/executor.h"
#include "modelfloat/base/random.h"
#include "modelfloat/domain/redundancy.h"
#include "modelfloat/mf1/pack_builder.h"

namespace modelfloat::transfer {

struct PackStreamContext {
  const mf1::Keyring& keys;
  Random& random;
  Executor& cpu;
};

// How the packs are made.
struct PackPlan {
  Redundancy redundancy;
  unsigned survive = 0;
  crypto::Suite suite = crypto::Suite::aes_256_gcm;
  // The slice size is chosen by this; if unknown, by the bytes added so far.
  std::optional<std::uint64_t> model_bytes;
  std::uint64_t max_object_bytes = UINT64_MAX;
};

// Whether more fragments may be added.
enum class MoreFragments { may_come, none };

// Packs fragments, and seals full packs on the CPU executor. One pack is filled while at most one
// other is being sealed. The caller decides when a full pack is sealed, and so how many packs are
// in memory. Used by one thread at a time.
class PackStream {
 public:
  using Sealed = std::shared_ptr<mf1::SealedPack>;

  // What `context` refers to outlives the stream. `on_sealed` is called on a thread of the CPU
  // executor when sealing a pack has succeeded or failed. It may be called after the stream was
  // destroyed.
  PackStream(const PackStreamContext& context, const PackPlan& plan, std::function<void()> on_sealed);
  ~PackStream();  // waits for the pack that is being sealed
  PackStream(const PackStream&) = delete;
  PackStream& operator=(const PackStream&) = delete;

  // Adds a fragment to those that wait to be packed. Does not wait.
  void add(mf1::EncodedFragment fragment);
  // Moves waiting fragments into the open pack. Returns true when the pack is full; then the caller
  // has to call seal(). While more fragments may come, some are held back, to find one that fills
  // the end of a pack.
  bool fill(MoreFragments more);
  // Whether no fragment waits and no pack is open.
  bool is_empty() const noexcept { return pending_.empty() && !builder_; }

  // Starts to seal the open pack, if there is one, and returns. Must not be called while another
  // pack is being sealed. With MoreFragments::none the slices are only as long as the content
  // needs.
  void seal(MoreFragments more);
  bool is_sealing() const noexcept { return sealing_.valid(); }
  // The pack that was sealed; null when sealing has not finished or was not started. Throws what
  // sealing threw.
  Sealed sealed_if_ready();
  // The same, but waits for it. Only while a pack is being sealed.
  Sealed wait_until_sealed() { return sealing_.get(); }
  // If the open pack is a quarter full, waits until all fragments of the pack that is being sealed
  // have left memory.
  void wait_for_memory();

  // Sets the redundancy of the packs that are opened from now on.
  void set_redundancy(Redundancy redundancy) { plan_.redundancy = redundancy; }
  // Packs the fragments of `pack` again, because it never became durable, and then those of the
  // open pack, before all other fragments.
  void take_back(const mf1::SealedPack& pack);
  // Buffers to reuse for the next pack, because allocating fresh memory is expensive.
  void reuse(std::vector<Bytes> buffers) { spare_ = std::move(buffers); }

 private:
  using Fragments = std::deque<mf1::EncodedFragment>;
  Fragments::iterator choose();
  mf1::PackShape next_shape() const;

  const PackStreamContext context_;
  PackPlan plan_;
  const std::function<void()> on_sealed_;
  Fragments pending_;  // waiting, to find one that fills a pack's end
  std::optional<mf1::PackBuilder> builder_;
  std::uint64_t bytes_come_ = 0;
  std::future<Sealed> sealing_;         // the pack that is being sealed, on all cores
  std::future<void> fragments_sealed_;  // ready when no fragment of that pack is left in memory
  std::vector<Bytes> spare_;
};

}  // namespace modelfloat::transfer
