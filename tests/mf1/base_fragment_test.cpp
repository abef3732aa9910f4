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

const std::variant<FrameRef, Bytes> k_places[] = {FrameRef{{}, 0, 116, 0}, Bytes(100)};

TEST(BaseFragment, IsNotWrittenIntoAManifest) {
  for (const auto& place : k_places) {
    ContentSegment segment;
    segment.fragments.push_back({{}, 100, {}, place});
    EXPECT_FALSE(kind_thrown([&] { to_cbor(segment); }));
    segment.fragments[0].codec = with_base();
    EXPECT_EQ(kind_thrown([&] { to_cbor(segment); }), ErrorKind::unsupported);
  }
}

TEST(BaseFragment, ListIsKept) {
  for (const auto& place : k_places) {
    ContentSegment segment;
    segment.fragments.push_back({{}, 100, {}, place});
    const std::size_t bare_bytes = to_cbor(segment).size();
    segment.bases.push_back({a_base(), 100, {}, place});
    EXPECT_GT(to_cbor(segment).size(), bare_bytes);
    EXPECT_EQ(content_segment_from_cbor(to_cbor(segment)), segment);
    ContentSegment bad = segment;
    bad.bases[0].plain_bytes = 0;
    EXPECT_EQ(kind_thrown([&] { to_cbor(bad); }), ErrorKind::invalid);
    bad = segment;
    bad.bases.resize(k_fragments_per_segment + 1, bad.bases[0]);
    EXPECT_EQ(kind_thrown([&] { to_cbor(bad); }), ErrorKind::invalid);
  }
}

struct SegmentByHand {
  bool in_pack = false;
  std::size_t bases = 0;                   // how many are listed
  std::optional<std::uint64_t> base = {};  // the index that the fragment has for its base
  bool base_has_base = false;
  std::uint64_t base_plain_bytes = 100;
};

// A segment with one fragment in a pack or in the manifest itself, and some bases.
Bytes segment_by_hand(const SegmentByHand& wanted) {
  CborMap map;
  map.text("kind", "segment").bytes("structure", Hash256{}).item("packs", [](CborWriter& to) {
    to.array(1);
    to.bytes(PackId{});
  });
  const auto write = [&](CborWriter& to, std::uint64_t plain_bytes, std::optional<std::uint64_t> base) {
    to.array((wanted.in_pack ? 8 : 5) + (base ? 1 : 0));
    to.bytes(FragmentId{});
    for (const std::uint64_t number : {plain_bytes, std::uint64_t{0}, std::uint64_t{0}}) to.number(number);
    if (wanted.in_pack) {
      for (const std::uint64_t number : {0, 0, 116, 0}) to.number(number);
    } else {
      to.bytes(Bytes(100));
    }
    if (base) to.number(*base);
  };
  map.item("fragments", [&](CborWriter& to) {
    to.array(1);
    write(to, 100, wanted.base);
  });
  if (wanted.bases > 0) {
    map.item("bases", [&](CborWriter& to) {
      to.array(wanted.bases);
      for (std::size_t i = 0; i < wanted.bases; ++i) {
        write(to, wanted.base_plain_bytes, wanted.base_has_base ? std::optional<std::uint64_t>(0) : std::nullopt);
      }
    });
  }
  return std::move(map).encoded();
}

TEST(BaseFragment, IsRefusedInAManifest) {
  for (const bool in_pack : {false, true}) {
    const auto error = [&](SegmentByHand wanted) {
      wanted.in_pack = in_pack;
      return test::thrown_by([&] { content_segment_from_cbor(segment_by_hand(wanted)); });
    };
    EXPECT_FALSE(error({}));
    EXPECT_FALSE(error({.bases = 2})) << "a list that no fragment uses does no harm";
    for (const std::uint64_t base : {0, 1}) {
      const auto refused = error({.bases = 2, .base = base});
      ASSERT_TRUE(refused);
      EXPECT_EQ(refused->kind, ErrorKind::unsupported);
      EXPECT_NE(std::string(refused->what()).find("base fragment"), std::string::npos) << refused->what();
    }
    EXPECT_EQ(error({.bases = 2, .base = 2})->kind, ErrorKind::corrupt) << "there is no such base";
    EXPECT_EQ(error({.base = 0})->kind, ErrorKind::corrupt);
    EXPECT_EQ(error({.bases = 1, .base_has_base = true})->kind, ErrorKind::corrupt);
    EXPECT_EQ(error({.bases = 1, .base_plain_bytes = 0})->kind, ErrorKind::corrupt);
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
