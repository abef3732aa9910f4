// The whole engine on one thread at a time, in virtual time, with seeds: stores take time, hang, fail and go away, and every run can be had again.
#include "engine/simulation.h"

#include <gtest/gtest.h>

#include "modelfloat/engine/catalogue.h"
#include "modelfloat/engine/verify.h"

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
  return simulation.history();
}

TEST(Simulation, OneSeedIsOneHistory) {
  const auto history = history_of_push_and_pull(1);
  EXPECT_GT(history.size(), 50U);
  EXPECT_EQ(history_of_push_and_pull(1), history);
  EXPECT_NE(history_of_push_and_pull(2), history);
}

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
    const double push_seconds = simulation_.seconds([&] { simulation_.machine().push("ns/model", files); });
    spoil_both();
    if (perhaps()) simulation_.machine().reopen();
    const double pull_seconds =
        simulation_.seconds([&] { EXPECT_EQ(simulation_.machine().pull("ns/model"), files); });
    std::printf("%.2f %.2f\n", push_seconds, pull_seconds);
  }
}

INSTANTIATE_TEST_SUITE_P(Some, Seeds, testing::Range<std::uint64_t>(0, 20));

}  // namespace
}  // namespace modelfloat
