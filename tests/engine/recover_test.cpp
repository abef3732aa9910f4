// A recover that fails or is cut off leaves a home without a pool, in which it can be done again.

#include "engine/test_pool.h"
#include "support/size.h"
#include <gtest/gtest.h>

#include "modelfloat/engine/pool/settings.h"

namespace modelfloat {
namespace {

using test::Files;
using test::Machine;
using test::Moment;
using test::Threads;
using test::World;

const Files& files() {
  static const Files all{{"m.bin", test::random_bytes(700'000, 1)}};
  return all;
}

TEST(Recover, CutOffAtAnyCallItIsDoneAgain) {
  World world(4);
  Machine machine(world, Threads::one);
  machine.create({2, 1, 1});
  machine.push("ns/model", files());
  const auto secret = machine.recovery_secret();
  world.counter().start_over();
  Machine(world, Threads::one, 2).recover(secret, {0, 1, 2, 3});
  const std::uint64_t calls = world.counter().calls();
  ASSERT_GT(calls, 20U);

  for (std::uint64_t n = 1; n <= calls; n += 3 * test::cut_step()) {
    for (const Moment moment : {Moment::before, Moment::after}) {
      Machine other(world, Threads::one, 100 + n);
      world.counter().start_over();
      world.counter().cut_at(n, moment);
      bool ended = true;
      try {
        other.recover(secret, {0, 1, 2, 3});
      } catch (const Error&) {
        ended = false;
      }
      world.counter().start_over();
      if (!ended) {
        EXPECT_FALSE(engine::Settings(other.environment().registry).pool()) << "call " << n;
        EXPECT_EQ(other.recover(secret, {0, 1, 2, 3}).models, 1U) << "call " << n;
      }
      other.reopen();
      EXPECT_EQ(other.pull("ns/model"), files()) << "call " << n;
    }
  }
}

TEST(Recover, WhatAnEarlierAttemptLeftIsForgotten) {
  World world(2);
  Machine machine(world, Threads::one, 6);
  machine.create({1, 1, 1});
  machine.push("ns/model", files());

  Machine home(world, Threads::one, 7);  // in which somebody tried to bring back another pool
  registry::Registry& registry = home.environment().registry;
  registry.put_store({StoreId{}, "s0", "memory:7", "left", 0, {}});
  registry.set_setting("writer", StoreId{});
  registry.queue_puts(std::vector<registry::QueuedPut>{{StoreId{}, "mf1/marker", to_bytes("x")}});
  EXPECT_EQ(home.recover(machine.recovery_secret(), {0, 1}).stores, 2U);
  EXPECT_EQ(home.pull("ns/model"), files());
  EXPECT_TRUE(registry.queued_puts().empty());
}

// What opens the stores is there from the moment on in which there is a pool, and not before.
TEST(Recover, WhatBelongsToThePoolAppearsWithIt) {
  World world(2);
  Machine machine(world, Threads::one, 6);
  machine.create({1, 1, 1});
  machine.push("ns/model", files());

  Machine home(world, Threads::one, 7);
  registry::Registry& registry = home.environment().registry;
  const auto cut_off = [&](const mf1::Keyring&) {
    EXPECT_FALSE(engine::Settings(registry).pool());
    registry.set_setting("credentials", to_bytes("half"));
    throw Error(ErrorKind::cancelled, "test", "cut off");
  };
  EXPECT_THROW(home.recover(machine.recovery_secret(), {0, 1}, cut_off), Error);
  EXPECT_FALSE(engine::Settings(registry).pool());
  EXPECT_EQ(registry.setting("credentials"), std::nullopt);

  home.recover(machine.recovery_secret(), {0, 1}, [&](const mf1::Keyring& keys) {
    EXPECT_EQ(keys.pool_id(), machine.pool().keys().pool_id());
    registry.set_setting("credentials", to_bytes("whole"));
  });
  EXPECT_EQ(registry.setting("credentials"), to_bytes("whole"));
  EXPECT_EQ(home.pull("ns/model"), files());
}

// One of three copies is enough to read everything, and too few places to write that another secret
// opens the pool. The policy says two copies; what one push asked for counts for the log that every
// home writes.
TEST(Recover, TheLogSurvivesAsMuchAsTheData) {
  World world(6);
  Machine machine(world, Threads::one);
  machine.create(test::k_copies);
  machine.push("ns/model", files(), Redundancy{1, 5});
  EXPECT_EQ(machine.pool().log().durable_domains(), 6U);
  Machine other(world, Threads::one, 9);
  other.recover(machine.recovery_secret(), {0, 1, 2, 3, 4, 5});
  EXPECT_EQ(other.pool().log().durable_domains(), 6U);
}

TEST(Recover, FromTheLastCopyAlone) {
  World world(3);
  Machine machine(world, Threads::one);
  machine.create({1, 2, 2});
  machine.push("ns/model", files());
  for (const std::size_t gone : {0U, 2U}) world.faults(gone).set_offline(true);
  Machine other(world, Threads::one, 9);
  EXPECT_EQ(other.recover(machine.recovery_secret(), {1}).models, 1U);
  EXPECT_EQ(other.pull("ns/model"), files());
  EXPECT_THROW(other.push("ns/more", {{"m.bin", test::random_bytes(700'000, 2)}}), Error);

  for (const std::size_t back : {0U, 2U}) world.faults(back).set_offline(false);
  other.reopen();
  other.push("ns/more", files());
  EXPECT_EQ(machine.pull("ns/more"), files());
}

}  // namespace
}  // namespace modelfloat
