// A push that is cut off at any call to any store, by a machine that dies there, is nowhere half
// visible, and the next push ends well.
#include "engine/test_pool.h"
#include "support/size.h"
#include <gtest/gtest.h>

#include "modelfloat/engine/upkeep/verify.h"

namespace modelfloat {
namespace {

using test::Files;
using test::Machine;
using test::Moment;
using test::Threads;
using test::World;

constexpr PolicySet k_three_of_four{3, 1, 1};

const Files& old_files() {
  static const Files files{{"m.bin", test::random_bytes(700'000, 1)}};
  return files;
}
const Files& new_files() {
  static const Files files{{"extra.json", to_bytes("{}")}, {"m.bin", test::random_bytes(3'000'000, 2)}};
  return files;
}

// The calls that a push of new_files() makes when nothing goes wrong.
std::uint64_t calls_of_a_push() {
  World world(4);
  Machine machine(world, Threads::one);
  machine.create(k_three_of_four);
  machine.push("ns/model", old_files());
  world.counter().start_over();
  machine.push("ns/model", new_files());
  return world.counter().calls();
}

class Interruption : public testing::TestWithParam<Moment> {};

TEST_P(Interruption, APushCutOffAtAnyCallIsTakenUpAgain) {
  const std::uint64_t calls = calls_of_a_push();
  ASSERT_GT(calls, 30U);
  World world(4);
  Machine machine(world, Threads::one);
  machine.create(k_three_of_four);
  for (std::uint64_t n = 1; n <= calls; n += test::cut_step()) {
    // Other bytes each time, so that nothing is known from the round before.
    const Files before{{"m.bin", test::random_bytes(700'000, 1000 + n)}};
    Files after = new_files();
    after["m.bin"] = test::random_bytes(1'500'000, 2000 + n);
    machine.push("ns/model", before);

    world.counter().start_over();
    world.counter().cut_at(n, GetParam());
    bool ended = true;
    try {
      machine.push("ns/model", after);
    } catch (const Error&) {
      ended = false;
    }
    world.counter().start_over();
    machine.reopen();
    const Files seen = machine.pull("ns/model");
    EXPECT_TRUE(seen == before || seen == after) << "half a model after a cut at call " << n;
    EXPECT_TRUE(!ended || seen == after) << "success was reported and the model is not there, call " << n;

    machine.push("ns/model", after);
    EXPECT_EQ(machine.pull("ns/model"), after) << "call " << n;
  }
  const auto report = engine::verify(machine.pool(), {.read = true}, {});
  EXPECT_TRUE(report.readable());
  for (const auto& finding : report.damaged) ADD_FAILURE() << finding.store << " " << finding.object;
}

INSTANTIATE_TEST_SUITE_P(Cut, Interruption, testing::Values(Moment::before, Moment::after), [](const auto& param) {
  return param.param == Moment::before ? "BeforeTheCall" : "AfterTheCall";
});

TEST(Resume, PacksThatWereDurableAreNotStoredAgain) {
  World world(4);
  Machine machine(world, Threads::one);
  machine.create(k_three_of_four);
  const Files files{{"m.bin", test::random_bytes(60'000'000, 3)}};
  world.counter().start_over();
  world.counter().cut_at(40);  // in the middle: some packs of 12 MiB are there
  EXPECT_THROW(machine.push("ns/model", files), Error);
  world.counter().start_over();
  machine.reopen();
  const auto again = machine.push("ns/model", files);
  EXPECT_LT(again.new_bytes, 60'000'000U);
  EXPECT_GT(again.new_bytes, 0U);
  EXPECT_EQ(machine.pull("ns/model"), files);
}

TEST(Resume, EachSingleFailureIsSurvivedOrReported) {
  const std::uint64_t calls = calls_of_a_push();
  World world(5);  // one more store than a pack needs
  Machine machine(world, Threads::one);
  machine.create(k_three_of_four);
  for (std::uint64_t n = 1; n <= calls; n += test::cut_step()) {
    const Files files{{"m.bin", test::random_bytes(1'500'000, 3000 + n)}};
    world.counter().start_over();
    world.counter().fail_at(n, ErrorKind::transient);
    bool ended = true;
    try {
      machine.push("ns/model", files);
    } catch (const Error&) {
      ended = false;
    }
    world.counter().start_over();
    if (ended) {
      EXPECT_EQ(machine.pull("ns/model"), files) << "call " << n;
    }
  }
}

}  // namespace
}  // namespace modelfloat
