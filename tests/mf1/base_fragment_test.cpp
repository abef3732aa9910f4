// The bytes that the format has for the base of a fragment, before any codec has one.
#include "samples.h"

#include "modelfloat/mf1/cbor.h"
#include "modelfloat/mf1/manifest_codec.h"
#include "modelfloat/mf1/pack_layout.h"
#include "modelfloat/mf1/pack_reader.h"
#include "modelfloat/mf1/seal.h"

namespace modelfloat::mf1 {
namespace {

constexpr std::size_t k_base_in_associated_data = 104;
constexpr std::size_t k_base_in_index_entry = 32;

FragmentId a_base() {
  FragmentId base;
  base.fill(std::byte{0xb5});
  return base;
}

Codec with_base() { return {CodecId::raw, 0, a_base()}; }

// `bytes` at `offset` hold the base, and the rest is as in `without`.
void expect_base_at(std::size_t offset, ByteSpan bytes, ByteSpan without) {
  ASSERT_EQ(bytes.size(), without.size());
  const std::size_t end = offset + FragmentId().size();
  EXPECT_TRUE(equal(bytes.subspan(offset, FragmentId().size()), a_base()));
  EXPECT_TRUE(equal(bytes.first(offset), without.first(offset)));
  EXPECT_TRUE(equal(bytes.subspan(end), without.subspan(end)));
}

TEST(BaseFragment, IsBoundToTheFrame) {
  const FrameBinder binder({}, 1, {}, ObjectType::shard, k_aes);
  const FrameFacts plain{.number = 3, .plain_bytes = 100, .fragment = Hash256{}, .codec = {}};
  FrameFacts difference = plain;
  difference.codec = with_base();
  expect_base_at(k_base_in_associated_data, binder.aad(difference), binder.aad(plain));
}

Bytes index_entry(const Codec& codec) {
  Bytes entry(k_index_entry_bytes);
  FieldWriter writer(entry);
  write_index_entry({{}, 100, codec, FrameRef{{}, 0, 116, 0}}, writer);
  return entry;
}

TEST(BaseFragment, StandsInTheIndexAndIsRefusedThere) {
  expect_base_at(k_base_in_index_entry, index_entry(with_base()), index_entry({}));
  EXPECT_FALSE(kind_thrown([&] { parse_index(index_entry({}), {}, 116); }));
  EXPECT_EQ(kind_thrown([&] { parse_index(index_entry(with_base()), {}, 116); }), ErrorKind::unsupported);
}

TEST(BaseFragment, IsNotWrittenIntoAManifest) {
  for (const auto& place : {std::variant<FrameRef, Bytes>(FrameRef{{}, 0, 116, 0}), {Bytes(100)}}) {
    ContentSegment segment;
    segment.fragments.push_back({{}, 100, {}, place});
    EXPECT_FALSE(kind_thrown([&] { to_cbor(segment); }));
    segment.fragments[0].codec = with_base();
    EXPECT_EQ(kind_thrown([&] { to_cbor(segment); }), ErrorKind::unsupported);
  }
}

// A segment with one fragment in a pack or in the manifest itself, with or without a base.
Bytes segment_by_hand(bool in_pack, bool has_base) {
  CborMap map;
  map.text("kind", "segment").bytes("structure", Hash256{}).item("packs", [](CborWriter& to) {
    to.array(1);
    to.bytes(PackId{});
  });
  map.item("fragments", [&](CborWriter& to) {
    to.array(1);
    to.array((in_pack ? 8 : 5) + (has_base ? 1 : 0));
    to.bytes(FragmentId{});
    for (const std::uint64_t number : {100, 0, 0}) to.number(number);
    if (in_pack) {
      for (const std::uint64_t number : {0, 0, 116, 0}) to.number(number);
    } else {
      to.bytes(Bytes(100));
    }
    if (has_base) to.bytes(a_base());
  });
  return std::move(map).encoded();
}

TEST(BaseFragment, IsRefusedInAManifest) {
  for (const bool in_pack : {false, true}) {
    EXPECT_FALSE(kind_thrown([&] { content_segment_from_cbor(segment_by_hand(in_pack, false)); }));
    EXPECT_EQ(kind_thrown([&] { content_segment_from_cbor(segment_by_hand(in_pack, true)); }), ErrorKind::unsupported);
  }
}

TEST(BaseFragment, IsNotOpened) {
  const Keyring keyring = sample_keyring();
  const Bytes plain = raw_bytes(100, 1);
  Fragment fragment{keyring.fragment_id(1, plain), 100, {}, plain};
  Bytes out(plain.size());
  EXPECT_TRUE(open_inline(fragment, keyring, 1, out));
  fragment.codec = with_base();
  EXPECT_EQ(kind_thrown([&] { (void)open_inline(fragment, keyring, 1, out); }), ErrorKind::unsupported);
}

}  // namespace
}  // namespace modelfloat::mf1
