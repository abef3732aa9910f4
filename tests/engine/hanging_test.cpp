// Stores that hang while the pool is open. What ends here ends because nobody waits: a store that
// stands still in these tests does so for ever.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "engine/test_pool.h"
#include <gtest/gtest.h>

#include "modelfloat/engine/catalogue/fragment_map.h"
#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/catalogue/pool_status.h"
#include "modelfloat/engine/upkeep/verify.h"

namespace modelfloat {
namespace {

using test::Call;
using test::Files;
using test::k_survive_two;
using test::kind_thrown;
using test::Machine;
using test::Threads;
using test::World;

constexpr Call k_everything[] = {Call::put, Call::get, Call::stat, Call::remove, Call::list, Call::space};

void stall(test::FaultyStore& store) {
  for (const Call kind : k_everything) store.stall(kind);
}

class Hanging : public testing::Test {
 protected:
  explicit Hanging(std::size_t stores = 6) : world_(stores) {
    machine_.create(k_survive_two);
    machine_.push("ns/model", files_);
  }
  ~Hanging() override {
    for (std::size_t i = 0; i < world_.size(); ++i) world_.faults(i).go_on();
  }
  World world_;
  Machine machine_{world_};
  const Files files_{{"m.bin", test::random_bytes(3'000'000, 1)}};
};

TEST_F(Hanging, APullGoesAroundAStoreThatBeginsToHang) {
  for (std::size_t i = 0; i < 6; ++i) {
    stall(world_.faults(i));
    EXPECT_EQ(machine_.pull("ns/model"), files_) << "s" << i;
    world_.faults(i).wait_for_none_stalled();  // what was asked of it was told to stop
    world_.faults(i).go_on();
  }
}

// Ends the wait of a test that would stand still for ever, so that it fails instead.
class Watchdog {
 public:
  explicit Watchdog(test::FaultyStore& store)
      : thread_([this, &store](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          changed_.wait_for(lock, stop, std::chrono::seconds(20), [] { return false; });
          if (!stop.stop_requested()) store.go_on();
        }) {}

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::jthread thread_;
};

TEST_F(Hanging, AStoreThatTakesCallsAndNeverAnswersIsNotAddedAndIsNotWaitedForForEver) {
  machine_.timeouts.call_floor = Milliseconds{300};
  machine_.timeouts.listing = Milliseconds{300};
  machine_.timeouts.slowest_bytes_per_second = 1U << 30;
  machine_.reopen();
  World place(1);
  for (const Call kind : {Call::get, Call::put, Call::stat, Call::list}) {
    place.faults(0).stall(kind);
    const Watchdog watchdog(place.faults(0));
    const auto store = place.open(World::url(0));
    EXPECT_EQ(kind_thrown([&] { engine::add_store(machine_.pool(), "new", "memory:new", "new", 0, *store, {}, {}); }),
              ErrorKind::timed_out)
        << static_cast<int>(kind);
    place.faults(0).go_on();
  }
}

TEST_F(Hanging, ATestOfAStoreThatNeverAnswersEnds) {
  machine_.timeouts.call_floor = Milliseconds{300};
  machine_.timeouts.listing = Milliseconds{300};
  machine_.timeouts.slowest_bytes_per_second = 1U << 30;
  machine_.reopen();
  machine_.pool().stores().wait_until_decided({});
  for (const Call kind : {Call::put, Call::get, Call::remove, Call::list, Call::space}) {
    world_.faults(0).stall(kind);
    const Watchdog watchdog(world_.faults(0));
    EXPECT_EQ(kind_thrown([&] { engine::test_store(machine_.pool(), "s0", {}); }), ErrorKind::timed_out)
        << static_cast<int>(kind);
    world_.faults(0).go_on();
  }
}

TEST_F(Hanging, TwoOfSixMayHang) {
  stall(world_.faults(0));
  stall(world_.faults(3));
  EXPECT_EQ(machine_.pull("ns/model"), files_);
}

TEST_F(Hanging, NobodyIsWarnedOfALogThatWasNotWaitedFor) {
  world_.faults(4).stall(Call::list);
  testing::internal::CaptureStderr();
  EXPECT_EQ(machine_.pull("ns/model"), files_);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(Hanging, APullDoesNotWaitForAStoreThatHangsFromTheStart) {
  machine_.timeouts.marker = Milliseconds{600'000};
  stall(world_.faults(1));
  machine_.reopen();
  EXPECT_EQ(machine_.pull("ns/model"), files_);
  EXPECT_EQ(machine_.pool().stores().find("s1")->state->presence(), transfer::Presence::pending);
  world_.faults(1).go_on();
  EXPECT_TRUE(machine_.pool().stores().wait_for_domains(6, {}));
}

TEST_F(Hanging, AStoreThatHangsIsNotAskedForEachPackAgain) {
  const Files big{{"b.bin", test::random_bytes(40'000'000, 2)}};  // three packs of 16 MiB
  machine_.push("ns/big", big);
  world_.faults(2).stall(Call::get);
  const auto before = world_.faults(2).calls(Call::get);
  EXPECT_EQ(machine_.pull("ns/big"), big);
  EXPECT_LE(world_.faults(2).calls(Call::get) - before, 3U);  // two packs are under way at once
}

TEST_F(Hanging, ThreeOfSixAreAnErrorAndNotAWait) {
  machine_.timeouts.call_floor = Milliseconds{300};
  machine_.timeouts.slowest_bytes_per_second = 1U << 30;
  machine_.reopen();
  machine_.pool().stores().wait_until_decided({});
  for (const std::size_t i : {0U, 2U, 5U}) world_.faults(i).stall(Call::get);
  EXPECT_EQ(kind_thrown([&] { machine_.pull("ns/model"); }), ErrorKind::lost);
}

TEST_F(Hanging, ARangeIsRebuiltFromTheSameRangeOfOthers) {
  const Files big{{"b.bin", test::random_bytes(14'000'000, 3)}};
  machine_.push("ns/big", big);
  const auto manifest = engine::open_manifest(machine_.pool(), ModelRef::parse("ns/big"), true, {});
  for (std::size_t i = 0; i < 6; ++i) {
    world_.faults(i).stall(Call::get);
    for (const std::uint64_t offset : {1'000'000U, 5'000'000U, 9'000'000U, 13'000'000U}) {
      Bytes got;
      const auto fetched = engine::read_range(machine_.pool(), manifest, "b.bin", {offset, 1000},
                                              [&](ByteSpan part) { append(got, part); }, {}, {});
      EXPECT_TRUE(equal(got, ByteSpan(big.at("b.bin")).subspan(offset, 1000))) << "s" << i << " " << offset;
      EXPECT_LE(fetched, 5U * ((1U << 20) + 100'000)) << "whole shards were read";
    }
    world_.faults(i).go_on();
  }
}

TEST_F(Hanging, TheCallerCanStopAWaitForStoresThatHang) {
  for (std::size_t i = 0; i < 3; ++i) world_.faults(i).stall(Call::get);
  std::stop_source stop;
  std::jthread stopper([&] {
    world_.faults(0).wait_for_stalled(1);
    stop.request_stop();
  });
  const auto manifest = engine::open_manifest(machine_.pool(), ModelRef::parse("ns/model"), true, {});
  EXPECT_EQ(kind_thrown([&] {
              engine::read_files(
                  machine_.pool(), manifest, [](const FileEntry&) { return true; },
                  [](std::size_t, std::uint64_t, ByteSpan) {}, {}, {stop.get_token(), std::nullopt});
            }),
            ErrorKind::cancelled);
}

TEST_F(Hanging, TheLogIsReadWithoutAStoreThatHangs) {
  world_.faults(4).stall(Call::list);
  auto sync = machine_.pool().log().sync({}, transfer::WaitFor::quorum);
  EXPECT_TRUE(sync.fresh);
  EXPECT_GE(sync.stores_read, 4U);
  sync = machine_.pool().log().sync({}, transfer::WaitFor::all);
  EXPECT_TRUE(sync.fresh);
  EXPECT_EQ(sync.stores_read, 5U);
  EXPECT_EQ(sync.domains_unread, 1U);
}

TEST_F(Hanging, AnotherHomeReadsManifestsAroundAStoreThatHangs) {
  Machine other(world_, Threads::many, 7);
  other.recover(machine_.recovery_secret(), {0, 1, 2, 3, 4, 5});
  machine_.push("ns/new", {{"n.bin", test::random_bytes(2'000'000, 5)}});
  world_.faults(0).stall(Call::get);
  EXPECT_EQ(other.pull("ns/new"), (Files{{"n.bin", test::random_bytes(2'000'000, 5)}}));
}

TEST_F(Hanging, StatusSaysWhichStoreDoesNotAnswer) {
  stall(world_.faults(2));
  const auto status = engine::pool_status(machine_.pool(), {});
  EXPECT_EQ(status.domains_online, 5U);
  EXPECT_FALSE(status.stores.at(2).online);
  EXPECT_NE(status.stores.at(2).offline, "");
}

// What it missed goes there when it takes it; nothing needs that now.
TEST_F(Hanging, AQueueForAStoreThatHangsHoldsUpNobody) {
  world_.faults(1).set_offline(true);
  machine_.push("ns/small", {{"s.bin", test::random_bytes(1000, 6)}}, Redundancy{1, 2});
  world_.faults(1).set_offline(false);
  world_.faults(1).stall(Call::put);
  machine_.timeouts.call_floor = Milliseconds{600'000};
  machine_.reopen();
  machine_.pool().stores().wait_until_decided({});
  EXPECT_TRUE(machine_.pool().log().sync({}, transfer::WaitFor::all).fresh);
}

// --- whoever looks at every store
// --------------------------------------------------------------------------------

TEST_F(Hanging, RecoverGoesAroundAStoreThatHangs) {
  stall(world_.faults(1));
  Machine other(world_, Threads::many, 7);
  other.timeouts.call_floor = Milliseconds{600'000};
  EXPECT_EQ(other.recover(machine_.recovery_secret(), {0, 1, 2, 3, 4, 5}).models, 1U);
  EXPECT_EQ(other.pull("ns/model"), files_);
}

TEST_F(Hanging, RecoverGoesAroundAStoreThatDoesNotList) {
  world_.faults(0).stall(Call::list);
  Machine other(world_, Threads::many, 7);
  other.timeouts.call_floor = Milliseconds{600'000};
  other.timeouts.listing = Milliseconds{1'000};
  EXPECT_EQ(other.recover(machine_.recovery_secret(), {0, 1, 2, 3, 4, 5}).models, 1U);
  EXPECT_EQ(other.pull("ns/model"), files_);
}

TEST_F(Hanging, RecoverFromStoresThatAllHangIsAnError) {
  for (std::size_t i = 0; i < 6; ++i) stall(world_.faults(i));
  Machine other(world_, Threads::many, 7);
  other.timeouts.call_floor = Milliseconds{300};
  EXPECT_EQ(kind_thrown([&] { other.recover(machine_.recovery_secret(), {0, 1, 2, 3, 4, 5}); }), ErrorKind::offline);
}

TEST_F(Hanging, VerifyNamesAStoreThatDoesNotList) {
  machine_.timeouts.listing = Milliseconds{1'000};
  machine_.reopen();
  world_.faults(2).stall(Call::list);
  const auto report = engine::verify(machine_.pool(), {}, {});
  EXPECT_TRUE(std::any_of(report.damaged.begin(), report.damaged.end(), [](const transfer::Finding& finding) {
    return finding.store == "s2" && finding.object == "mf1/marker" && finding.what == transfer::Damage::offline;
  }));
  EXPECT_TRUE(report.readable());
  EXPECT_EQ(report.models.at(0).health, engine::Health::degraded);
}

TEST_F(Hanging, VerifyReadsOnWithoutAStoreThatHangs) {
  machine_.timeouts.call_floor = Milliseconds{2'000};
  machine_.timeouts.slowest_bytes_per_second = 1U << 30;
  machine_.reopen();
  machine_.pool().stores().wait_until_decided({});
  world_.faults(4).stall(Call::get);
  const auto report = engine::verify(machine_.pool(), {.read = true}, {});
  EXPECT_FALSE(report.damaged.empty());
  for (const auto& finding : report.damaged) {
    EXPECT_EQ(finding.store, "s4");
    EXPECT_EQ(finding.what, transfer::Damage::offline);
  }
  EXPECT_TRUE(report.readable());
  EXPECT_EQ(report.models.at(0).health, engine::Health::degraded);
  world_.faults(4).go_on();
  // Nothing is held against it.
  EXPECT_TRUE(engine::verify(machine_.pool(), {.read = true}, {}).sound());
}

// A marker may take long; those who read need not know, and a push only where its place is needed.
TEST_F(Hanging, ListingModelsDoesNotWaitForAMarkerThatHangs) {
  machine_.timeouts.marker = Milliseconds{600'000};
  stall(world_.faults(1));
  machine_.reopen();
  EXPECT_TRUE(engine::catch_up(machine_.pool(), {.log = engine::LogReading::quorum, .catalogue = true}, {}).fresh);
  EXPECT_EQ(machine_.health().health, engine::Health::degraded);
}

class HangingPush : public Hanging {
 protected:
  HangingPush() : Hanging(7) {}
};

TEST_F(HangingPush, AnotherStoreTakesTheShardOfOneThatHangs) {
  // More than a put in memory takes on a busy machine.
  machine_.timeouts.call_floor = Milliseconds{8'000};
  machine_.timeouts.slowest_bytes_per_second = 1U << 30;
  machine_.reopen();
  machine_.pool().stores().wait_until_decided({});
  world_.faults(0).stall(Call::put);
  const Files files{{"p.bin", test::random_bytes(3'000'000, 80)}};
  machine_.push("ns/pushed", files);
  EXPECT_EQ(machine_.pull("ns/pushed"), files);
}

TEST_F(HangingPush, AMarkerThatHangsIsNotWaitedFor) {
  machine_.timeouts.marker = Milliseconds{600'000};
  stall(world_.faults(3));
  machine_.reopen();
  const Files files{{"p.bin", test::random_bytes(3'000'000, 81)}};
  machine_.push("ns/pushed", files);
  EXPECT_EQ(machine_.pull("ns/pushed"), files);
  EXPECT_EQ(machine_.pool().stores().find("s3")->state->presence(), transfer::Presence::pending);
}

// Six stores are needed and one of them is slow.
TEST_F(HangingPush, AMarkerIsWaitedForWhereItsStoreIsNeeded) {
  machine_.timeouts.marker = Milliseconds{600'000};
  world_.faults(0).set_offline(true);
  world_.faults(3).stall(Call::get);
  machine_.reopen();
  std::jthread goes_on([&] {
    // The second look at the log comes after the wait for prompt stores.
    const auto before = world_.faults(1).calls(Call::space);
    while (world_.faults(1).calls(Call::space) == before) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    world_.faults(3).go_on();
  });
  const Files files{{"p.bin", test::random_bytes(3'000'000, 82)}};
  machine_.push("ns/pushed", files);
  EXPECT_EQ(machine_.pull("ns/pushed"), files);
}

TEST_F(HangingPush, AStoreThatOnlySaysThatItStoredIsReplaced) {
  const Files files{{"p.bin", test::random_bytes(3'000'000, 9)}};
  world_.faults(2).lie_about_length(1);
  machine_.push("ns/pushed", files);
  world_.faults(2).lie_about_length(0);
  EXPECT_EQ(machine_.pull("ns/pushed"), files);
  const auto manifest = engine::open_manifest(machine_.pool(), ModelRef::parse("ns/pushed"), true, {});
  engine::map_fragments(
      machine_.pool(), manifest,
      [](const engine::PackView& pack) {
        for (const auto& shard : pack.shards) EXPECT_NE(shard.stores.at(0).store, "s2");
      },
      [](const engine::FragmentView&) {}, {});
}

TEST_F(HangingPush, APausedStoreGetsNothing) {
  const Files files{{"p.bin", test::random_bytes(3'000'000, 10)}};
  world_.faults(1).fail_next(Call::put, ErrorKind::rate_limited, 1, Milliseconds{3'600'000});
  const auto before = world_.faults(1).calls(Call::put);
  machine_.push("ns/pushed", files);
  EXPECT_LE(world_.faults(1).calls(Call::put) - before, 1U);
  EXPECT_EQ(machine_.pull("ns/pushed"), files);
}

}  // namespace
}  // namespace modelfloat
