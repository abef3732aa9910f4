#include "modelfloat/mf1/pack_builder.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>

#include "modelfloat/base/error.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/erasure/reed_solomon.h"
#include "modelfloat/mf1/pack_layout.h"
#include "modelfloat/mf1/padme.h"
#include "modelfloat/mf1/seal.h"
#include "modelfloat/mf1/shard.h"

namespace modelfloat::mf1 {
namespace {

using crypto::k_tag_bytes;

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) noexcept {
  return (value + unit - 1) / unit * unit;
}

// The shard objects of a pack in the making. Frames go straight into the slices of the first k.
class PackWriter {
 public:
  PackWriter(const Pack& pack, std::vector<Bytes> spare)
      : k_(pack.k), slice_bytes_(pack.slice_bytes), objects_(std::move(spare)) {
    objects_.resize(pack.k == 1 ? 1 : pack.shard_count());
    for (Bytes& object : objects_) {
      object.clear();  // else resize() would move the old bytes to a larger place
      object.resize(k_header_bytes + slice_bytes_);
    }
  }

  std::uint64_t position() const noexcept { return position_; }
  std::uint64_t left() const noexcept { return k_ * slice_bytes_ - position_; }

  // fill(MutableByteSpan) writes the next `bytes` bytes of the pack.
  template <typename Fill>
  void append(std::uint64_t bytes, Fill&& fill) {
    const MutableByteSpan here = slice(position_ / slice_bytes_).subspan(position_ % slice_bytes_);
    if (bytes <= here.size()) {
      fill(here.first(bytes));
      position_ += bytes;
      return;
    }
    scratch_.resize(bytes);
    fill(MutableByteSpan(scratch_));
    for (ByteSpan rest = scratch_; !rest.empty();) {
      const MutableByteSpan to = slice(position_ / slice_bytes_).subspan(position_ % slice_bytes_);
      const std::size_t step = std::min(rest.size(), to.size());
      std::copy_n(rest.begin(), step, to.begin());
      rest = rest.subspan(step);
      position_ += step;
    }
  }

  // Writes headers and parities; returns the names of the objects. Done in steps, so that what was
  // just written is hashed while it is in the cache.
  std::vector<Hash256> finish(ShardHeader header) {
    std::vector<crypto::Blake3> names(objects_.size());
    for (std::size_t i = 0; i < objects_.size(); ++i) {
      header.index = static_cast<std::uint8_t>(i);
      write_shard_header(header, objects_[i]);
    }
    const erasure::ReedSolomon code(k_, objects_.size() - k_);
    const std::uint64_t end = k_header_bytes + slice_bytes_;
    for (std::uint64_t done = 0; done < end; done += std::min(k_step, end - done)) {
      const std::uint64_t next = std::min(done + k_step, end);
      make_parity(code, std::max<std::uint64_t>(done, k_header_bytes), next);
      for (std::size_t i = 0; i < names.size(); ++i) names[i].update(ByteSpan(objects_[i]).subspan(done, next - done));
    }
    std::vector<Hash256> hashes;
    for (const crypto::Blake3& name : names) hashes.push_back(name.finish());
    return hashes;
  }

  // The finished objects; the writer is empty afterwards.
  std::vector<Bytes> release() { return std::move(objects_); }

 private:
  // Whole steps of this many bytes let BLAKE3 use its widest instructions.
  static constexpr std::uint64_t k_step = std::uint64_t{64} * 1024;

  // Of bytes [from, to) of the objects.
  void make_parity(const erasure::ReedSolomon& code, std::uint64_t from, std::uint64_t to) {
    if (code.parity_shards() == 0) return;
    std::vector<ByteSpan> data;
    std::vector<MutableByteSpan> parity;
    for (std::size_t i = 0; i < objects_.size(); ++i) {
      const MutableByteSpan part = MutableByteSpan(objects_[i]).subspan(from, to - from);
      if (i < k_) {
        data.push_back(part);
      } else {
        parity.push_back(part);
      }
    }
    code.encode(data, parity);
  }

  MutableByteSpan slice(std::size_t index) { return MutableByteSpan(objects_[index]).subspan(k_header_bytes); }

  std::size_t k_;
  std::uint64_t slice_bytes_;
  std::vector<Bytes> objects_;
  std::uint64_t position_ = 0;
  Bytes scratch_;  // for frames that straddle slices
};

// Seals frames one after the other into a PackWriter.
class FrameSealer {
 public:
  FrameSealer(PackWriter& writer, crypto::Suite suite, const SaltKey& key, const FrameBinder& binder)
      : writer_(writer), sealer_(suite, key.key), binder_(binder) {}

  void seal(const FrameFacts& facts, ByteSpan plain) {
    writer_.append(plain.size() + k_tag_bytes, [&](MutableByteSpan out) {
      sealer_.seal(frame_nonce(facts.number), binder_.aad(facts), plain, out);
    });
  }

  // A frame whose plaintext is zeros; it may be large, so it is sealed where it lies.
  void seal_zeros(std::uint32_t number, std::uint64_t plain_bytes) {
    const FrameFacts facts{.number = number, .plain_bytes = static_cast<std::uint32_t>(plain_bytes)};
    writer_.append(plain_bytes + k_tag_bytes, [&](MutableByteSpan out) {
      const MutableByteSpan plain = out.first(plain_bytes);
      std::fill(plain.begin(), plain.end(), std::byte{0});
      sealer_.seal(frame_nonce(number), binder_.aad(facts), plain, out);
    });
  }

 private:
  PackWriter& writer_;
  crypto::Sealer sealer_;
  const FrameBinder& binder_;
};

std::uint64_t slice_bytes_for(const PackShape& shape, std::uint64_t used, bool last_of_push) {
  if (!last_of_push) return shape.slice_bytes;
  const std::uint64_t k = shape.redundancy.k;
  return std::min(round_up(padme((used + k - 1) / k), k_slice_unit), shape.slice_bytes);
}

Fragment place_of(const EncodedFragment& fragment, const PackId& pack, std::uint64_t offset, std::uint32_t number) {
  const auto sealed_bytes = static_cast<std::uint32_t>(fragment.bytes.size() + k_tag_bytes);
  return {fragment.id, fragment.plain_bytes, fragment.codec, FrameRef{pack, offset, sealed_bytes, number}};
}

Bytes index_of(const std::vector<Fragment>& fragments) {
  Bytes index(fragments.size() * k_index_entry_bytes);
  FieldWriter writer(index);
  for (const Fragment& fragment : fragments) write_index_entry(fragment, writer);
  return index;
}

}  // namespace

PackBuilder::PackBuilder(const PackShape& shape) : shape_(shape) {
  if (!is_valid(shape.redundancy) || !is_slice_size(shape.slice_bytes, shape.redundancy.k))
    throw Error(ErrorKind::invalid, "pack", "no pack can have this shape");
}

std::uint64_t PackBuilder::used_bytes() const noexcept {
  return frames_bytes_ + fragments_.size() * k_index_entry_bytes + k_pack_end_bytes;
}

std::uint64_t PackBuilder::bytes_left() const noexcept {
  const std::uint64_t capacity = shape_.pack_bytes();
  const std::uint64_t used = used_bytes() + k_index_entry_bytes + k_tag_bytes;
  if (fragments_.size() >= k_max_frames_per_pack || used >= capacity) return 0;
  return capacity - used;
}

void PackBuilder::add(EncodedFragment fragment) {
  const std::uint64_t encoded = fragment.bytes.size();
  if (!is_fragment_size(fragment.codec.id, fragment.plain_bytes, encoded + k_tag_bytes) || !fits(encoded)) {
    throw Error(ErrorKind::internal, "pack", "something that is no fragment or does not fit was to be added");
  }
  frames_bytes_ += encoded + k_tag_bytes;
  fragments_.push_back(std::move(fragment));
}

std::vector<EncodedFragment> PackBuilder::release() noexcept {
  frames_bytes_ = 0;
  return std::exchange(fragments_, {});
}

SealedPack seal(PackBuilder&& builder, const Keyring& keyring, crypto::Suite suite, Random& random, bool last_of_push,
                std::vector<Bytes> spare, const std::function<void()>& on_fragments_sealed) {
  if (builder.empty()) throw Error(ErrorKind::internal, "pack", "an empty pack was to be sealed");
  const PackShape& shape = builder.shape_;
  Pack pack;
  pack.id = random.array<32>();
  pack.epoch = keyring.current_epoch();
  pack.suite = static_cast<std::uint8_t>(suite);
  pack.k = static_cast<std::uint8_t>(shape.redundancy.k);
  pack.m = static_cast<std::uint8_t>(shape.redundancy.m);
  pack.slice_bytes = slice_bytes_for(shape, builder.used_bytes(), last_of_push);
  pack.survive = shape.survive;

  const SaltKey key = derive_salt_key(keyring.key(pack.epoch, KeyUse::sealing), pack.id, ObjectType::shard, suite);
  const FrameBinder binder(keyring.pool_id(), pack.epoch, pack.id, ObjectType::shard, suite);
  PackWriter writer(pack, std::move(spare));
  FrameSealer sealer(writer, suite, key, binder);
  std::vector<Fragment> fragments;
  fragments.reserve(builder.fragments_.size());
  for (EncodedFragment& fragment : builder.fragments_) {
    const auto number = static_cast<std::uint32_t>(fragments.size());
    fragments.push_back(place_of(fragment, pack.id, writer.position(), number));
    sealer.seal({number, fragment.plain_bytes, fragment.id, fragment.codec}, fragment.bytes);
    Bytes().swap(fragment.bytes);
  }
  if (on_fragments_sealed) on_fragments_sealed();

  const Locator locator{writer.position(), fragments.size() * k_index_entry_bytes + k_tag_bytes};
  const Bytes index = index_of(fragments);
  sealer.seal({.number = k_index_frame, .plain_bytes = static_cast<std::uint32_t>(index.size())}, index);
  sealer.seal_zeros(k_padding_frame, writer.left() - k_sealed_locator_bytes - k_tag_bytes);
  const auto end = encode_locator(locator);
  sealer.seal({.number = k_locator_frame, .plain_bytes = static_cast<std::uint32_t>(end.size())}, end);
  builder.fragments_.clear();
  builder.frames_bytes_ = 0;

  pack.shards = writer.finish(
      {suite, pack.epoch, 0, pack.k, pack.m, pack.slice_bytes, keyring.pool_tag(), pack.id, key.commitment});
  return {std::move(pack), std::move(fragments), writer.release()};
}

}  // namespace modelfloat::mf1
