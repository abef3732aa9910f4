// Manifests of a faulty or malicious member of the pool: what they promise and does not hold is
// never handed out, and found by verify.

#include <algorithm>
#include <functional>

#include "engine/test_pool.h"
#include <gtest/gtest.h>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/engine/manifest/manifest_writer.h"
#include "modelfloat/engine/upkeep/verify.h"
#include "modelfloat/mf1/document.h"
#include "modelfloat/mf1/manifest_codec.h"

namespace modelfloat {
namespace {

using engine::Health;
using test::Files;
using test::kind_thrown;
using test::Machine;
using test::Threads;
using test::World;

class Proof : public testing::TestWithParam<Threads> {
 protected:
  Proof() {
    machine_.create({4, 2, 2});
    machine_.push("ns/true", files_);
  }

  engine::Pool& pool() { return machine_.pool(); }
  engine::OpenManifest open(const std::string& name) {
    return engine::open_manifest(pool(), ModelRef::parse(name), true, {});
  }

  // Publishes "ns/lie", which says what "ns/true" says but for what `change` makes of it. `file` is
  // the first of its files.
  using Change = std::function<void(FileEntry& file, std::vector<Fragment>& fragments)>;
  void publish_lie(const Change& change) {
    const auto manifest = open("ns/true");
    ManifestRoot root = manifest.root;
    engine::ManifestReader reader(pool(), {}, {});
    std::vector<Fragment> fragments = reader.segment(root, 0).content.fragments;
    change(root.files.at(0), fragments);
    root.model = "ns/lie";
    root.revision = mf1::revision_id(root.files);
    std::size_t next = 0;
    const auto written = engine::write_manifest(pool(), root, std::vector<FragmentId>(fragments.size()),
                                                [&](const FragmentId&) { return fragments[next++]; }, 2, {});
    pool().log().append({Committed{{"ns/lie", "latest", root.revision, written.id}}}, {});
  }

  Bytes range(const std::string& name, ByteRange wanted) {
    Bytes got;
    engine::read_range(pool(), open(name), "m.bin", wanted, [&](ByteSpan part) { append(got, part); }, {}, {});
    return got;
  }
  Health health_by_reading(const std::string& name) {
    const auto report = engine::verify(pool(), {.model = name, .read = true}, {});
    return report.models.at(0).health;
  }

  const Files files_{{"m.bin", test::random_bytes(9'000'000, 41)}};
  World world_{6};
  Machine machine_{world_, GetParam()};
};

// Two fragments of one length at one place: the second is another's bytes.
TEST_P(Proof, ASecondFragmentListedAtTheSamePlaceIsNotDeliveredUnproven) {
  publish_lie([](FileEntry& file, std::vector<Fragment>& fragments) {
    fragments[1].place = fragments[0].place;
    fragments[1].plain_bytes = fragments[0].plain_bytes;
    fragments[1].codec = fragments[0].codec;
    file.size_bytes = 0;
    for (const Fragment& fragment : fragments) file.size_bytes += fragment.plain_bytes;
  });
  EXPECT_EQ(kind_thrown([&] { machine_.pull("ns/lie"); }), ErrorKind::corrupt);
  EXPECT_EQ(kind_thrown([&] { range("ns/lie", {}); }), ErrorKind::corrupt);
  EXPECT_EQ(health_by_reading("ns/lie"), Health::lost);
  EXPECT_EQ(health_by_reading("ns/true"), Health::sound);
}

// Whoever has the maintenance key alone would check and repair other documents than are read.
TEST_P(Proof, RootsThatNameDifferentContentSegmentsAreFoundOut) {
  const ManifestRoot root = open("ns/true").root;
  engine::ManifestReader reader(pool(), {}, {});
  StructureRoot structure = reader.structure_root(root);
  EXPECT_EQ(structure.contents, root.segments);
  structure.contents.at(0)[0] ^= std::byte{1};
  const auto sealed = mf1::seal_document(ObjectType::structure, mf1::to_cbor(structure), pool().keys(),
                                         crypto::preferred_suite(), pool().environment().random);
  pool().registry().keep_document(ObjectName::of(ObjectType::structure, sealed.hash).path(), sealed.object);
  ManifestRoot lie = root;
  lie.structure = sealed.hash;
  EXPECT_EQ(kind_thrown([&] { reader.structure_root(lie); }), ErrorKind::corrupt);
}

// Fragments that end before their file does.
TEST_P(Proof, AFileThatLacksItsEndIsNotReadAsIfItWereShorter) {
  publish_lie([](FileEntry& file, std::vector<Fragment>& fragments) {
    fragments.pop_back();
    --file.fragments;
  });
  EXPECT_EQ(kind_thrown([&] { machine_.pull("ns/lie"); }), ErrorKind::corrupt);
  EXPECT_EQ(kind_thrown([&] { range("ns/lie", {}); }), ErrorKind::corrupt);
  EXPECT_EQ(kind_thrown([&] { range("ns/lie", {9'000'000 - 10, 10}); }), ErrorKind::corrupt);
  const Bytes& whole = files_.at("m.bin");
  EXPECT_TRUE(equal(range("ns/lie", {0, 1000}), ByteSpan(whole).first(1000)));
  EXPECT_FALSE(engine::verify(pool(), {.model = std::string("ns/lie")}, {}).readable());
}

// Each fragment is what its id says, and together they are not the file.
TEST_P(Proof, VerifyComparesTheSha256OfEachFile) {
  publish_lie([](FileEntry& file, std::vector<Fragment>&) { file.sha256[0] ^= std::byte{1}; });
  const auto report = engine::verify(pool(), {.model = std::string("ns/lie"), .read = true}, {});
  EXPECT_EQ(report.models.at(0).health, Health::lost);
  ASSERT_EQ(report.damaged.size(), 1U);
  EXPECT_EQ(report.damaged[0].type, ObjectType::content);
  EXPECT_EQ(report.damaged[0].what, transfer::Damage::corrupt);
  EXPECT_TRUE(engine::verify(pool(), {.model = std::string("ns/true"), .read = true}, {}).sound());
}

// Files of all kinds, over several packs, with what they share.
TEST_P(Proof, SoundModelsOfManyFilesAreSoundByTheirHashes) {
  Files files{{"a.bin", files_.at("m.bin")}, {"empty", {}}, {"z.bin", test::random_bytes(21'000'000, 7)}};
  for (int i = 0; i < 50; ++i) files["small/" + std::to_string(i)] = test::random_bytes(1000 + i, 100 + i);
  machine_.push("ns/many", files);
  machine_.push("ns/little", {{"c.json", to_bytes("{}")}});
  const auto report = engine::verify(pool(), {.read = true}, {});
  EXPECT_TRUE(report.sound());
  for (const auto& model : report.models) EXPECT_EQ(model.health, Health::sound) << model.name;
}

// What a shard has is read once, whether for its name or for the hash of its file. On one thread
// nothing is asked for twice because it is late.
TEST(ProofOnOneThread, VerifyReadsNoShardTwice) {
  World world(6);
  Machine machine(world, Threads::one);
  machine.create({4, 2, 2});
  machine.push("ns/one", {{"m.bin", test::random_bytes(21'000'000, 41)}});
  const auto report = engine::verify(machine.pool(), {.read = true}, {});
  EXPECT_TRUE(report.sound());
  EXPECT_LE(report.bytes_read, world.stored_bytes());
}

INSTANTIATE_TEST_SUITE_P(Threads, Proof, testing::Values(Threads::one, Threads::many),
                         [](const auto& param) { return param.param == Threads::one ? "OneThread" : "ManyThreads"; });

}  // namespace
}  // namespace modelfloat
