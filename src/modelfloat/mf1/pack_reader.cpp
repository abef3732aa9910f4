#include "modelfloat/mf1/pack_reader.h"

#include <algorithm>
#include <array>
#include <string>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/codec/codec.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/domain/redundancy.h"
#include "modelfloat/mf1/pack_builder.h"
#include "modelfloat/mf1/pack_layout.h"

namespace modelfloat::mf1 {
namespace {

using crypto::k_tag_bytes;

Error refused(const PackId& pack, ErrorKind kind, std::string_view what) {
  return {kind, "pack " + to_hex(pack), what};
}

crypto::Suite checked_suite(const Pack& pack) {
  const auto suite = crypto::suite_from(pack.suite);
  if (!suite) throw refused(pack.id, ErrorKind::unsupported, "has an unknown suite");
  return *suite;
}

// Decodes `encoded` into `plain`; false when it does not decode to just that.
bool decode_into(const Fragment& fragment, ByteSpan encoded, MutableByteSpan plain) {
  try {
    codec::decode(fragment.codec, encoded, plain);
    return true;
  } catch (const Error& error) {
    if (error.kind != ErrorKind::corrupt) throw;
    return false;
  }
}

void require_decodable(const Fragment& fragment) {
  if (codec::can_decode(fragment.codec)) return;
  const std::string codec = "codec " + std::to_string(static_cast<int>(fragment.codec.id));
  throw Error(ErrorKind::unsupported, codec,
              fragment.codec.base ? "with a base fragment is not known" : "is not known");
}

bool wiped(MutableByteSpan plain) noexcept {
  std::fill(plain.begin(), plain.end(), std::byte{0});
  return false;
}

}  // namespace

ReadPack read_from_slices(const Pack& pack, std::vector<ByteSpan> data_slices) {
  return [pack, slices = std::move(data_slices)](std::uint64_t offset, std::uint64_t bytes) {
    Bytes result;
    for (const SlicePiece& piece : slice_pieces(pack, offset, bytes)) {
      append(result, slices.at(piece.shard).subspan(piece.offset, piece.bytes));
    }
    return result;
  };
}

PackOpener::PackOpener(const Pack& pack, const Keyring& keyring)
    : pack_(pack),
      suite_(checked_suite(pack)),
      binder_(keyring.pool_id(), pack.epoch, pack.id, ObjectType::shard, suite_),
      pool_tag_(keyring.pool_tag()) {
  if (!is_valid(Redundancy{pack.k, pack.m}) || !is_slice_size(pack.slice_bytes, pack.k))
    throw refused(pack.id, ErrorKind::corrupt, "has numbers that no pack can have");
  const RootKeys& roots = keyring.roots(pack.epoch);
  keys_.reserve(roots.size());
  for (const RootKey& root : roots) {
    keys_.push_back({derive_salt_key(root.key(KeyUse::sealing), pack.id, ObjectType::shard, suite_),
                     root.key(KeyUse::fragment_id)});
  }
}

bool PackOpener::fits(const ShardHeader& header, std::size_t index) const noexcept {
  return std::any_of(keys_.begin(), keys_.end(), [&](const Keys& keys) {
    const ShardHeader wanted{suite_,    pack_.epoch, static_cast<std::uint8_t>(index),
                             pack_.k,   pack_.m,     pack_.slice_bytes,
                             pool_tag_, pack_.id,    keys.salt.commitment};
    return crypto::equal_in_constant_time(header.commitment, keys.salt.commitment) && header == wanted;
  });
}

const PackOpener::Keys* PackOpener::open_frame(const FrameFacts& facts, std::span<const ByteSpan> sealed,
                                               MutableByteSpan out) const {
  for (const Keys& keys : keys_) {
    crypto::Opener opener(suite_, keys.salt.key);
    if (opener.open(frame_nonce(facts.number), binder_.aad(facts), sealed, out)) return &keys;
  }
  return nullptr;
}

bool PackOpener::open(const Fragment& fragment, std::span<const ByteSpan> sealed, MutableByteSpan plain_out) const {
  const FrameRef* const frame = fragment.frame();
  if (plain_out.size() != fragment.plain_bytes) throw refused(pack_.id, ErrorKind::internal, "wrong output size");
  std::uint64_t sealed_bytes = 0;
  for (const ByteSpan part : sealed) sealed_bytes += part.size();
  if (frame == nullptr || frame->pack != pack_.id || frame->number >= k_max_frames_per_pack ||
      frame->sealed_bytes != sealed_bytes) {
    return wiped(plain_out);
  }
  require_decodable(fragment);
  if (!is_fragment_size(fragment.codec.id, fragment.plain_bytes, sealed_bytes)) return wiped(plain_out);

  const FrameFacts facts{frame->number, fragment.plain_bytes, fragment.id, fragment.codec};
  const Keys* keys = nullptr;
  if (fragment.codec.id == CodecId::raw) {
    keys = open_frame(facts, sealed, plain_out);
    if (keys == nullptr) return false;
  } else {
    Bytes encoded(sealed_bytes - k_tag_bytes);
    keys = open_frame(facts, sealed, encoded);
    if (keys == nullptr || !decode_into(fragment, encoded, plain_out)) return wiped(plain_out);
  }
  return crypto::blake3_keyed(keys->fragment_id, plain_out) == fragment.id || wiped(plain_out);
}

bool PackOpener::open_encoded(const Fragment& fragment, std::span<const ByteSpan> sealed, Bytes& encoded_out) const {
  encoded_out.clear();
  const FrameRef* const frame = fragment.frame();
  if (frame == nullptr || frame->pack != pack_.id || frame->number >= k_max_frames_per_pack) return false;
  if (!is_fragment_size(fragment.codec.id, fragment.plain_bytes, frame->sealed_bytes)) return false;
  const FrameFacts facts{frame->number, fragment.plain_bytes, fragment.id, fragment.codec};
  encoded_out.resize(frame->sealed_bytes - k_tag_bytes);
  if (open_frame(facts, sealed, encoded_out) != nullptr) return true;
  encoded_out.clear();
  return false;
}

std::vector<Fragment> PackOpener::read_index(const ReadPack& read) const {
  const std::uint64_t end = pack_.pack_bytes();
  if (end < k_pack_end_bytes) throw refused(pack_.id, ErrorKind::corrupt, "is too short");
  const auto open_at = [&](std::uint64_t offset, std::uint32_t number, MutableByteSpan out) {
    const Bytes sealed = read(offset, out.size() + k_tag_bytes);
    const ByteSpan parts[] = {sealed};
    const FrameFacts facts{.number = number, .plain_bytes = static_cast<std::uint32_t>(out.size())};
    if (sealed.size() != out.size() + k_tag_bytes || open_frame(facts, parts, out) == nullptr) {
      throw refused(pack_.id, ErrorKind::corrupt, "its index does not open");
    }
  };
  std::array<std::byte, k_locator_bytes> locator_bytes{};
  open_at(end - k_sealed_locator_bytes, k_locator_frame, locator_bytes);
  const Locator locator = decode_locator(locator_bytes);

  // Behind the index lie at least the tag of the padding and the locator.
  const std::uint64_t room = end - k_sealed_locator_bytes - k_tag_bytes;
  const bool fits = locator.sealed_bytes > k_tag_bytes && locator.sealed_bytes <= room &&
                    locator.offset <= room - locator.sealed_bytes &&
                    locator.sealed_bytes <= k_max_frames_per_pack * k_index_entry_bytes + k_tag_bytes;
  if (!fits) throw refused(pack_.id, ErrorKind::corrupt, "its locator makes no sense");
  Bytes index(locator.sealed_bytes - k_tag_bytes);
  open_at(locator.offset, k_index_frame, index);
  return parse_index(index, pack_.id, locator.offset);
}

std::vector<Fragment> parse_index(ByteSpan plain, const PackId& pack, std::uint64_t index_offset) {
  const std::size_t count = plain.size() / k_index_entry_bytes;
  if (plain.empty() || plain.size() % k_index_entry_bytes != 0 || count > k_max_frames_per_pack) {
    throw refused(pack, ErrorKind::corrupt, "its index has a wrong length");
  }
  std::vector<Fragment> fragments;
  fragments.reserve(count);
  std::uint64_t offset = 0;
  FieldReader fields(plain);
  for (std::size_t i = 0; i < count; ++i) {
    Fragment fragment;
    fragment.id = fields.array<32>();
    const auto base = fields.array<FragmentId().size()>();
    if (base != FragmentId{}) fragment.codec.base = base;
    fragment.plain_bytes = fields.number<std::uint32_t>();
    const auto sealed_bytes = fields.number<std::uint32_t>();
    fragment.codec.id = static_cast<CodecId>(fields.number<std::uint8_t>());
    fragment.codec.parameter = fields.number<std::uint8_t>();
    if (!fields.zeros(2)) throw refused(pack, ErrorKind::corrupt, "its index makes no sense");
    if (fragment.codec.base) throw refused(pack, ErrorKind::unsupported, "has a fragment with a base");
    require_decodable(fragment);
    if (!is_fragment_size(fragment.codec.id, fragment.plain_bytes, sealed_bytes)) {
      throw refused(pack, ErrorKind::corrupt, "its index has a length that no fragment has");
    }
    fragment.place = FrameRef{pack, offset, sealed_bytes, static_cast<std::uint32_t>(i)};
    offset += sealed_bytes;
    fragments.push_back(std::move(fragment));
  }
  if (offset != index_offset) throw refused(pack, ErrorKind::corrupt, "its frames do not end where its index begins");
  return fragments;
}

std::vector<EncodedFragment> encoded_fragments_of(const SealedPack& sealed, const Keyring& keyring) {
  const PackOpener opener(sealed.pack, keyring);
  std::vector<EncodedFragment> fragments;
  fragments.reserve(sealed.fragments.size());
  for (const Fragment& fragment : sealed.fragments) {
    const FrameRef& frame = *fragment.frame();
    std::vector<ByteSpan> parts;
    for (const SlicePiece& piece : slice_pieces(sealed.pack, frame.offset, frame.sealed_bytes))
      parts.push_back(slice_of(sealed.shards.at(piece.shard)).subspan(piece.offset, piece.bytes));
    EncodedFragment encoded{fragment.id, fragment.plain_bytes, fragment.codec, {}};
    if (!opener.open_encoded(fragment, parts, encoded.bytes))
      throw refused(sealed.pack.id, ErrorKind::internal, "does not open just after it was sealed");
    fragments.push_back(std::move(encoded));
  }
  return fragments;
}

bool open_inline(const Fragment& fragment, const Keyring& keyring, std::uint32_t epoch, MutableByteSpan plain_out) {
  const Bytes* const encoded = fragment.inline_bytes();
  if (plain_out.size() != fragment.plain_bytes) throw Error(ErrorKind::internal, "fragment", "wrong output size");
  if (encoded == nullptr) return wiped(plain_out);
  require_decodable(fragment);
  if (!is_fragment_size(fragment.codec.id, fragment.plain_bytes, encoded->size() + k_tag_bytes))
    return wiped(plain_out);
  if (!decode_into(fragment, *encoded, plain_out)) return wiped(plain_out);
  return keyring.proves(epoch, fragment.id, plain_out) || wiped(plain_out);
}

}  // namespace modelfloat::mf1
