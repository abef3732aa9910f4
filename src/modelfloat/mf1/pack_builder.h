#pragma once
// Making packs: encoded fragments are collected until a pack is full, then sealed and cut into
// shard objects.

#include <cstdint>
#include <functional>
#include <vector>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/random.h"
#include "modelfloat/crypto/aead.h"
#include "modelfloat/domain/codec.h"
#include "modelfloat/domain/fragment.h"
#include "modelfloat/domain/pack.h"
#include "modelfloat/domain/redundancy.h"
#include "modelfloat/mf1/keyring.h"

namespace modelfloat::mf1 {

// A fragment after its codec, not yet sealed.
struct EncodedFragment {
  FragmentId id{};  // made with the key of the root that the pack will be sealed under
  std::uint32_t plain_bytes = 0;
  Codec codec{};
  Bytes bytes;  // encoded; the plain bytes themselves for codec raw
};

// How a pack is cut into slices, and how many failure domains may be lost.
struct PackShape {
  Redundancy redundancy;
  std::uint64_t slice_bytes = 0;  // S: of a full pack; a multiple of 64
  std::uint8_t survive = 0;

  // Of a full pack.
  std::uint64_t pack_bytes() const noexcept { return slice_bytes * redundancy.k; }
};

inline constexpr std::size_t k_max_frames_per_pack = 65536;

// Collects the fragments of one pack. Computes the exact space that their index, the padding and
// the locator need. One thread at a time.
class PackBuilder {
 public:
  // Error{invalid} for a shape that the format does not have.
  explicit PackBuilder(const PackShape& shape);

  bool empty() const noexcept { return fragments_.empty(); }
  std::size_t size() const noexcept { return fragments_.size(); }
  const PackShape& shape() const noexcept { return shape_; }
  const std::vector<EncodedFragment>& fragments() const noexcept { return fragments_; }

  // The most encoded bytes that one further fragment may have; 0 when none fits.
  std::uint64_t bytes_left() const noexcept;
  bool fits(std::uint64_t encoded_bytes) const noexcept { return encoded_bytes <= bytes_left(); }
  // Error{internal} when the fragment does not fit or is not valid.
  void add(EncodedFragment fragment);

  // The fragments, in the order in which they were added; the builder is empty afterwards.
  std::vector<EncodedFragment> release() noexcept;

  // Bytes of the pack that are in use now: frames, index, an empty padding frame and locator.
  std::uint64_t used_bytes() const noexcept;

 private:
  friend struct SealedPack seal(PackBuilder&& builder, const Keyring& keyring, crypto::Suite suite, Random& random,
                                bool last_of_push, std::vector<Bytes> spare, const std::function<void()>&);
  PackShape shape_;
  std::vector<EncodedFragment> fragments_;
  std::uint64_t frames_bytes_ = 0;
};

// A finished pack, ready for its stores.
struct SealedPack {
  Pack pack;
  std::vector<Fragment> fragments;  // with their place, in the order in which they were added
  std::vector<Bytes> shards;        // objects 0 .. k+m-1, header and slice; a single one when k = 1
};

// Seals the collected fragments under a fresh salt and the preferred root of the keyring's current
// epoch, and makes the shard objects. Error{internal} for an empty builder.
// - Memory: (k+m) slices, and the encoded fragments. Each fragment's bytes are freed as soon as
//   they are sealed.
// - `last_of_push`: the slices are only as long as their content needs, rounded up.
// - `spare`: buffers to reuse for the shards, such as the shards of an earlier pack that are
//   stored already. Fresh memory costs the kernel as much time as sealing takes.
// - `on_fragments_sealed`: called once on this thread after the last encoded bytes were freed,
//   and before parities and names are made. Not called when seal() throws earlier. It must not
//   throw.
SealedPack seal(PackBuilder&& builder, const Keyring& keyring, crypto::Suite suite, Random& random, bool last_of_push,
                std::vector<Bytes> spare = {}, const std::function<void()>& on_fragments_sealed = {});

}  // namespace modelfloat::mf1
