#include "modelfloat/mf1/manifest_codec.h"

#include <functional>

#include "manifest_samples.h"
#include "samples.h"
#include <rapidcheck.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/mf1/cbor.h"
#include "modelfloat/mf1/git_oid.h"

namespace modelfloat::mf1 {
namespace {

TEST(Manifest, EveryPartRoundTrips) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    Samples samples(seed);
    const auto root = samples.root();
    RC_ASSERT(manifest_root_from_cbor(to_cbor(root)) == root);
    const auto structure = samples.structure_root();
    RC_ASSERT(structure_root_from_cbor(to_cbor(structure)) == structure);
    const auto content = samples.content_segment();
    RC_ASSERT(content_segment_from_cbor(to_cbor(content)) == content);
    const auto packs = samples.structure_segment();
    RC_ASSERT(structure_segment_from_cbor(to_cbor(packs)) == packs);
  }));
}

TEST(Manifest, ARootIsToldFromASegment) {
  Samples samples(1);
  EXPECT_EQ(manifest_part_of(to_cbor(samples.root())), ManifestPart::root);
  EXPECT_EQ(manifest_part_of(to_cbor(samples.structure_root())), ManifestPart::root);
  EXPECT_EQ(manifest_part_of(to_cbor(samples.content_segment())), ManifestPart::segment);
  EXPECT_EQ(manifest_part_of(to_cbor(samples.structure_segment())), ManifestPart::segment);
  EXPECT_EQ(kind_thrown([&] { manifest_root_from_cbor(to_cbor(samples.content_segment())); }), ErrorKind::corrupt);
  EXPECT_EQ(kind_thrown([&] { structure_segment_from_cbor(to_cbor(samples.structure_root())); }), ErrorKind::corrupt);
}

// No damage makes a reader do worse than throw; most is seen here, all of it by the tag of the
// document.
TEST(Manifest, DamagedBytesNeverCrashAReader) {
  Samples samples(7);
  const Bytes documents[] = {to_cbor(samples.root()), to_cbor(samples.structure_root()),
                             to_cbor(samples.content_segment()), to_cbor(samples.structure_segment())};
  for (const Bytes& document : documents) {
    for_each_damage(document, [&](const Bytes& bad, const std::string& what) {
      for (const auto& read : {+[](ByteSpan bytes) { manifest_root_from_cbor(bytes); },
                               +[](ByteSpan bytes) { structure_root_from_cbor(bytes); },
                               +[](ByteSpan bytes) { content_segment_from_cbor(bytes); },
                               +[](ByteSpan bytes) { structure_segment_from_cbor(bytes); }}) {
        const auto kind = kind_thrown([&] { read(bad); });
        const bool refused = kind == ErrorKind::corrupt || kind == ErrorKind::unsupported;
        EXPECT_TRUE(refused || (!kind && bad.size() == document.size())) << what;
      }
    });
  }
}

TEST(Manifest, UnknownKeysAreIgnored) {
  CborMap map;
  map.text("kind", "root").number("survive", 2);
  for (const char* const key : {"segments", "contents"}) map.item(key, [](CborWriter& to) { to.array(0); });
  map.item("zukunft", [](CborWriter& to) {
    to.array(2);
    to.text("x");
    to.map(CborMap().number("y", 1).number("aa", 2));
  });
  const Bytes cbor = std::move(map).encoded();
  EXPECT_EQ(structure_root_from_cbor(cbor), (StructureRoot{{}, {}, 2}));
}

TEST(Manifest, AMissingKeyIsCorrupt) {
  for (const char* const missing : {"segments", "contents", "survive"}) {
    CborMap map;
    map.text("kind", "root");
    for (const std::string key : {"segments", "contents"}) {
      if (key != missing) map.item(key, [](CborWriter& to) { to.array(0); });
    }
    if (missing != std::string("survive")) map.number("survive", 2);
    const Bytes cbor = std::move(map).encoded();
    EXPECT_EQ(kind_thrown([&] { structure_root_from_cbor(cbor); }), ErrorKind::corrupt) << missing;
  }
}

// The document with one more key in front of its keys.
Bytes with_key(const Bytes& cbor, std::string_view key, const std::function<void(CborWriter&)>& write) {
  CborMap map;
  map.item(key, write);
  CborReader from(cbor);
  from.map([&](std::string_view known) { map.item(known, [&](CborWriter& to) { to.encoded(from.item()); }); });
  return std::move(map).encoded();
}

using ReadPart = void (*)(ByteSpan);
constexpr ReadPart k_readers[] = {[](ByteSpan bytes) { manifest_root_from_cbor(bytes); },
                                  [](ByteSpan bytes) { structure_root_from_cbor(bytes); },
                                  [](ByteSpan bytes) { content_segment_from_cbor(bytes); },
                                  [](ByteSpan bytes) { structure_segment_from_cbor(bytes); }};

std::vector<Bytes> one_of_each() {
  Samples samples(1);
  return {to_cbor(samples.root()), to_cbor(samples.structure_root()), to_cbor(samples.content_segment()),
          to_cbor(samples.structure_segment())};
}

TEST(Manifest, WhatItNeedsAndIsNotKnownIsSaidByName) {
  const auto parts = one_of_each();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto thrown_for = [&](const std::vector<std::string>& names) {
      const Bytes cbor = with_key(parts[i], "must", [&](CborWriter& to) {
        to.array(names.size());
        for (const std::string& name : names) to.text(name);
      });
      return test::thrown_by([&] { k_readers[i](cbor); });
    };
    EXPECT_FALSE(thrown_for({})) << i;
    for (const auto& names : {std::vector<std::string>{"deltas"}, {"rings", "deltas"}}) {
      const auto error = thrown_for(names);
      ASSERT_TRUE(error) << i;
      EXPECT_EQ(error->kind, ErrorKind::unsupported);
      for (const std::string& name : names) EXPECT_NE(std::string(error->what()).find(name), std::string::npos);
    }
    const Bytes odd = with_key(parts[i], "must", [](CborWriter& to) { to.text("deltas"); });
    EXPECT_EQ(kind_thrown([&] { k_readers[i](odd); }), ErrorKind::corrupt);
  }
}

// What `must` names may change what the other keys mean.
TEST(Manifest, WhatItNeedsIsLookedAtFirst) {
  CborMap map;
  map.text("kind", "root").item("must", [](CborWriter& to) {
    to.array(1);
    to.text("deltas");
  });
  const Bytes cbor = std::move(map).encoded();
  EXPECT_EQ(kind_thrown([&] { structure_root_from_cbor(cbor); }), ErrorKind::unsupported);
  EXPECT_EQ(kind_thrown([&] { manifest_root_from_cbor(cbor); }), ErrorKind::unsupported);
}

TEST(Manifest, AStructureRootNamesEachSegmentOnce) {
  Samples samples(1);
  StructureRoot root{{samples.array<32>(), samples.array<32>()}, {}, 0};
  // Two equal content segments are one, and both share the structure segment.
  root.contents = {samples.array<32>(), root.segments[0], root.segments[0]};
  EXPECT_EQ(structure_root_from_cbor(to_cbor(root)), root) << "contents may come twice, and are in order";
  std::reverse(root.contents.begin(), root.contents.end());
  EXPECT_EQ(structure_root_from_cbor(to_cbor(root)), root);
  root.segments[1] = root.segments[0];
  EXPECT_EQ(kind_thrown([&] { to_cbor(root); }), ErrorKind::invalid);
  CborMap map;
  map.text("kind", "root").number("survive", 0).item("contents", [](CborWriter& to) { to.array(0); });
  map.item("segments", [&](CborWriter& to) {
    to.array(2);
    for (const Hash256& name : root.segments) to.bytes(name);
  });
  const Bytes twice = std::move(map).encoded();
  EXPECT_EQ(kind_thrown([&] { structure_root_from_cbor(twice); }), ErrorKind::corrupt);
}

TEST(Manifest, AContentSegmentListsNoPackTwice) {
  for (const bool twice : {false, true}) {
    CborMap map;
    map.text("kind", "segment").bytes("structure", Hash256{}).item("fragments", [](CborWriter& to) { to.array(0); });
    map.item("packs", [&](CborWriter& to) {
      to.array(2);
      to.bytes(PackId{});
      to.bytes(twice ? PackId{} : PackId{std::byte{1}});
    });
    const Bytes cbor = std::move(map).encoded();
    EXPECT_EQ(kind_thrown([&] { content_segment_from_cbor(cbor); }),
              twice ? std::optional(ErrorKind::corrupt) : std::nullopt);
  }
}

ManifestRoot root_with(const std::vector<std::string>& paths) {
  ManifestRoot root;
  root.model = "a/b";
  for (const auto& path : paths) {
    FileEntry file;
    file.path = path;
    file.size_bytes = 10;
    file.fragments = 1;
    root.files.push_back(file);
  }
  root.segments.resize(1);
  return root;
}

template <typename Part, typename Change>
std::optional<ErrorKind> refusal(Part part, Change&& change) {
  change(part);
  return kind_thrown([&] { to_cbor(part); });
}

TEST(Manifest, RootsThatBreakARuleAreRefused) {
  const ManifestRoot good = root_with({"a", "b/c"});
  EXPECT_FALSE(refusal(good, [](auto&) {}));
  const auto refused = [&](auto&& change) { return refusal(good, change) == ErrorKind::invalid; };
  EXPECT_TRUE(refused([](auto& root) { root.epoch = 0; }));
  EXPECT_TRUE(refused([](auto& root) { root.model.clear(); }));
  EXPECT_TRUE(refused([](auto& root) { root.files[0].path = "../a"; }));
  EXPECT_TRUE(refused([](auto& root) { std::swap(root.files[0], root.files[1]); }));
  EXPECT_TRUE(refused([](auto& root) { root.files[1] = root.files[0]; }));
  EXPECT_TRUE(refused([](auto& root) { root.files[0].path = "b"; }));
  EXPECT_TRUE(refused([](auto& root) { root.files[0].fragments = 0; }));
  EXPECT_TRUE(refused([](auto& root) { root.files[0].fragments = 11; }));
  EXPECT_TRUE(refused([](auto& root) { root.files[0].size_bytes = k_max_fragment_bytes + 1; }));
  EXPECT_TRUE(refused([](auto& root) { root.files[0].tensors = {{"t", "F32", {2}, 8, 3}}; }));
  EXPECT_TRUE(refused([](auto& root) { root.files[0].tensors = {{"t", "F32", {2}, 8, UINT64_MAX}}; }));
  EXPECT_TRUE(refused([](auto& root) { root.segments.clear(); }));
}

TEST(Manifest, SegmentsThatBreakARuleAreRefused) {
  ContentSegment good;
  good.fragments.push_back({{}, 100, {}, FrameRef{{}, 0, 116, 0}});
  EXPECT_FALSE(refusal(good, [](auto&) {}));
  const auto refused = [&](auto&& change) { return refusal(good, [&](auto& s) { change(s.fragments[0]); }); };
  EXPECT_EQ(refused([](Fragment& f) { f.plain_bytes = 0; }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Fragment& f) { f.plain_bytes = k_max_fragment_bytes + 1; }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Fragment& f) { f.codec.id = static_cast<CodecId>(99); }), ErrorKind::unsupported);
  EXPECT_EQ(refused([](Fragment& f) { f.place = FrameRef{{}, 0, 117, 0}; }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Fragment& f) { f.place = FrameRef{{}, 0, 116, 65536}; }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Fragment& f) { f.place = FrameRef{{}, 1ULL << 33, 116, 0}; }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Fragment& f) { f.place = Bytes(99); }), ErrorKind::invalid);
  EXPECT_EQ(refusal(good, [](auto& s) { s.fragments.resize(k_fragments_per_segment + 1, s.fragments[0]); }),
            ErrorKind::invalid);
}

TEST(Manifest, PacksThatBreakARuleAreRefused) {
  Samples samples(3);
  StructureSegment good{{samples.pack()}};
  EXPECT_FALSE(refusal(good, [](auto&) {}));
  const auto refused = [&](auto&& change) { return refusal(good, [&](auto& s) { change(s.packs[0]); }); };
  EXPECT_EQ(refused([](Pack& pack) { pack.epoch = 0; }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Pack& pack) { pack.k = 0; }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Pack& pack) { pack.k = 17; }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Pack& pack) { pack.m = 9; }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Pack& pack) { pack.slice_bytes = 65; }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Pack& pack) { pack.slice_bytes = 0; }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Pack& pack) { pack.slice_bytes = 1ULL << 40; }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Pack& pack) { pack.shards.emplace_back(); }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Pack& pack) { pack.suite = 3; }), ErrorKind::unsupported);
  EXPECT_EQ(refusal(good, [](auto& s) { s.packs.push_back(s.packs[0]); }), ErrorKind::invalid);
}

TEST(Manifest, FramesMustLieInTheirPacks) {
  Samples samples(3);
  Pack pack = samples.pack();
  pack.k = 2;
  pack.slice_bytes = 256;
  const StructureSegment structure{{pack}};
  const auto check = [&](std::uint64_t offset, const PackId& id) {
    const Fragment fragment{{}, 100, {}, FrameRef{id, offset, 116, 0}};
    const auto fits = [&](const ContentSegment& content) {
      return kind_thrown([&] { check_frames_fit(content, structure); });
    };
    // A base has to be there like any other.
    EXPECT_EQ(fits({{}, {fragment}, {}}), fits({{}, {}, {fragment}}));
    return fits({{}, {fragment}, {}});
  };
  EXPECT_FALSE(check(512 - 116 - 64, pack.id));
  EXPECT_EQ(check(512 - 116 - 63, pack.id), ErrorKind::corrupt);
  EXPECT_EQ(check(UINT64_MAX, pack.id), ErrorKind::corrupt);
  EXPECT_EQ(check(0, PackId{}), ErrorKind::corrupt);
}

TEST(Manifest, TooManyTensorsAreLeftOut) {
  ManifestRoot root = root_with({"a"});
  root.files[0].tensors.assign(65537, {"t", "F32", {2}, 0, 8});
  EXPECT_TRUE(manifest_root_from_cbor(to_cbor(root)).files[0].tensors.empty());
  root.files[0].tensors.resize(65536);
  EXPECT_EQ(manifest_root_from_cbor(to_cbor(root)).files[0].tensors.size(), 65536U);
  root.files[0].tensors[5].name = "\xff";
  EXPECT_TRUE(manifest_root_from_cbor(to_cbor(root)).files[0].tensors.empty());
}

TEST(Manifest, RevisionIdIsThatOfTheFileList) {
  const ManifestRoot root = root_with({"a", "b/c"});
  const RevisionId id = revision_id(root.files);
  auto other = root.files;
  other[1].git_oid[0] = std::byte{1};
  other[1].cutter = "else";
  EXPECT_EQ(revision_id(other), id);
  other[1].sha256[0] = std::byte{1};
  EXPECT_NE(revision_id(other), id);
  // 80 is the empty array.
  EXPECT_EQ(to_hex(revision_id({})), to_hex(crypto::sha256(from_hex("80").value())).substr(0, 40));
}

TEST(SafePath, LeavesNoFolder) {
  for (const char* path : {"a", "a/b.c", "größe/模型.gguf", "...", "a..b", ".gitattributes", " "}) {
    EXPECT_TRUE(is_safe_path(path)) << path;
  }
  using namespace std::string_view_literals;
  for (const auto path : {""sv, "/a"sv, "a/"sv, "a//b"sv, "."sv, ".."sv, "a/../b"sv, "a/."sv, "a\\b"sv, "a\nb"sv,
                          "a\0b"sv, "a\x7f"sv, "a\xc2\x85"sv, "a\xff"sv}) {
    EXPECT_FALSE(is_safe_path(path)) << path;
  }
  EXPECT_TRUE(is_safe_path(std::string(255, 'x')));
  EXPECT_FALSE(is_safe_path(std::string(256, 'x')));
  std::string deep = "x";
  while (deep.size() < 4096) deep += "/x";
  EXPECT_FALSE(is_safe_path(deep));
}

// `git hash-object` says the same.
TEST(GitOid, IsWhatGitSays) {
  EXPECT_EQ(to_hex(git_blob_oid({})), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  EXPECT_EQ(to_hex(git_blob_oid(as_bytes("hello\n"))), "ce013625030ba8dba906f756967f9e9ca394464a");
  const auto sha256 = crypto::sha256({});
  EXPECT_EQ(lfs_pointer_text(sha256, 12),
            "version https://git-lfs.github.com/spec/v1\n"
            "oid sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
            "size 12\n");
  EXPECT_EQ(lfs_pointer_oid(sha256, 12), git_blob_oid(as_bytes(lfs_pointer_text(sha256, 12))));
}

}  // namespace
}  // namespace modelfloat::mf1
