#pragma once
// Reading packs: single frames as a manifest names them, or everything that a pack's own index
// lists.

#include <functional>
#include <span>
#include <vector>

#include "modelfloat/base/bytes.h"
#include "modelfloat/domain/fragment.h"
#include "modelfloat/domain/pack.h"
#include "modelfloat/mf1/keyring.h"
#include "modelfloat/mf1/pack_builder.h"
#include "modelfloat/mf1/seal.h"
#include "modelfloat/mf1/shard.h"

namespace modelfloat::mf1 {

// Reads `bytes` bytes of a pack, starting at `offset`.
using ReadPack = std::function<Bytes(std::uint64_t offset, std::uint64_t bytes)>;

// A ReadPack over the k data slices in memory, which must outlive it.
ReadPack read_from_slices(const Pack& pack, std::vector<ByteSpan> data_slices);

// Opens the frames of one pack. Its key is derived once. A manifest names the pack's epoch, but not
// which root of that number the pack is sealed under: where there are several, each is tried.
// Copyable; const calls may be made from many threads.
class PackOpener {
 public:
  // Error{denied} when the pack's epoch is not in the keyring, Error{unsupported} for an unknown
  // suite, Error{corrupt} for numbers that no pack can have.
  PackOpener(const Pack& pack, const Keyring& keyring);

  // Whether a shard object's header is the one that shard `index` of this pack must have, under any
  // root of its epoch: the commitment is compared first, then the other fields.
  bool fits(const ShardHeader& header, std::size_t index) const noexcept;

  // Decrypts and decodes a fragment of this pack, and checks its id. `sealed` are the frame's
  // bytes in order, in any number of parts; `plain_out` has fragment.plain_bytes bytes. Returns
  // false, with no plain byte left in `plain_out`, when the tag, the encoding or the id is wrong,
  // or when the fragment does not belong to this pack. Error{unsupported} for a codec that this
  // program does not know.
  [[nodiscard]] bool open(const Fragment& fragment, std::span<const ByteSpan> sealed, MutableByteSpan plain_out) const;

  // Decrypts a fragment of this pack, but does not decode it. Returns false, with nothing in
  // `encoded_out`, when the tag is wrong or the fragment is not one of this pack. Neither the
  // encoding nor the id is checked.
  [[nodiscard]] bool open_encoded(const Fragment& fragment, std::span<const ByteSpan> sealed, Bytes& encoded_out) const;

  // What the pack holds, by its own index. Reads the locator at the pack's end, then the index.
  // Error{corrupt} when either does not open or makes no sense.
  std::vector<Fragment> read_index(const ReadPack& read) const;

 private:
  // What one root makes of the pack.
  struct Keys {
    SaltKey salt;
    crypto::SecretKey fragment_id;
  };
  // The keys that open the frame; nullptr, with nothing in `out`, when none do.
  const Keys* open_frame(const FrameFacts& facts, std::span<const ByteSpan> sealed, MutableByteSpan out) const;

  Pack pack_;
  crypto::Suite suite_;
  std::vector<Keys, crypto::LockedAllocator<Keys>> keys_;  // never empty
  FrameBinder binder_;
  PoolTag pool_tag_;
};

// The entries of an opened index, whose frames must end exactly at `index_offset`. Error{corrupt}
// or Error{unsupported}.
std::vector<Fragment> parse_index(ByteSpan plain, const PackId& pack, std::uint64_t index_offset);

// The fragments of a pack that is still whole in memory, as they were before seal().
// Error{internal} when one does not open.
std::vector<EncodedFragment> encoded_fragments_of(const SealedPack& sealed, const Keyring& keyring);

// Decodes and checks a fragment that lies in the manifest itself; `epoch` is the manifest root's.
// Its id may be made with any root of that number. Rules as for PackOpener::open.
[[nodiscard]] bool open_inline(const Fragment& fragment, const Keyring& keyring, std::uint32_t epoch,
                               MutableByteSpan plain_out);

}  // namespace modelfloat::mf1
