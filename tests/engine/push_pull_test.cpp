#include <bit>
#include <map>
#include <mutex>
#include <set>

#include "engine/test_pool.h"
#include "support/model_files.h"
#include <gtest/gtest.h>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/engine/catalogue/fragment_map.h"
#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/upkeep/remove_model.h"
#include "modelfloat/engine/upkeep/verify.h"

namespace modelfloat {
namespace {

using test::Files;
using test::k_survive_two;
using test::kind_thrown;
using test::Machine;
using test::Threads;
using test::World;

Files gguf_model(std::uint64_t changed_seed = 0) {
  test::GgufSpec spec;
  spec.tensors = test::little_llama(4);
  if (changed_seed != 0) spec.tensors[3].seed = changed_seed;
  return {{"model.gguf", test::make_gguf(spec)}};
}

class PushPull : public testing::TestWithParam<Threads> {
 protected:
  PushPull() { machine_.create(k_survive_two); }
  World world_{6};
  Machine machine_{world_, GetParam()};
};

TEST_P(PushPull, FilesOfAllSizesComeBackEqual) {
  const Files files{{"a/empty.bin", {}},
                    {"a/one.bin", to_bytes("x")},
                    {"big.bin", test::random_bytes(37'000'001, 5)},
                    {"model.gguf", gguf_model().begin()->second},
                    {"text.json", to_bytes("{\"hello\": \"world\"}")},
                    {"zeros.bin", Bytes(5'000'000, std::byte{0})}};
  const auto pushed = machine_.push("ns/mixed", files);
  EXPECT_GT(pushed.packs, 1U);
  EXPECT_EQ(machine_.pull("ns/mixed"), files);
}

TEST_P(PushPull, EveryPairOfLostStoresIsSurvivedAndAThirdIsNot) {
  const Files files = gguf_model();
  machine_.push("ns/model", files);
  for (unsigned lost = 0; lost < 64; ++lost) {
    if (std::popcount(lost) != 2 && std::popcount(lost) != 3) continue;
    for (std::size_t i = 0; i < 6; ++i) world_.faults(i).set_offline((lost >> i & 1) != 0);
    machine_.reopen();
    if (std::popcount(lost) == 2) {
      EXPECT_EQ(machine_.pull("ns/model"), files) << "lost " << lost;
    } else {
      EXPECT_EQ(kind_thrown([&] { machine_.pull("ns/model"); }), ErrorKind::lost) << "lost " << lost;
    }
  }
}

TEST_P(PushPull, TheSamePushedAgainStoresNothingButItsRoots) {
  const Files files = gguf_model();
  const auto first = machine_.push("ns/model", files);
  const auto before = world_.objects(0);
  const auto second = machine_.push("ns/model", files);
  EXPECT_EQ(second.new_bytes, 0U);
  EXPECT_EQ(second.packs, 0U);
  EXPECT_EQ(second.bytes, first.bytes);
  EXPECT_EQ(second.revision, first.revision);
  EXPECT_NE(second.manifest, first.manifest);
  std::map<std::string, std::size_t> added;  // by type
  for (const auto& [path, bytes] : world_.objects(0)) {
    if (!before.contains(path)) ++added[std::string(to_string(*ObjectName::parse(path)->type()))];
  }
  EXPECT_EQ(added, (std::map<std::string, std::size_t>{{"content", 1}, {"log", 2}, {"structure", 1}}));
  EXPECT_EQ(machine_.pull("ns/model"), files);
}

TEST_P(PushPull, AnotherTagOfTheSameRevisionStoresNoData) {
  const Files files = gguf_model();
  machine_.push("ns/model", files);
  const auto again = machine_.push("ns/model:v1", files);
  EXPECT_EQ(again.new_bytes, 0U);
  EXPECT_EQ(machine_.pull("ns/model:v1"), files);
  EXPECT_EQ(machine_.pull("ns/model"), files);
  EXPECT_EQ(engine::find_model(machine_.pool(), "ns/model")->tags, (std::vector<std::string>{"latest", "v1"}));
}

TEST_P(PushPull, AChangedTensorStoresThatTensorOnly) {
  const Files before = gguf_model();
  const Files after = gguf_model(77);
  machine_.push("ns/model", before);
  const auto second = machine_.push("ns/model", after);
  EXPECT_GT(second.new_bytes, 0U);
  EXPECT_LE(second.new_bytes, 2U << 20);
  EXPECT_EQ(machine_.pull("ns/model"), after);
}

TEST_P(PushPull, LittleDataLiesInTheManifest) {
  const Files files{{"config.json", to_bytes("{}")}, {"small.bin", test::random_bytes(200'000, 3)}};
  const auto pushed = machine_.push("ns/small", files);
  EXPECT_EQ(pushed.packs, 0U);
  EXPECT_EQ(pushed.new_bytes, 200'002U);
  EXPECT_EQ(machine_.push("ns/small", files).new_bytes, 0U);
  // On every store, so any one will do.
  for (std::size_t i = 0; i < 4; ++i) world_.faults(i).set_offline(true);
  machine_.reopen();
  EXPECT_EQ(machine_.pull("ns/small"), files);
}

TEST_P(PushPull, WrongBytesInTwoStoresAreReadAroundAndNamed) {
  const Files files{{"big.bin", test::random_bytes(30'000'000, 9)}};
  machine_.push("ns/model", files);
  world_.faults(1).flip_bits_everywhere(true);
  world_.faults(4).answer_short(true);
  std::mutex mutex;
  std::set<std::string> named;
  const auto pulled = machine_.pull("ns/model", [&](const transfer::Finding& finding) {
    const std::lock_guard lock(mutex);
    named.insert(finding.store);
  });
  EXPECT_EQ(pulled, files);
  EXPECT_TRUE(named.contains("s1") || named.contains("s4"));
}

TEST_P(PushPull, WrongBytesInThreeStoresAreRefused) {
  machine_.push("ns/model", {{"big.bin", test::random_bytes(30'000'000, 9)}});
  for (const std::size_t i : {0U, 2U, 5U}) world_.faults(i).flip_bits_everywhere(true);
  EXPECT_EQ(kind_thrown([&] { machine_.pull("ns/model"); }), ErrorKind::lost);
}

TEST_P(PushPull, RangesAreWhatTheFileHasThere) {
  const Bytes bytes = test::random_bytes(20'000'000, 11);
  machine_.push("ns/model", {{"a.bin", to_bytes("before")}, {"m.bin", bytes}, {"z.bin", to_bytes("after")}});
  const auto manifest = engine::open_manifest(machine_.pool(), ModelRef::parse("ns/model"), true, {});
  const std::uint64_t size = bytes.size();
  for (const ByteRange range : {ByteRange{0, 1}, ByteRange{0, size}, ByteRange{size - 1, 1}, ByteRange{1'048'575, 2},
                                ByteRange{3'000'000, 12'000'000}, ByteRange{size, 10}, ByteRange{size + 5, 10},
                                ByteRange{100, ByteRange::k_to_the_end}, ByteRange{7, 0}}) {
    Bytes got;
    engine::read_range(machine_.pool(), manifest, "m.bin", range, [&](ByteSpan part) { append(got, part); }, {}, {});
    const std::uint64_t begin = std::min(range.offset, size);
    const std::uint64_t length = std::min(range.length, size - begin);
    EXPECT_TRUE(equal(got, ByteSpan(bytes).subspan(begin, length))) << range.offset << "+" << range.length;
  }
}

TEST_P(PushPull, ARangeReadsAboutWhatItNeeds) {
  machine_.push("ns/model", {{"m.bin", test::random_bytes(32'000'000, 12)}});
  const auto manifest = engine::open_manifest(machine_.pool(), ModelRef::parse("ns/model"), true, {});
  const auto fetched =
      engine::read_range(machine_.pool(), manifest, "m.bin", {10'000'000, 1000}, [](ByteSpan) {}, {}, {});
  EXPECT_LE(fetched, 2U * (1U << 20) + 1000);
}

TEST_P(PushPull, RemovedModelsAreGoneAndOthersStay) {
  const Files files = gguf_model();
  machine_.push("ns/one", files);
  machine_.push("ns/two", files);
  engine::remove_model(machine_.pool(), ModelRef::parse("ns/one"), {});
  EXPECT_EQ(kind_thrown([&] { machine_.pull("ns/one"); }), ErrorKind::not_found);
  EXPECT_EQ(kind_thrown([&] { engine::remove_model(machine_.pool(), ModelRef::parse("ns/one"), {}); }),
            ErrorKind::not_found);
  EXPECT_EQ(machine_.pull("ns/two"), files);
  machine_.push("ns/one", files);
  EXPECT_EQ(machine_.pull("ns/one"), files);
}

TEST_P(PushPull, RecoverBringsEverythingBackFromFourStores) {
  const Files one = gguf_model();
  const Files two{{"x/y.bin", test::random_bytes(3'000'000, 21)}};
  machine_.push("ns/one", one);
  machine_.push("ns/two:v2", two);
  engine::remove_model(machine_.pool(), ModelRef::parse("ns/one"), {});
  machine_.push("ns/three", one);

  Machine other(world_, GetParam(), 99);
  world_.faults(0).set_offline(true);
  world_.faults(3).set_offline(true);
  const auto recovered = other.recover(machine_.recovery_secret(), {1, 2, 4, 5});
  EXPECT_EQ(recovered.models, 2U);
  EXPECT_EQ(recovered.stores, 6U);
  EXPECT_LT(recovered.bytes_read, 1U << 20);
  EXPECT_EQ(other.pull("ns/three"), one);
  EXPECT_EQ(other.pull("ns/two:v2"), two);
  EXPECT_EQ(kind_thrown([&] { other.pull("ns/one"); }), ErrorKind::not_found);

  // Both machines go on, each in its own chain, and see each other.
  world_.faults(0).set_offline(false);
  world_.faults(3).set_offline(false);
  other.reopen();
  const auto again = other.push("ns/four", one);
  EXPECT_EQ(again.new_bytes, 0U);
  EXPECT_EQ(machine_.pull("ns/four"), one);
}

TEST_P(PushPull, AWrongCodeRecoversNothing) {
  Machine other(world_, GetParam(), 99);
  test::FixedRandom random(5);
  const auto wrong = mf1::SlotSecret::recovery_code(mf1::RecoveryCode::random(random));
  EXPECT_EQ(kind_thrown([&] { other.recover(wrong, {0, 1}); }), ErrorKind::denied);
}

TEST_P(PushPull, NothingOfTheModelIsReadableInAnyStore) {
  Bytes canary = test::random_bytes(300, 31);
  Bytes file = test::random_bytes(2'000'000, 32);
  std::copy(canary.begin(), canary.end(), file.begin() + 1'500'000);
  machine_.push("secretspace/secretname:secrettag", {{"secretfile.bin", file}});
  const Hash256 sha256 = crypto::sha256(file);
  for (std::size_t i = 0; i < world_.size(); ++i) {
    for (const auto& [path, bytes] : world_.objects(i)) {
      const std::string_view text = as_text(bytes);
      EXPECT_EQ(text.find(as_text(ByteSpan(canary).first(16))), std::string_view::npos) << path;
      EXPECT_EQ(text.find(as_text(sha256)), std::string_view::npos) << path;
      for (const char* word : {"secretspace", "secretname", "secrettag", "secretfile"}) {
        EXPECT_EQ(text.find(word), std::string_view::npos) << path;
      }
    }
  }
}

TEST_P(PushPull, VerifySeesWhatIsMissingAndWhatIsWrong) {
  machine_.push("ns/model", {{"m.bin", test::random_bytes(9'000'000, 41)}});
  EXPECT_TRUE(engine::verify(machine_.pool(), {.read = true}, {}).sound());

  std::string victim;
  for (const auto& [path, bytes] : world_.objects(2)) {
    if (path.starts_with("mf1/shard/")) victim = path;
  }
  world_.inner(2).remove(*ObjectName::parse(victim), {});
  auto report = engine::verify(machine_.pool(), {}, {});
  ASSERT_EQ(report.damaged.size(), 1U);
  EXPECT_EQ(report.damaged[0], (transfer::Finding{"s2", victim, ObjectType::shard, transfer::Damage::missing}));
  EXPECT_EQ(report.models.at(0).health, engine::Health::degraded);
  EXPECT_TRUE(report.readable());

  for (const std::size_t i : {0U, 1U}) world_.faults(i).flip_bits_everywhere(true);
  report = engine::verify(machine_.pool(), {.read = true}, {});
  EXPECT_EQ(report.models.at(0).health, engine::Health::lost);
  EXPECT_FALSE(report.readable());
}

TEST_P(PushPull, AStoreWithoutItsMarkerGetsNothing) {
  world_.inner(5).remove(ObjectName::marker(), {});
  machine_.reopen();
  const auto before = world_.objects(5);
  // 4+2 needs six.
  EXPECT_EQ(kind_thrown([&] { machine_.push("ns/model", gguf_model()); }), ErrorKind::offline);
  EXPECT_EQ(world_.objects(5), before);
  EXPECT_FALSE(machine_.pool().stores().find("s5")->is_online());
}

TEST_P(PushPull, CopiesWorkAsWell) {
  const Files files{{"m.bin", test::random_bytes(9'000'000, 51)}};
  machine_.push("ns/copies", files, Redundancy{1, 2});
  const auto manifest = engine::open_manifest(machine_.pool(), ModelRef::parse("ns/copies"), true, {});
  std::set<std::string> holding;
  engine::map_fragments(
      machine_.pool(), manifest,
      [&](const engine::PackView& pack) {
        EXPECT_EQ(pack.shards.size(), 3U);
        for (const auto& shard : pack.shards) EXPECT_EQ(shard.state, engine::CopyPresence::present);
      },
      [](const engine::FragmentView&) {}, {});
  for (std::size_t i = 0; i < 6; ++i) world_.faults(i).set_offline(i % 3 != 0);
  machine_.reopen();
  std::optional<Files> pulled;
  const auto error = kind_thrown([&] { pulled = machine_.pull("ns/copies"); });
  EXPECT_TRUE(error == ErrorKind::lost || pulled == files);
  for (std::size_t i = 0; i < 6; ++i) world_.faults(i).set_offline(i < 2);
  machine_.reopen();
  EXPECT_EQ(machine_.pull("ns/copies"), files);
}

TEST_P(PushPull, AFullStoreIsReplacedWhenAnotherMayTakeTheShard) {
  World wide(7);
  Machine roomy(wide, GetParam(), 8);
  roomy.create(k_survive_two);
  wide.faults(3).limit_space(1'000'000);
  const Files files{{"m.bin", test::random_bytes(20'000'000, 61)}};
  roomy.push("ns/model", files);
  EXPECT_EQ(roomy.pull("ns/model"), files);
}

INSTANTIATE_TEST_SUITE_P(Threads, PushPull, testing::Values(Threads::one, Threads::many),
                         [](const auto& param) { return param.param == Threads::one ? "OneThread" : "ManyThreads"; });

}  // namespace
}  // namespace modelfloat
