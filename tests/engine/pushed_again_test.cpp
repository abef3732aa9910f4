// Files that are pushed again after shards were lost: each model that is pushed is whole from then
// on, and stays it.
#include "engine/test_pool.h"
#include <gtest/gtest.h>

#include "modelfloat/engine/upkeep/verify.h"

namespace modelfloat {
namespace {

using engine::Health;
using test::Files;
using test::Machine;
using test::Threads;
using test::World;

// How many stores lose their shards.
class PushedAgain : public testing::TestWithParam<std::size_t> {
 protected:
  PushedAgain() { machine_.create(PolicySet{0, 0, 1}); }

  void lose_shards() {
    for (std::size_t store = 0; store < GetParam(); ++store) {
      for (const auto& [path, bytes] : world_.objects(store)) {
        if (path.starts_with("mf1/shard/")) world_.inner(store).remove(*ObjectName::parse(path), {});
      }
    }
    engine::verify(machine_.pool(), {}, {});
  }

  // Pushes, looks, and pushes once more what is whole now.
  void push_all_again(const std::vector<std::pair<std::string, Files>>& models) {
    for (int round = 0; round < 3; ++round) {
      for (const auto& [name, files] : models) {
        machine_.push(name, files);
        EXPECT_EQ(machine_.pull(name), files) << name << " in round " << round;
      }
    }
    const auto report = engine::verify(machine_.pool(), {.read = true}, {});
    for (const auto& model : report.models) EXPECT_EQ(model.health, Health::sound) << model.name;
    EXPECT_TRUE(report.damaged.empty());
    for (const auto& [name, files] : models) EXPECT_EQ(machine_.pull(name), files) << name;
  }

  const Files one_{{"m.bin", test::random_bytes(3'000'000, 1)}};
  World world_{3};
  Machine machine_{world_, Threads::one};
};

TEST_P(PushedAgain, TwoModelsOfTheSameFilesAreWhole) {
  machine_.push("ns/first", one_);
  machine_.push("ns/second", one_);
  lose_shards();
  push_all_again({{"ns/first", one_}, {"ns/second", one_}});
}

TEST_P(PushedAgain, TwoRevisionsThatShareDataAreWhole) {
  Files other = one_;
  other["n.bin"] = test::random_bytes(500'000, 2);
  machine_.push("ns/model:v1", one_);
  machine_.push("ns/model:v2", other);
  lose_shards();
  push_all_again({{"ns/model:v2", other}, {"ns/model:v1", one_}});
}

INSTANTIATE_TEST_SUITE_P(Lost, PushedAgain, testing::Values(1U, 2U),
                         [](const auto& lost) { return lost.param == 1 ? "OneOfThree" : "TwoOfThree"; });

}  // namespace
}  // namespace modelfloat
