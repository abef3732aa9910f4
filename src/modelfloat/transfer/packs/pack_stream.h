#pragma once
// Fragments become sealed packs, one after another.

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
  // Chooses the slice size; unknown: what has come so far does.
  std::optional<std::uint64_t> model_bytes;
  std::uint64_t max_object_bytes = UINT64_MAX;
};

// Whether fragments come after those that were added so far.
enum class MoreFragments { may_come, none };

// Packs fragments, and seals full packs on the CPU pool. One pack is filled while at most one other
// is being sealed; the caller decides when the full one may be sealed, and so how many packs are in
// memory. Used by one thread at a time.
class PackStream {
 public:
  using Sealed = std::shared_ptr<mf1::SealedPack>;

  // What `context` names outlives the stream. `on_sealed` is called on a thread of the CPU pool
  // when a pack was sealed, or could not be; it may be called after the stream is gone.
  PackStream(const PackStreamContext& context, const PackPlan& plan, std::function<void()> on_sealed);
  ~PackStream();  // waits for the pack that is being sealed
  PackStream(const PackStream&) = delete;
  PackStream& operator=(const PackStream&) = delete;

  // The fragment waits to be packed.
  void add(mf1::EncodedFragment fragment);
  // Moves fragments that wait into the open pack. Returns true when it is full: then seal() comes
  // next. While more may come, some are held back to find one that fills a pack's end.
  bool fill(MoreFragments more);
  // Whether no fragment waits and no pack is open.
  bool is_empty() const noexcept { return pending_.empty() && !builder_; }

  // Begins to seal the open pack, if there is one. Not to be called while another is being sealed.
  // Where no more fragments come, its slices are as short as what is in them.
  void seal(MoreFragments more);
  bool is_sealing() const noexcept { return sealing_.valid(); }
  // The pack that was sealed; null while it is not ready, and when none is being sealed. Throws
  // what sealing threw.
  Sealed sealed_if_ready();
  // The same, and waits for it. Only while one is being sealed.
  Sealed wait_until_sealed() { return sealing_.get(); }
  // When the open pack has grown to a quarter: waits until no fragment of the pack that is being
  // sealed is left in memory.
  void wait_for_memory();

  // Of the packs to come.
  void set_redundancy(Redundancy redundancy) { plan_.redundancy = redundancy; }
  // The fragments of this pack, which never became durable, and then those of the open one are
  // packed anew, before all others.
  void take_back(const mf1::SealedPack& pack);
  // Buffers for the next pack: fresh memory is dear.
  void reuse(std::vector<Bytes> buffers) { spare_ = std::move(buffers); }

 private:
  using Fragments = std::deque<mf1::EncodedFragment>;
  Fragments::iterator choose();
  mf1::PackShape next_shape() const;

  const PackStreamContext context_;
  PackPlan plan_;
  const std::function<void()> on_sealed_;
  Fragments pending_;  // looked ahead, so that a pack's end can be filled
  std::optional<mf1::PackBuilder> builder_;
  std::uint64_t bytes_come_ = 0;
  std::future<Sealed> sealing_;         // a pack that all cores work on
  std::future<void> fragments_sealed_;  // ready when no fragment of that pack is left in memory
  std::vector<Bytes> spare_;
};

}  // namespace modelfloat::transfer
