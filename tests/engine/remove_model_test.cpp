// A whole model, a tag or a revision is removed, and no more.
#include "modelfloat/engine/upkeep/remove_model.h"

#include "engine/test_pool.h"
#include "support/thrown.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/engine/catalogue/model_list.h"

namespace modelfloat {
namespace {

using test::Files;
using test::k_copies;
using test::kind_thrown;
using test::Machine;
using test::Threads;
using test::thrown_by;
using test::World;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Texts = std::vector<std::string>;

class Removing : public testing::Test {
 protected:
  Removing() { machine_.create(k_copies); }

  std::string push(const std::string& name, const Files& files) { return machine_.push(name, files).revision; }
  engine::ModelRemoval remove(const std::string& name) {
    return engine::remove_model(machine_.pool(), ModelRef::parse(name), {});
  }
  std::optional<Error> refusal(const std::string& name) {
    return thrown_by([&] { remove(name); });
  }
  std::optional<ErrorKind> pulling(const std::string& name) {
    return kind_thrown([&] { machine_.pull(name); });
  }
  PoolState state() { return machine_.pool().log().state(); }
  // How many records this machine has written.
  std::uint64_t records() {
    const PoolState now = state();
    return now.heads.size() == 1 ? now.heads.begin()->second.seq : 0;
  }
  Texts tags(const std::string& model) {
    Texts names;
    const PoolState state = this->state();
    const auto found = state.tags.find(model);
    if (found == state.tags.end()) return names;
    for (const auto& [tag, content] : found->second) names.push_back(tag);
    return names;
  }
  Texts listed_tags(const std::string& model) { return engine::find_model(machine_.pool(), model).value().tags; }

  World world_{3};
  Machine machine_{world_, Threads::one};
  const Files a_{{"m.bin", test::random_bytes(1000, 1)}};
  const Files b_{{"m.bin", test::random_bytes(1000, 2)}};
};

TEST_F(Removing, AModelTakesAllItsTagsAndRevisions) {
  const auto first = push("ns/m:v1", a_);
  const auto second = push("ns/m:v2", b_);
  push("ns/other", a_);
  const auto before = records();
  const auto removal = remove("ns/m");
  EXPECT_EQ(records(), before + 1);
  EXPECT_TRUE(removal.complete);
  EXPECT_EQ(removal.model, "ns/m");
  EXPECT_EQ(removal.tags, (Texts{"v1", "v2"}));
  EXPECT_EQ(removal.revisions, (Texts{std::min(first, second), std::max(first, second)}));
  EXPECT_EQ(refusal("ns/m").value().kind, ErrorKind::not_found);
  EXPECT_EQ(machine_.pull("ns/other"), a_);
}

TEST_F(Removing, ATagLeavesARevisionThatAnotherTagPointsTo) {
  push("ns/m:v1", a_);
  push("ns/m:v2", a_);
  const auto before = records();
  const auto removal = remove("ns/m:v1");
  EXPECT_EQ(records(), before + 1);
  EXPECT_EQ(removal.tags, Texts{"v1"});
  EXPECT_THAT(removal.revisions, IsEmpty());
  EXPECT_EQ(tags("ns/m"), Texts{"v2"});
  EXPECT_EQ(listed_tags("ns/m"), Texts{"v2"});
  EXPECT_EQ(machine_.pull("ns/m:v2"), a_);
  EXPECT_EQ(pulling("ns/m:v1"), ErrorKind::not_found);
}

TEST_F(Removing, TheLastTagOfARevisionTakesIt) {
  const auto first = push("ns/m:v1", a_);
  push("ns/m:v2", b_);
  const auto before = records();
  const auto removal = remove("ns/m:v1");
  EXPECT_EQ(records(), before + 1);
  EXPECT_EQ(removal.revisions, Texts{first});
  EXPECT_EQ(pulling("ns/m@" + first), ErrorKind::not_found);
  EXPECT_EQ(machine_.pull("ns/m:v2"), b_);
  remove("ns/m:v2");
  EXPECT_EQ(pulling("ns/m"), ErrorKind::not_found);
  EXPECT_FALSE(engine::find_model(machine_.pool(), "ns/m"));
}

TEST_F(Removing, ATagDoesNotFallBack) {
  const auto old = push("ns/m:v1", a_);
  push("ns/m:v1", b_);
  remove("ns/m:v1");
  EXPECT_THAT(tags("ns/m"), IsEmpty());
  EXPECT_THAT(listed_tags("ns/m"), IsEmpty());
  const auto error = thrown_by([&] { machine_.pull("ns/m:v1"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::not_found);
  EXPECT_THAT(error->what(), HasSubstr(old.substr(0, 12)));
  EXPECT_EQ(machine_.pull("ns/m@" + old), a_);
}

TEST_F(Removing, ARevisionTakesTheTagsThatPointToIt) {
  const auto old = push("ns/m:v1", a_);
  const auto gone = push("ns/m:v1", b_);
  push("ns/m:v2", b_);
  push("ns/m:old", a_);
  const auto before = records();
  const auto removal = remove("ns/m@" + gone.substr(0, 8));
  EXPECT_EQ(records(), before + 1);
  EXPECT_EQ(removal.tags, (Texts{"v1", "v2"}));
  EXPECT_EQ(removal.revisions, Texts{gone});
  EXPECT_EQ(tags("ns/m"), Texts{"old"}) << "v1 does not fall back";
  EXPECT_EQ(pulling("ns/m@" + gone), ErrorKind::not_found);
  EXPECT_EQ(machine_.pull("ns/m@" + old), a_);
  EXPECT_EQ(refusal("ns/m@" + gone).value().kind, ErrorKind::not_found);
}

TEST_F(Removing, WhatIsNotThereIsSaidWithWhatIs) {
  const auto first = push("ns/m:v1", a_);
  push("ns/m:v2", b_);
  const auto before = records();
  const auto no_tag = refusal("ns/m:v3");
  ASSERT_TRUE(no_tag);
  EXPECT_EQ(no_tag->kind, ErrorKind::not_found);
  EXPECT_THAT(no_tag->what(), HasSubstr("v1, v2"));
  const auto no_revision = refusal("ns/m@" + std::string(40, '0'));
  ASSERT_TRUE(no_revision);
  EXPECT_EQ(no_revision->kind, ErrorKind::not_found);
  EXPECT_THAT(no_revision->what(), HasSubstr(first.substr(0, 12)));
  EXPECT_EQ(refusal("ns/m:latest").value().kind, ErrorKind::not_found) << "no tag stands in for it";
  EXPECT_EQ(refusal("ns/none:v1").value().kind, ErrorKind::not_found);
  EXPECT_EQ(records(), before);
}

TEST_F(Removing, WhatMayBeOnStoresThatAreAwayIsNotCalledUnknown) {
  push("ns/m:v1", a_);
  for (const std::size_t away : {1U, 2U}) world_.faults(away).set_offline(true);
  machine_.reopen();
  EXPECT_EQ(refusal("ns/m:v3").value().kind, ErrorKind::offline);
  EXPECT_EQ(refusal("ns/m@123456").value().kind, ErrorKind::offline);
  EXPECT_FALSE(remove("ns/m:v1").complete);
  for (const std::size_t away : {1U, 2U}) world_.faults(away).set_offline(false);
}

TEST_F(Removing, AnotherMachineSeesIt) {
  push("ns/m:v1", a_);
  push("ns/m:v2", a_);
  Machine other(world_, Threads::one, 9);
  other.recover(machine_.recovery_secret(), {0, 1, 2});
  remove("ns/m:v2");
  engine::catch_up(other.pool(), test::k_all_news, {});
  EXPECT_EQ(engine::find_model(other.pool(), "ns/m").value().tags, Texts{"v1"});
  // The last tag takes the revision, whoever removed the others.
  push("ns/m:v3", a_);
  engine::catch_up(other.pool(), test::k_all_news, {});
  EXPECT_TRUE(engine::remove_model(other.pool(), ModelRef::parse("ns/m:v1"), {}).revisions.empty());
  EXPECT_EQ(remove("ns/m:v3").revisions.size(), 1U);
  engine::catch_up(other.pool(), test::k_all_news, {});
  EXPECT_FALSE(engine::find_model(other.pool(), "ns/m"));
}

// The log of two machines that each removed one of two tags at once.
TEST_F(Removing, ARevisionWithoutATagIsListedWithoutTags) {
  push("ns/m:v1", a_);
  machine_.pool().log().append({Untagged{"ns/m", "v1"}}, {});
  engine::catch_up(machine_.pool(), test::k_all_news, {});
  EXPECT_THAT(listed_tags("ns/m"), IsEmpty());
  EXPECT_EQ(remove("ns/m").revisions.size(), 1U);
}

// The manifests are those of other models: only their names matter here.
TEST_F(Removing, ARemovalNamesWhatTheLiveManifestStandsFor) {
  push("a/old", a_);
  push("a/new", a_);
  const PoolState before = state();
  const auto named = [&](const std::string& model) { return before.manifests.at(before.tags.at(model).at("latest")); };
  const LiveManifest old = named("a/old");
  const LiveManifest now = named("a/new");
  ASSERT_NE(old.manifest.content, now.manifest.content);
  const Committed committed{{"z/m", "v1", old.revision, old.manifest}};
  machine_.pool().log().append({committed}, {});
  machine_.pool().log().append({Replaced{"z/m", old.revision, old.manifest.content, now.manifest}}, {});
  ASSERT_EQ(state().replaced.at(old.manifest.content), now.manifest.content);
  const auto count = records();
  EXPECT_EQ(remove("z/m:v1").revisions, Texts{to_hex(old.revision)});
  EXPECT_EQ(records(), count + 1);
  machine_.pool().log().append({committed}, {});  // late news
  EXPECT_FALSE(state().manifests.contains(old.manifest.content));
  EXPECT_FALSE(state().manifests.contains(now.manifest.content));
}

TEST(FindRevision, TheBeginningOfSeveralIsRefused) {
  PoolState state;
  const auto add = [&](const std::string& model, unsigned char last) {
    LiveManifest live{model, {}, {}, true};
    live.revision.back() = live.manifest.content[0] = std::byte{last};
    state.manifests.emplace(live.manifest.content, live);
  };
  add("ns/m", 1);
  add("ns/other", 2);
  const auto found = [&](const std::string& ref) { return engine::find_revision(state, ModelRef::parse(ref)); };
  EXPECT_EQ(found("ns/m@000000").value().back(), std::byte{1});
  EXPECT_FALSE(found("ns/m@123456"));
  EXPECT_FALSE(found("ns/none@000000"));
  add("ns/m", 3);
  const auto error = thrown_by([&] { found("ns/m@000000"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::invalid);
  EXPECT_THAT(error->what(), HasSubstr(std::string(38, '0') + "03"));
  EXPECT_THAT(error->what(), Not(HasSubstr(std::string(38, '0') + "02")));
  EXPECT_EQ(found("ns/m@" + std::string(38, '0') + "03").value().back(), std::byte{3});
}

}  // namespace
}  // namespace modelfloat
