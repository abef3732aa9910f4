// What is pushed again has a name of its own: a removal from before it, which arrives late, does
// not remove it. Manifests that say the same are replaced by the newest.
#include <tuple>
#include <utility>

#include "engine/test_pool.h"
#include "support/record_hook.h"
#include <gtest/gtest.h>

#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/manifest/manifest_reader.h"
#include "modelfloat/engine/upkeep/remove_model.h"
#include "modelfloat/engine/upkeep/verify.h"

namespace modelfloat {
namespace {

using test::Files;
using test::k_copies;
using test::kind_thrown;
using test::Machine;
using test::Threads;
using test::thrown_by;
using test::World;

Files inline_files() { return {{"m.bin", test::random_bytes(5'000, 1)}}; }
Files packed_files() { return {{"m.bin", test::random_bytes(3'000'000, 2)}}; }

// Of a store: how many objects there are of a type.
std::size_t count(World& world, std::size_t store, ObjectType type) {
  std::size_t found = 0;
  for (const auto& [path, bytes] : world.objects(store)) found += ObjectName::parse(path)->type() == type ? 1 : 0;
  return found;
}

// --- a removal that only the last of four stores has
// --------------------------------------------------------------------------------

// Whether the files lie in packs, and whether they are pushed under a new tag.
class LateRemoval : public testing::TestWithParam<std::tuple<bool, bool>> {
 protected:
  LateRemoval() { machine_.create(k_copies); }
  void only(std::initializer_list<std::size_t> stores) {
    for (std::size_t i = 0; i < world_.size(); ++i) world_.faults(i).set_offline(true);
    for (const std::size_t i : stores) world_.faults(i).set_offline(false);
  }

  const Files files_ = std::get<0>(GetParam()) ? packed_files() : inline_files();
  const std::string name_ = std::get<1>(GetParam()) ? "ns/model:new" : "ns/model:latest";
  World world_{4};
  Machine machine_{world_, Threads::one};
};

TEST_P(LateRemoval, DoesNotRemoveWhatWasPushedAfterIt) {
  only({0, 1, 2});  // so that no shard is on the last one
  machine_.reopen();
  machine_.push("ns/model:latest", files_);
  only({0, 1, 2, 3});
  machine_.reopen();
  engine::catch_up(machine_.pool(), test::k_all_news, {});  // the last store gets the log
  Machine other(world_, Threads::one, 50);
  other.recover(machine_.recovery_secret(), {0, 1, 2, 3});

  only({3});
  other.reopen();
  EXPECT_FALSE(engine::remove_model(other.pool(), ModelRef::parse("ns/model"), {}).complete);
  only({0, 1, 2});
  machine_.reopen();
  const auto pushed = machine_.push(name_, files_);
  EXPECT_EQ(pushed.doubt, "");
  EXPECT_EQ(pushed.new_bytes, 0U);
  EXPECT_EQ(pushed.packs, 0U);

  only({0, 1, 2, 3});
  machine_.reopen();
  other.reopen();
  EXPECT_EQ(machine_.pull(name_), files_);
  EXPECT_EQ(other.pull(name_), files_);
  EXPECT_TRUE(engine::verify(machine_.pool(), {.read = true}, {}).readable());
  Machine third(world_, Threads::one, 51);
  EXPECT_EQ(third.recover(machine_.recovery_secret(), {0, 1, 2, 3}).models, 1U);
  EXPECT_EQ(third.pull(name_), files_);
}

// It names what it replaced, too.
TEST_P(LateRemoval, AfterThePushItRemovesIt) {
  machine_.push("ns/model:latest", files_);
  machine_.push(name_, files_);
  Machine other(world_, Threads::one, 50);
  other.recover(machine_.recovery_secret(), {0, 1, 2, 3});
  EXPECT_TRUE(engine::remove_model(other.pool(), ModelRef::parse("ns/model"), {}).complete);
  for (Machine* machine : {&machine_, &other}) {
    EXPECT_EQ(kind_thrown([&] { machine->pull(name_); }), ErrorKind::not_found);
    EXPECT_EQ(kind_thrown([&] { machine->pull("ns/model:latest"); }), ErrorKind::not_found);
    const PoolState state = machine->pool().log().state();
    EXPECT_TRUE(state.manifests.empty());
    EXPECT_TRUE(state.replaced.empty());
    EXPECT_TRUE(state.tags.empty() || state.tags.begin()->second.empty());
  }
  machine_.push(name_, files_);
  EXPECT_EQ(other.pull(name_), files_);
}

INSTANTIATE_TEST_SUITE_P(OfA, LateRemoval, testing::Combine(testing::Bool(), testing::Bool()), [](const auto& param) {
  return std::string(std::get<0>(param.param) ? "ModelInPacks" : "ModelInItsManifest") +
         (std::get<1>(param.param) ? "UnderANewTag" : "UnderItsTag");
});

// --- what is replaced
// --------------------------------------------------------------------------------

class Replacing : public testing::TestWithParam<bool> {  // whether the files lie in packs
 protected:
  Replacing() { machine_.create(k_copies); }
  Hash256 tagged(const std::string& tag) { return machine_.pool().log().state().tags.at("ns/model").at(tag); }
  engine::PushResult push_with_description(const std::string& tag, const std::string& text) {
    engine::PushOptions options;
    options.model = "ns/model";
    options.tag = tag;
    options.card["description"] = text;
    engine::PushSession session(machine_.pool(), options, {});
    MemorySource source(files_.at("m.bin"));
    session.add_file("m.bin", source);
    return session.commit();
  }
  std::size_t shards() {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < world_.size(); ++i) sum += count(world_, i, ObjectType::shard);
    return sum;
  }

  const Files files_ = GetParam() ? packed_files() : inline_files();
  World world_{3};
  Machine machine_{world_, Threads::one};
};

TEST_P(Replacing, OtherTagsFollowToTheNewManifest) {
  const auto first = machine_.push("ns/model:v1", files_);
  machine_.push("ns/model:other", {{"o.bin", test::random_bytes(100, 3)}});
  const auto second = machine_.push("ns/model:v2", files_);
  EXPECT_NE(second.manifest, first.manifest);
  EXPECT_EQ(tagged("v1"), second.manifest.content);
  EXPECT_EQ(tagged("v2"), second.manifest.content);
  EXPECT_NE(tagged("other"), second.manifest.content);
  const PoolState state = machine_.pool().log().state();
  EXPECT_FALSE(state.manifests.contains(first.manifest.content));
  EXPECT_EQ(state.replaced.at(first.manifest.content), second.manifest.content);
  EXPECT_EQ(engine::list_revisions(machine_.pool(), "ns/model").size(), 2U);
  EXPECT_EQ(machine_.pull("ns/model:v1"), files_);
  EXPECT_EQ(machine_.pull("ns/model@" + first.revision), files_);

  Machine other(world_, Threads::one, 50);
  other.recover(machine_.recovery_secret(), {0, 1, 2});
  EXPECT_EQ(other.pull("ns/model:v1"), files_);
}

TEST_P(Replacing, APushUnderTheSameTagReplacesToo) {
  const auto first = machine_.push("ns/model:v1", files_);
  const auto second = machine_.push("ns/model:v1", files_);
  const auto third = machine_.push("ns/model:v1", files_);
  EXPECT_EQ(tagged("v1"), third.manifest.content);
  const PoolState state = machine_.pool().log().state();
  EXPECT_EQ(state.manifests.size(), 1U);
  EXPECT_EQ(state.replaced.at(first.manifest.content), third.manifest.content);
  EXPECT_EQ(state.replaced.at(second.manifest.content), third.manifest.content);
}

TEST_P(Replacing, AManifestThatSaysSomethingElseStays) {
  push_with_description("v1", "early");
  const auto second = push_with_description("v2", "late");
  EXPECT_EQ(second.new_bytes, 0U);
  EXPECT_NE(tagged("v1"), tagged("v2"));
  EXPECT_TRUE(machine_.pool().log().state().replaced.empty());
  const auto manifest = engine::open_manifest(machine_.pool(), ModelRef::parse("ns/model:v1"), true, {});
  EXPECT_EQ(manifest.root.card.at("description"), "early");
}

// What promises less does not stand for what promises more.
TEST_P(Replacing, AManifestThatPromisesMoreStays) {
  World world(3);
  Machine machine(world, Threads::one, 9);
  machine.create({1, 2, 2});
  machine.push("ns/model:v1", files_);
  for (std::size_t i = 0; i < world.size(); ++i) {  // its packs don't count any more
    for (const auto& [path, bytes] : world.objects(i)) {
      if (i == 0 && path.starts_with("mf1/shard/")) world.inner(i).remove(*ObjectName::parse(path), {});
    }
  }
  machine.push("ns/model:v2", files_, Redundancy{1, 1});
  const auto tags = machine.pool().log().state().tags.at("ns/model");
  EXPECT_EQ(tags.at("v1") == tags.at("v2"), !GetParam());
  EXPECT_EQ(machine.pull("ns/model:v1"), files_);
}

TEST_P(Replacing, ACopyUnderAnotherNameSharesTheSegmentsAndStaysWhenTheFirstIsRemoved) {
  machine_.push("ns/model:v1", files_);
  const std::size_t shards_before = shards();
  const std::size_t contents = count(world_, 0, ObjectType::content);
  const std::size_t structures = count(world_, 0, ObjectType::structure);
  EXPECT_EQ(machine_.push("ns/copy:v1", files_).new_bytes, 0U);
  EXPECT_EQ(shards(), shards_before);
  EXPECT_EQ(count(world_, 0, ObjectType::content), contents + 1);
  EXPECT_EQ(count(world_, 0, ObjectType::structure), structures + 1);
  EXPECT_TRUE(machine_.pool().log().state().replaced.empty());
  EXPECT_TRUE(engine::remove_model(machine_.pool(), ModelRef::parse("ns/model"), {}).complete);
  EXPECT_EQ(machine_.pull("ns/copy:v1"), files_);
}

TEST_P(Replacing, AStoreThatLostASegmentHasItBack) {
  machine_.push("ns/model:v1", files_);
  for (const auto& [path, bytes] : world_.objects(1)) {
    const auto name = *ObjectName::parse(path);
    if (name.type() == ObjectType::content || name.type() == ObjectType::structure) world_.inner(1).remove(name, {});
  }
  machine_.push("ns/model:v1", files_);
  EXPECT_TRUE(engine::verify(machine_.pool(), {.read = true}, {}).sound());
}

TEST_P(Replacing, ASegmentThatIsCondemnedIsNotShared) {
  const auto first = machine_.push("ns/model:v1", files_);
  Machine other(world_, Threads::one, 50);
  other.recover(machine_.recovery_secret(), {0, 1, 2});
  engine::ManifestReader reader(other.pool(), {}, {});
  const Hash256 segment = reader.root(first.manifest).segments.at(0);
  engine::PushOptions options;
  options.model = "ns/model";
  engine::PushSession session(machine_.pool(), options, {});
  MemorySource source(files_.at("m.bin"));
  session.add_file("m.bin", source);
  other.pool().log().append({Condemned{{{ObjectType::content, segment, std::nullopt}}, 86'400}}, {});
  EXPECT_EQ(kind_thrown([&] { session.commit(); }), ErrorKind::transient);

  const auto again = machine_.push("ns/model", files_);
  const auto root = engine::ManifestReader(machine_.pool(), {}, {}).root(again.manifest);
  EXPECT_NE(root.segments.at(0), segment);
  EXPECT_EQ(machine_.pull("ns/model"), files_);
}

INSTANTIATE_TEST_SUITE_P(Of, Replacing, testing::Bool(),
                         [](const auto& param) { return param.param ? "Packs" : "TheManifest"; });

// --- what another machine does between `committed` and the last look
// --------------------------------------------------------------------------------

class AfterCommitted : public testing::Test {
 protected:
  AfterCommitted() {
    machine_.create(k_copies);
    machine_.push("ns/model", files_);
    other_.recover(machine_.recovery_secret(), {0, 1, 2});
  }
  // Once the first store has the second record of the next push, `committed`.
  void then(std::function<void()> work) {
    world_.wrap = [this, work = std::move(work)](std::unique_ptr<store::Store> store, std::size_t index) {
      return std::make_unique<test::RecordHook>(std::move(store), [this, work, index] {
        if (index == 0 && ++records_ == 2) work();
      });
    };
    machine_.reopen();
  }

  const Files files_ = inline_files();
  unsigned records_ = 0;
  World world_{3};
  Machine machine_{world_, Threads::one};
  Machine other_{world_, Threads::one, 50};
};

TEST_F(AfterCommitted, APushThatWasRemovedSaysSo) {
  then([this] { EXPECT_TRUE(engine::remove_model(other_.pool(), ModelRef::parse("ns/model"), {}).complete); });
  const auto error = thrown_by([&] { machine_.push("ns/model", files_); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::transient);
  EXPECT_NE(std::string(error->what()).find("was removed"), std::string::npos) << error->what();
  machine_.push("ns/model", files_);
  EXPECT_EQ(machine_.pull("ns/model"), files_);
  EXPECT_EQ(other_.pull("ns/model"), files_);
}

TEST_F(AfterCommitted, APushThatWasReplacedHasSucceeded) {
  engine::PushResult others;
  then([&] { others = other_.push("ns/model:theirs", files_); });
  const auto pushed = machine_.push("ns/model", files_);
  EXPECT_EQ(pushed.manifest, others.manifest);
  EXPECT_EQ(machine_.pull("ns/model"), files_);
  EXPECT_EQ(other_.pull("ns/model"), files_);
}

}  // namespace
}  // namespace modelfloat
