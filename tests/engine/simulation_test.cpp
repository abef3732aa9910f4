// The whole engine on one thread at a time, in virtual time, with seeds: stores take time, hang,
// fail and go away, and every run can be had again.
#include "engine/simulation.h"

#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

#include "modelfloat/engine/catalogue/pool_status.h"
#include "modelfloat/engine/upkeep/repair.h"
#include "modelfloat/engine/upkeep/verify.h"

namespace modelfloat {
namespace {

using test::Behaviour;
using test::Files;
using test::k_survive_two;
using test::Simulation;

const Files& model() {
  static const Files files{{"m.bin", test::random_bytes(3'000'000, 1)}};
  return files;
}

std::vector<std::string> history_of_push_and_pull(std::uint64_t seed) {
  Simulation simulation(7, seed);
  simulation.machine().create(k_survive_two);
  simulation.store(3).fails = 0.2;
  simulation.machine().push("ns/model", model());
  EXPECT_EQ(simulation.machine().pull("ns/model"), model());
  engine::verify(simulation.machine().pool(), {.read = true}, {});
  return simulation.history();
}

TEST(Simulation, OneSeedIsOneHistory) {
  const auto history = history_of_push_and_pull(1);
  EXPECT_GT(history.size(), 50U);
  EXPECT_EQ(history_of_push_and_pull(1), history);
  EXPECT_NE(history_of_push_and_pull(2), history);
}

// One flush of the queue does not wait for a store that has much more to take than the others.
TEST(Simulation, RepairWaitsForAStoreThatLacksMuch) {
  Simulation simulation(4, 1);
  simulation.machine().create({1, 1, 1});
  for (std::uint64_t seed = 0; seed < 20; ++seed) simulation.machine().push("ns/model", test::one_file(seed));
  auto marker = simulation.snapshot(2);
  std::erase_if(marker, [](const auto& object) { return object.first != "mf1/marker"; });
  simulation.roll_back(2, marker);
  simulation.machine().reopen();
  const auto report = engine::repair(simulation.machine().pool(), {}, {});
  EXPECT_GT(report.documents_written, 60U);
  EXPECT_TRUE(report.doubts.empty()) << report.doubts.front();
}

// --- what it takes, in seconds of the simulation: no machine is too busy for that
// --------------------------------------------

class Seconds : public testing::TestWithParam<bool> {  // whether what hangs is deaf, too
 protected:
  Seconds() {
    simulation_.machine().create(k_survive_two);
    simulation_.machine().push("ns/model", model());
  }
  // Once their markers have been read.
  void hang(std::initializer_list<std::size_t> stores) {
    simulation_.machine().reopen();
    simulation_.machine().pool().stores().wait_until_decided({});
    for (const std::size_t i : stores) {
      simulation_.store(i).hangs = true;
      simulation_.store(i).is_deaf = GetParam();
    }
  }
  double push(std::uint64_t seed, std::size_t bytes = 3'000'000) {
    const Files files{{"m.bin", test::random_bytes(bytes, seed)}};
    return simulation_.seconds([&] { simulation_.machine().push("ns/model", files); });
  }
  double pull() {
    return simulation_.seconds([&] { simulation_.machine().pull("ns/model"); });
  }
  Simulation simulation_{8, 1};
};

TEST_P(Seconds, AllIsWell) {
  EXPECT_LT(push(2), 0.6);
  EXPECT_LT(pull(), 0.2);
}

// A read is late after half a second while nothing is known of a store, and sooner beside others.
TEST_P(Seconds, APullWaitsShortlyForStoresThatHang) {
  hang({1, 4});
  EXPECT_LT(pull(), 1.0);
  EXPECT_LT(pull(), 0.2) << "it knows them by now";
}

// It asks for the log, and for the space that is left. What goes to all stores waits a moment only
// for who was late once.
TEST_P(Seconds, APushWaitsForAStoreThatHangsAFewTimes) {
  hang({3});
  EXPECT_LT(push(2), 7);
  EXPECT_LT(push(3), 5.5) << "it knows it by now";
}

TEST_P(Seconds, APushAsksEachStoreOnceForItsRoom) {
  const std::size_t before = simulation_.history().size();
  push(2);
  const auto is_space = [](const std::string& call) { return call.find(" space ") != std::string::npos; };
  EXPECT_EQ(std::count_if(simulation_.history().begin() + static_cast<std::ptrdiff_t>(before),
                          simulation_.history().end(), is_space),
            8);
}

// No put is hedged: a store is given half a minute and what its bytes may take, and twice as long
// when it doesn't hear that it is over.
TEST_P(Seconds, APushGivesUpOnAPutThatHangs) {
  for (const std::size_t i : {2U, 5U}) {
    simulation_.store(i).hangs_at_a_shard = true;
    simulation_.store(i).is_deaf = GetParam();
  }
  // At worst the shard of the one goes to the other next.
  const double seconds = push(2, 300'000);
  EXPECT_GT(seconds, 30);
  EXPECT_LT(seconds, 2 * (GetParam() ? 73 : 40));
  EXPECT_LT(pull(), 0.2);
}

TEST_P(Seconds, VerifyWaitsOnceForAMarkerThatHangs) {
  hang({0});
  simulation_.machine().reopen();
  EXPECT_LT(simulation_.seconds([&] { engine::verify(simulation_.machine().pool(), {.read = true}, {}); }), 11);
}

INSTANTIATE_TEST_SUITE_P(Stores, Seconds, testing::Bool(),
                         [](const auto& param) { return param.param ? "ThatAreDeaf" : "ThatHear"; });

// It has more to catch up with than anybody waits for, in programs that end soon.
TEST(Simulation, WhatASlowStoreHasTakenCounts) {
  Simulation simulation(7, 1);
  simulation.machine().create(k_survive_two);
  simulation.store(6).is_away = true;
  for (std::uint64_t i = 0; i < 5; ++i)
    simulation.machine().push("ns/model", {{"m.bin", test::random_bytes(1'000, i)}});
  simulation.store(6).is_away = false;
  simulation.store(6).latency = Milliseconds(1'000);
  std::size_t queued = SIZE_MAX;
  std::size_t runs = 0;
  for (; queued > 0; ++runs) {
    simulation.machine().reopen();
    engine::catch_up(simulation.machine().pool(), test::k_all_news, {});
    const std::size_t left = engine::pool_status(simulation.machine().pool(), {}).stores.at(6).queued;
    ASSERT_LT(left, queued) << "run " << runs;
    queued = left;
  }
  EXPECT_GT(runs, 2U);
}

// --- whatever happens
// --------------------------------------------------------------------------------

// Two of eight stores do whatever comes to their mind, also in the middle of what is done.
class Seeds : public testing::TestWithParam<std::uint64_t> {
 protected:
  void spoil(Behaviour& store) {
    store.hangs = store.is_deaf = store.is_away = false;
    store.fails = 0;
    store.bytes_per_second = Behaviour().bytes_per_second;
    switch (random_.number() % 6) {
      case 0: store.hangs = true; break;
      case 1: store.hangs = store.is_deaf = true; break;
      case 2: store.is_away = true; break;
      case 3: store.fails = 0.5; break;
      case 4: store.bytes_per_second = 50'000; break;
      default: break;
    }
  }
  void spoil_both() {
    spoil(simulation_.store(victims_.first));
    spoil(simulation_.store(victims_.second));
  }
  bool perhaps() { return random_.number() % 2 == 0; }

  test::FixedRandom random_{GetParam() + 1'000'000};
  std::pair<std::size_t, std::size_t> victims_{random_.number() % 8, random_.number() % 8};
  Simulation simulation_{8, GetParam()};
};

TEST_P(Seeds, PushAndPullGoAroundWhatTwoStoresDo) {
  for (std::size_t i = 0; i < 8; ++i) simulation_.store(i).latency = Milliseconds(1 + random_.number() % 300);
  simulation_.machine().create(k_survive_two);
  for (int round = 0; round < 3; ++round) {
    const Files files{{"m.bin", test::random_bytes(1'000'000 + random_.number() % 2'000'000, random_.number())}};
    simulation_.time().submit([this] {
      simulation_.time().sleep_for(Milliseconds(random_.number() % 3'000), {});
      spoil_both();
    });
    if (perhaps()) simulation_.machine().reopen();
    simulation_.machine().push("ns/model", files);
    spoil_both();
    if (perhaps()) simulation_.machine().reopen();
    EXPECT_EQ(simulation_.machine().pull("ns/model"), files);
  }
}

// More than these in a loop over first seeds (CONTRIBUTING.md).
std::uint64_t first_seed() {
  const char* first = std::getenv("MODELFLOAT_TEST_FIRST_SEED");
  return first == nullptr ? 0 : std::strtoull(first, nullptr, 10);
}

INSTANTIATE_TEST_SUITE_P(Some, Seeds, testing::Range(first_seed(), first_seed() + 20));

}  // namespace
}  // namespace modelfloat
