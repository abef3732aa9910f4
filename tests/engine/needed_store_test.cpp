// A store that asks for a moment is waited for where no other can stand in, and only there. All in
// virtual time.
#include "engine/simulation.h"
#include <gtest/gtest.h>

#include "modelfloat/engine/catalogue/open_manifest.h"

namespace modelfloat {
namespace {

using test::Files;
using test::Simulation;
using test::thrown_by;

constexpr PolicySet k_one_may_go{0, 0, 1};
constexpr double k_never = 1e6;

class NeededStore : public testing::TestWithParam<bool> {  // whether it says how long
 protected:
  explicit NeededStore(std::size_t stores = 2) : simulation_(stores, 1) {
    simulation_.machine().create(k_one_may_go);
    simulation_.machine().push("ns/model", model_);
    simulation_.machine().reopen();
  }
  void be_busy(std::size_t store, double seconds) {
    const auto time = std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(seconds));
    simulation_.store(store).busy_until = simulation_.time().steady_now() + time;
    simulation_.store(store).says_until_when = GetParam();
  }
  double seconds(const std::function<void()>& work) { return simulation_.seconds(work); }
  void push() { simulation_.machine().push("ns/other", {{"m.bin", test::random_bytes(3'000'000, 2)}}); }

  const Files model_{{"m.bin", test::random_bytes(3'000'000, 1)}};
  Simulation simulation_;
};

TEST_P(NeededStore, IsWaitedForWhenAPushBegins) {
  be_busy(1, 20);
  const double took = seconds([&] { push(); });
  EXPECT_GE(took, 19);
  EXPECT_LT(took, 40);
}

TEST_P(NeededStore, IsWaitedForByShards) {
  engine::PushOptions options;
  options.model = "ns/other";
  engine::PushSession session(simulation_.machine().pool(), options, {});
  be_busy(1, 20);
  const Bytes bytes = test::random_bytes(12'000'000, 3);
  MemorySource source(bytes);
  const double took = seconds([&] {
    session.add_file("m.bin", source);
    session.commit();
  });
  EXPECT_GE(took, 19);
  EXPECT_LT(took, 45);
  EXPECT_EQ(simulation_.machine().pull("ns/other"), (Files{{"m.bin", bytes}}));
}

TEST_P(NeededStore, IsWaitedForByDocuments) {
  engine::PushOptions options;
  options.model = "ns/other";
  engine::PushSession session(simulation_.machine().pool(), options, {});
  const Bytes bytes = test::random_bytes(1000, 3);
  MemorySource source(bytes);
  session.add_file("m.bin", source);
  be_busy(1, 20);
  const double took = seconds([&] { session.commit(); });
  EXPECT_GE(took, 19);
  EXPECT_LT(took, 45);
}

TEST_P(NeededStore, IsWaitedForByAPull) {
  simulation_.store(0).is_away = true;
  be_busy(1, 20);
  const double took = seconds([&] { EXPECT_EQ(simulation_.machine().pull("ns/model"), model_); });
  EXPECT_GE(took, 19);
  EXPECT_LT(took, 45);
}

TEST_P(NeededStore, IsWaitedForByAPullThatKnowsTheLog) {
  simulation_.machine().pool().stores().wait_for_checks({});
  engine::open_manifest(simulation_.machine().pool(), ModelRef::parse("ns/model"), false, {});
  simulation_.store(0).is_away = true;
  be_busy(1, 20);
  const double took = seconds([&] { EXPECT_EQ(simulation_.machine().pull("ns/model"), model_); });
  EXPECT_GE(took, 19);
  EXPECT_LT(took, 45);
}

// Half a minute when it names no time; at once when it names one that is too far away.
TEST_P(NeededStore, ThatStaysBusyEndsThePush) {
  be_busy(1, k_never);
  std::optional<Error> error;
  const double took = seconds([&] { error = thrown_by([&] { push(); }); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::offline) << error->what();
  if (GetParam()) {
    EXPECT_LT(took, 5);
    EXPECT_NE(std::string(error->what()).find("until "), std::string::npos) << error->what();
  } else {
    EXPECT_GE(took, 30);
    EXPECT_LT(took, 60);
  }
}

TEST_P(NeededStore, IsWaitedForNoLongerThanTheCallerWaits) {
  be_busy(1, 20);
  const auto push_with = [&](const CallOptions& call) {
    engine::PushOptions options;
    options.model = "ns/other";
    engine::PushSession session(simulation_.machine().pool(), options, call);
  };
  const auto deadline = simulation_.time().steady_now() + std::chrono::seconds(9);
  EXPECT_LT(seconds([&] { EXPECT_TRUE(thrown_by([&] { push_with({{}, deadline}); })); }), 9.1);
  std::stop_source stop;
  simulation_.time().submit([&] {
    simulation_.time().sleep_for(std::chrono::seconds(5), {});
    stop.request_stop();
  });
  EXPECT_LT(seconds([&] {
              const auto error = thrown_by([&] { push_with({stop.get_token(), std::nullopt}); });
              ASSERT_TRUE(error);
              EXPECT_EQ(error->kind, ErrorKind::cancelled) << error->what();
            }),
            5.1);
}

class OneOfFour : public NeededStore {
 protected:
  OneOfFour() : NeededStore(4) {}
};

TEST_P(OneOfFour, IsNotWaitedFor) {
  be_busy(1, k_never);
  EXPECT_LT(seconds([&] { push(); }), 5);
  EXPECT_LT(seconds([&] { EXPECT_EQ(simulation_.machine().pull("ns/model"), model_); }), 2);
}

// Two are needed, and one that was left out asks for less than the other.
TEST_P(OneOfFour, IsTakenInAgainWhenTheOthersFail) {
  engine::PushOptions options;
  options.model = "ns/other";
  engine::PushSession session(simulation_.machine().pool(), options, {});
  be_busy(1, 20);
  for (const std::size_t i : {2U, 3U}) simulation_.store(i).is_away = true;
  simulation_.time().submit([&] {  // they are back when the log is to be read
    simulation_.time().sleep_for(std::chrono::seconds(18), {});
    for (const std::size_t i : {2U, 3U}) simulation_.store(i).is_away = false;
  });
  const Bytes bytes = test::random_bytes(3'000'000, 4);
  MemorySource source(bytes);
  const double took = seconds([&] {
    session.add_file("m.bin", source);
    session.commit();
  });
  EXPECT_GE(took, 19);
  EXPECT_LT(took, 60);
  EXPECT_EQ(simulation_.machine().pull("ns/other"), (Files{{"m.bin", bytes}}));
}

static const auto k_name_of = [](const auto& param) { return param.param ? "ThatSaysHowLong" : "ThatDoesNotSay"; };
INSTANTIATE_TEST_SUITE_P(Stores, NeededStore, testing::Bool(), k_name_of);
INSTANTIATE_TEST_SUITE_P(Stores, OneOfFour, testing::Bool(), k_name_of);

}  // namespace
}  // namespace modelfloat
