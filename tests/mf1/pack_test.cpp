#include <algorithm>
#include <numeric>

#include "samples.h"
#include <rapidcheck.h>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/mf1/pack_builder.h"
#include "modelfloat/mf1/pack_layout.h"
#include "modelfloat/mf1/pack_reader.h"
#include "modelfloat/mf1/padme.h"

namespace modelfloat::mf1 {
namespace {

struct Sealed {
  SealedPack sealed;
  std::vector<Bytes> plains;
};

PackShape shape_of(unsigned k, unsigned m, std::uint64_t slice_bytes) { return {{k, m}, slice_bytes, 1}; }

// Fills a pack with fragments of these sizes, as many as fit; every third one is compressible.
Sealed make_pack(const PackShape& shape, const std::vector<std::size_t>& sizes, bool last, crypto::Suite suite = k_aes,
                 const Keyring& keyring = sample_keyring()) {
  Sealed made;
  PackBuilder builder(shape);
  for (const std::size_t size : sizes) {
    Bytes plain = made.plains.size() % 3 == 2 ? dull_bytes(size) : raw_bytes(size, made.plains.size());
    auto fragment = encode_fragment(keyring, plain);
    if (!builder.fits(fragment.bytes.size())) break;
    builder.add(std::move(fragment));
    made.plains.push_back(std::move(plain));
  }
  test::FixedRandom random(99);
  made.sealed = seal(std::move(builder), keyring, suite, random, last);
  return made;
}

std::vector<ByteSpan> data_slices(const SealedPack& sealed) {
  std::vector<ByteSpan> slices;
  for (std::size_t i = 0; i < sealed.pack.k; ++i) slices.push_back(slice_of(sealed.shards[i]));
  return slices;
}

// The frame of a fragment as it lies in the slices.
std::vector<ByteSpan> frame_of(const Pack& pack, const Fragment& fragment, const std::vector<ByteSpan>& slices) {
  std::vector<ByteSpan> parts;
  for (const auto& piece : slice_pieces(pack, fragment.frame()->offset, fragment.frame()->sealed_bytes)) {
    parts.push_back(slices[piece.shard].subspan(piece.offset, piece.bytes));
  }
  return parts;
}

bool opens(const PackOpener& opener, const Fragment& fragment, const std::vector<ByteSpan>& parts, Bytes& plain) {
  plain.assign(fragment.plain_bytes, std::byte{0xEE});
  return opener.open(fragment, parts, plain);
}

void expect_all_back(const Sealed& made, const std::vector<ByteSpan>& slices, const Keyring& keyring) {
  const PackOpener opener(made.sealed.pack, keyring);
  ASSERT_EQ(made.sealed.fragments.size(), made.plains.size());
  for (std::size_t i = 0; i < made.plains.size(); ++i) {
    const Fragment& fragment = made.sealed.fragments[i];
    Bytes plain;
    EXPECT_TRUE(opens(opener, fragment, frame_of(made.sealed.pack, fragment, slices), plain)) << i;
    EXPECT_EQ(plain, made.plains[i]) << i;
  }
}

TEST(Pack, FramesAcrossSlicesComeBack) {
  // 20,000 bytes reach over several slices of 4,096.
  for (const auto suite : {k_aes, k_chacha}) {
    const auto made = make_pack(shape_of(8, 2, 4096), {100, 20000, 1, 5000, 64}, false, suite);
    EXPECT_GT(frame_of(made.sealed.pack, made.sealed.fragments[1], data_slices(made.sealed)).size(), 4U);
    expect_all_back(made, data_slices(made.sealed), sample_keyring());
  }
}

TEST(Pack, AnyKShardsGiveEverythingBack) {
  const Keyring keyring = sample_keyring();
  for (const auto& [k, m] : {std::pair{4U, 2U}, {1U, 2U}, {16U, 8U}, {3U, 0U}}) {
    const auto made = make_pack(shape_of(k, m, 4096), {700, 900, 1200, 3000, 17, 5000}, false);
    const Pack& pack = made.sealed.pack;
    ASSERT_EQ(made.sealed.shards.size(), k == 1 ? 1 : k + m);
    test::FixedRandom random(k);
    for (int round = 0; round < 20; ++round) {
      std::vector<std::size_t> order(made.sealed.shards.size());
      std::iota(order.begin(), order.end(), 0);
      for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.number() % i]);
      std::vector<ByteSpan> left;
      for (std::size_t i = 0; i < k; ++i) left.push_back(made.sealed.shards[order[i]]);
      std::vector<Bytes> rebuilt;
      for (std::size_t i = 0; i < pack.shard_count(); ++i) rebuilt.push_back(rebuild_shard(pack, i, left));
      for (std::size_t i = 0; i < rebuilt.size(); ++i) EXPECT_EQ(rebuilt[i], made.sealed.shards[k == 1 ? 0 : i]);
      std::vector<ByteSpan> slices;
      for (std::size_t i = 0; i < k; ++i) slices.push_back(slice_of(rebuilt[i]));
      if (round == 0) expect_all_back(made, slices, keyring);
    }
  }
}

TEST(Pack, MoreParityCanBeAddedLater) {
  const auto made = make_pack(shape_of(2, 1, 4096), {3000, 1000}, false);
  std::vector<ByteSpan> all(made.sealed.shards.begin(), made.sealed.shards.end());
  const Bytes added = rebuild_shard(made.sealed.pack, 5, all);
  EXPECT_EQ(parse_shard_header(added).index, 5);
  const ByteSpan left[] = {added, all[2]};
  EXPECT_EQ(rebuild_shard(made.sealed.pack, 0, left), made.sealed.shards[0]);
}

TEST(Pack, TooFewOrForeignShardsDoNotRebuild) {
  const auto made = make_pack(shape_of(3, 2, 4096), {3000, 1000}, false);
  const Pack& pack = made.sealed.pack;
  const auto& shards = made.sealed.shards;
  const ByteSpan same_twice[] = {shards[0], shards[1], shards[1]};
  EXPECT_EQ(kind_thrown([&] { rebuild_shard(pack, 2, same_twice); }), ErrorKind::lost);
  Bytes lie = shards[1];
  lie[2000] ^= std::byte{1};
  const ByteSpan with_lie[] = {shards[0], lie, shards[4]};
  EXPECT_EQ(kind_thrown([&] { rebuild_shard(pack, 2, with_lie); }), ErrorKind::corrupt);
  const auto other = make_pack(shape_of(3, 2, 8192), {3000, 1000}, false);
  const ByteSpan with_foreign[] = {shards[0], other.sealed.shards[1], shards[4]};
  EXPECT_EQ(kind_thrown([&] { rebuild_shard(pack, 2, with_foreign); }), ErrorKind::corrupt);
  const ByteSpan good[] = {shards[0], shards[1], shards[4]};
  EXPECT_EQ(kind_thrown([&] { rebuild_shard(pack, 20, good); }), ErrorKind::internal);
}

TEST(Pack, NamesAreHashesAndHeadersFit) {
  const Keyring keyring = sample_keyring();
  const auto made = make_pack(shape_of(4, 2, 4096), {100}, true);
  const PackOpener opener(made.sealed.pack, keyring);
  for (std::size_t i = 0; i < made.sealed.shards.size(); ++i) {
    const Bytes& object = made.sealed.shards[i];
    EXPECT_EQ(crypto::blake3(object), made.sealed.pack.shard_name(i));
    const ShardHeader header = parse_shard_header(object);
    EXPECT_TRUE(opener.fits(header, i));
    EXPECT_FALSE(opener.fits(header, i + 1));
    EXPECT_EQ(pack_of(header).slice_bytes, made.sealed.pack.slice_bytes);
    ShardHeader bad = header;
    bad.commitment[31] ^= std::byte{1};
    EXPECT_FALSE(opener.fits(bad, i));
    bad = header;
    bad.m = 1;
    EXPECT_FALSE(opener.fits(bad, i));
  }
}

TEST(Pack, EveryByteOfAHeaderCounts) {
  const auto made = make_pack(shape_of(2, 1, 4096), {100}, true);
  const PackOpener opener(made.sealed.pack, sample_keyring());
  const Bytes header(made.sealed.shards[1].begin(), made.sealed.shards[1].begin() + k_header_bytes);
  for_each_damage(header, [&](const Bytes& bad, const std::string& what) {
    if (bad.size() > header.size()) return;  // the slice follows there
    bool fits = false;
    const auto kind = kind_thrown([&] { fits = opener.fits(parse_shard_header(bad), 1); });
    EXPECT_TRUE(kind.has_value() || !fits) << what;
  });
  EXPECT_EQ(kind_thrown([&] {
              slice_of(ByteSpan(made.sealed.shards[0]).first(2000 < made.sealed.shards[0].size() ? 2000 : 100));
            }),
            ErrorKind::corrupt);
}

TEST(Pack, OnlyTheLastOfAPushIsShort) {
  const auto full = make_pack(shape_of(4, 2, 65536), {1000}, false);
  EXPECT_EQ(full.sealed.pack.slice_bytes, 65536U);
  EXPECT_TRUE(rc::check([] {
    const auto sizes =
        *rc::gen::nonEmpty(rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 9000)));
    const auto k = *rc::gen::inRange(1U, 17U);
    const auto made = make_pack(shape_of(k, 1, 65536), sizes, true);
    const Pack& pack = made.sealed.pack;
    std::uint64_t used = made.plains.size() * k_index_entry_bytes + k_pack_end_bytes;
    for (const auto& fragment : made.sealed.fragments) used += fragment.frame()->sealed_bytes;
    RC_ASSERT(pack.slice_bytes % 64 == 0U);
    RC_ASSERT(pack.pack_bytes() >= used);
    // No smaller slice would do: the next smaller Padmé size, rounded up, has no room.
    for (std::uint64_t smaller = pack.slice_bytes - 64; smaller > 0; smaller -= 64) {
      const bool allowed = (padme(smaller) + 63) / 64 * 64 == smaller;
      if (allowed) RC_ASSERT(smaller * k < used);
      if (smaller * k < used) break;
    }
    expect_all_back(made, data_slices(made.sealed), sample_keyring());
  }));
}

TEST(Pack, CanBeFilledToTheLastByte) {
  const Keyring keyring = sample_keyring();
  PackBuilder builder(shape_of(2, 1, 4096));
  builder.add(encode_fragment(keyring, raw_bytes(1000, 1)));
  const std::uint64_t left = builder.bytes_left();
  EXPECT_TRUE(builder.fits(left));
  EXPECT_FALSE(builder.fits(left + 1));
  EXPECT_EQ(kind_thrown([&] { builder.add(encode_fragment(keyring, raw_bytes(left + 1, 2))); }), ErrorKind::internal);
  builder.add(encode_fragment(keyring, raw_bytes(left, 2)));
  EXPECT_EQ(builder.bytes_left(), 0U);
  EXPECT_EQ(builder.used_bytes(), 2 * 4096U);
  test::FixedRandom random;
  const auto sealed = seal(std::move(builder), keyring, k_aes, random, false);
  const auto index = PackOpener(sealed.pack, keyring).read_index(read_from_slices(sealed.pack, data_slices(sealed)));
  EXPECT_EQ(index, sealed.fragments);
}

TEST(Pack, RefusesWhatIsNoPack) {
  for (const auto& shape : {shape_of(0, 1, 64), shape_of(17, 1, 64), shape_of(4, 9, 64), shape_of(4, 2, 0),
                            shape_of(4, 2, 100), shape_of(16, 0, std::uint64_t{1} << 30)}) {
    EXPECT_EQ(kind_thrown([&] { PackBuilder{shape}; }), ErrorKind::invalid);
  }
  PackBuilder builder(shape_of(1, 0, 4096));
  EXPECT_EQ(kind_thrown([&] { builder.add({}); }), ErrorKind::internal);
  test::FixedRandom random;
  EXPECT_EQ(kind_thrown([&] { seal(std::move(builder), sample_keyring(), k_aes, random, true); }), ErrorKind::internal);
  PackBuilder tiny(shape_of(1, 0, 64));
  EXPECT_EQ(tiny.bytes_left(), 0U);
}

TEST(Pack, ItsIndexTellsAllWithoutAManifest) {
  const auto made = make_pack(shape_of(4, 2, 4096), {700, 900, 1200, 3000, 17}, false);
  const Pack bare = pack_of(parse_shard_header(made.sealed.shards[0]));
  const auto slices = data_slices(made.sealed);
  EXPECT_EQ(PackOpener(bare, sample_keyring()).read_index(read_from_slices(bare, slices)), made.sealed.fragments);
  EXPECT_EQ(kind_thrown([&] {
              PackOpener(bare, Keyring(sample_keyring().pool_id(), 1, sample_keyring(2).root(1)))
                  .read_index(read_from_slices(bare, slices));
            }),
            ErrorKind::corrupt);
}

TEST(Pack, ADamagedIndexIsNeverBelieved) {
  const auto made = make_pack(shape_of(1, 0, 1024), {100, 50}, true);
  const Bytes good = to_bytes(slice_of(made.sealed.shards[0]));
  const PackOpener opener(made.sealed.pack, sample_keyring());
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= std::byte{0x10};
    std::vector<Fragment> index;
    const auto kind = kind_thrown([&] { index = opener.read_index(read_from_slices(made.sealed.pack, {bad})); });
    EXPECT_TRUE(kind == ErrorKind::corrupt || index == made.sealed.fragments) << i;
  }
}

TEST(Pack, EveryChangedByteOfAFrameIsSeen) {
  const auto made = make_pack(shape_of(1, 0, 4096), {60, 70, 3000}, true);
  const PackOpener opener(made.sealed.pack, sample_keyring());
  for (const Fragment& fragment : made.sealed.fragments) {
    const Bytes frame = to_bytes(frame_of(made.sealed.pack, fragment, data_slices(made.sealed)).front());
    for_each_damage(frame, [&](const Bytes& bad, const std::string& what) {
      Bytes plain;
      EXPECT_FALSE(opens(opener, fragment, {bad}, plain)) << what;
      EXPECT_EQ(plain, Bytes(fragment.plain_bytes, std::byte{0})) << what;
    });
  }
}

TEST(Pack, AFrameSomewhereElseDoesNotOpen) {
  const Keyring keyring = sample_keyring();
  const auto made = make_pack(shape_of(1, 0, 4096), {200, 200}, true);
  const auto slices = data_slices(made.sealed);
  const PackOpener opener(made.sealed.pack, keyring);
  const Fragment& first = made.sealed.fragments[0];
  const auto frame = frame_of(made.sealed.pack, first, slices);
  Bytes plain;
  const auto refuses = [&](const auto& change) {
    Fragment moved = first;
    FrameRef place = *first.frame();
    change(moved, place);
    moved.place = place;
    EXPECT_FALSE(opens(opener, moved, frame, plain));
  };
  refuses([](Fragment&, FrameRef& place) { place.number = 1; });
  refuses([](Fragment&, FrameRef& place) { place.number = k_index_frame; });
  refuses([](Fragment&, FrameRef& place) { place.pack[0] ^= std::byte{1}; });
  refuses([](Fragment& moved, FrameRef&) { moved.id[0] ^= std::byte{1}; });
  refuses([](Fragment& moved, FrameRef&) { moved.codec.parameter = 1; });
  refuses([](Fragment& moved, FrameRef&) { moved.codec.id = CodecId::zstd; });
  refuses([](Fragment& moved, FrameRef&) { moved.plain_bytes -= 1; });
  refuses([&](Fragment& moved, FrameRef&) { moved = made.sealed.fragments[1]; });
  EXPECT_FALSE(opens(PackOpener(made.sealed.pack, Keyring(keyring.pool_id(), 1, sample_keyring(2).root(1))), first,
                     frame, plain));
  EXPECT_FALSE(opens(PackOpener(made.sealed.pack, Keyring(sample_keyring(2).pool_id(), 1, keyring.root(1))), first,
                     frame, plain));
  Pack other = made.sealed.pack;
  other.suite = 2;
  EXPECT_FALSE(opens(PackOpener(other, keyring), first, frame, plain));
  Fragment unknown = first;
  unknown.codec.id = static_cast<CodecId>(200);
  EXPECT_EQ(kind_thrown([&] { opens(opener, unknown, frame, plain); }), ErrorKind::unsupported);
  EXPECT_TRUE(opens(opener, first, frame, plain));
}

// A writer that seals other bytes than the id says is found out by the id, not the tag.
TEST(Pack, TheIdIsCheckedToo) {
  const Keyring keyring = sample_keyring();
  PackBuilder builder(shape_of(1, 0, 4096));
  auto liar = encode_fragment(keyring, raw_bytes(500, 1));
  liar.id[5] ^= std::byte{1};
  builder.add(std::move(liar));
  test::FixedRandom random;
  const auto sealed = seal(std::move(builder), keyring, k_aes, random, true);
  Bytes plain;
  const Fragment& fragment = sealed.fragments[0];
  EXPECT_FALSE(
      opens(PackOpener(sealed.pack, keyring), fragment, frame_of(sealed.pack, fragment, data_slices(sealed)), plain));
  EXPECT_EQ(plain, Bytes(500, std::byte{0}));
}

TEST(Pack, InlineFragmentsAreCheckedTheSameWay) {
  const Keyring keyring = sample_keyring();
  for (const Bytes& content : {raw_bytes(500, 1), dull_bytes(5000)}) {
    auto encoded = encode_fragment(keyring, content);
    const Fragment fragment{encoded.id, encoded.plain_bytes, encoded.codec, encoded.bytes};
    Bytes plain(content.size());
    EXPECT_TRUE(open_inline(fragment, keyring, 1, plain));
    EXPECT_EQ(plain, content);
    Fragment bad = fragment;
    std::get<Bytes>(bad.place)[20] ^= std::byte{1};
    EXPECT_FALSE(open_inline(bad, keyring, 1, plain));
    EXPECT_EQ(plain, Bytes(content.size(), std::byte{0}));
    EXPECT_FALSE(open_inline(fragment, sample_keyring(2), 1, plain));
  }
}

// Epoch 1 with the root of the sample and another one.
struct TwoRoots {
  Keyring first = sample_keyring();
  Keyring second{first.pool_id(), 1, sample_keyring(2).root(1)};
  Keyring both = first;
  TwoRoots() { both.add_root(1, second.root(1)); }
};

TEST(Pack, OfTwoRootsOfOneNumberTheRightOneOpensIt) {
  const TwoRoots keys;
  for (const Keyring* const one : {&keys.first, &keys.second}) {
    const auto made = make_pack(shape_of(2, 1, 4096), {200, 3000, 900}, true, k_aes, *one);
    const auto slices = data_slices(made.sealed);
    expect_all_back(made, slices, keys.both);
    const PackOpener opener(made.sealed.pack, keys.both);
    EXPECT_EQ(opener.read_index(read_from_slices(made.sealed.pack, slices)), made.sealed.fragments);
    const auto encoded = encoded_fragments_of(made.sealed, keys.both);
    EXPECT_EQ(encoded.at(0).bytes, made.plains[0]);
    for (std::size_t i = 0; i < made.sealed.shards.size(); ++i) {
      ShardHeader header = parse_shard_header(made.sealed.shards[i]);
      EXPECT_TRUE(opener.fits(header, i));
      EXPECT_FALSE(opener.fits(header, i + 1));
      header.commitment[0] ^= std::byte{1};
      EXPECT_FALSE(opener.fits(header, i));
    }
  }
}

TEST(Pack, IsSealedUnderThePreferredRoot) {
  TwoRoots keys;
  const auto expect_sealed_for = [&](const Keyring& alone) {
    const auto made = make_pack(shape_of(1, 0, 4096), {200}, true, k_aes, keys.both);
    expect_all_back(made, data_slices(made.sealed), alone);
  };
  expect_sealed_for(keys.first);
  keys.both.prefer(1, keys.second.root(1));
  expect_sealed_for(keys.second);
}

// The id is made with the root that the pack is sealed under, no other of that number.
TEST(Pack, AnIdOfAnotherRootOfTheNumberIsRefused) {
  const TwoRoots keys;
  PackBuilder builder(shape_of(1, 0, 4096));
  builder.add(encode_fragment(keys.second, raw_bytes(500, 1)));
  test::FixedRandom random;
  const auto sealed = seal(std::move(builder), keys.first, k_aes, random, true);
  Bytes plain;
  const Fragment& fragment = sealed.fragments[0];
  EXPECT_FALSE(
      opens(PackOpener(sealed.pack, keys.both), fragment, frame_of(sealed.pack, fragment, data_slices(sealed)), plain));
  EXPECT_EQ(plain, Bytes(500, std::byte{0}));
}

TEST(Pack, AnInlineFragmentIsProvenByAnyRootOfTheNumber) {
  const TwoRoots keys;
  const Bytes content = raw_bytes(500, 1);
  for (const Keyring* const one : {&keys.first, &keys.second}) {
    const auto encoded = encode_fragment(*one, content);
    const Fragment fragment{encoded.id, encoded.plain_bytes, encoded.codec, encoded.bytes};
    Bytes plain(content.size());
    EXPECT_TRUE(open_inline(fragment, keys.both, 1, plain));
    EXPECT_EQ(plain, content);
  }
}

TEST(Pack, TheSameContentIsSealedAnewEachTime) {
  const auto shape = shape_of(2, 1, 4096);
  const Keyring keyring = sample_keyring();
  test::FixedRandom random;
  const auto once = [&] {
    PackBuilder builder(shape);
    builder.add(encode_fragment(keyring, raw_bytes(500, 1)));
    return seal(std::move(builder), keyring, k_aes, random, true);
  };
  const auto a = once();
  const auto b = once();
  EXPECT_NE(a.pack.id, b.pack.id);
  EXPECT_NE(a.shards[0], b.shards[0]);
}

TEST(SlicePieces, CoverExactlyWhatWasAskedFor) {
  const Pack pack = pack_of({.k = 4, .m = 2, .slice_bytes = 128});
  const std::vector<SlicePiece> expected = {{0, 100, 28}, {1, 0, 128}, {2, 0, 44}};
  EXPECT_EQ(slice_pieces(pack, 100, 200), expected);
  EXPECT_TRUE(slice_pieces(pack, 512, 0).empty());
  EXPECT_EQ(kind_thrown([&] { slice_pieces(pack, 512, 1); }), ErrorKind::corrupt);
  EXPECT_EQ(kind_thrown([&] { slice_pieces(pack, UINT64_MAX, 2); }), ErrorKind::corrupt);
}

}  // namespace
}  // namespace modelfloat::mf1
