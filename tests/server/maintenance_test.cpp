#include "modelfloat/server/maintenance.h"

#include "support/thrown.h"
#include <gtest/gtest.h>

namespace modelfloat::server {
namespace {

using namespace std::chrono_literals;
using End = MaintenanceOutcome::End;
using Kind = MaintenanceJob::Kind;
using Presence = MaintenanceView::Presence;
using std::chrono::days;

constexpr std::uint64_t k_gb = 1'000'000'000;
const UtcTime k_start = from_unix_seconds(1'767'225'600);  // 2026-01-01T00:00:00Z
const MaintenanceJob k_repair{Kind::repair, std::nullopt};
// Of a policy of 30 days.
const MaintenanceJob k_scrub{Kind::verify, std::nullopt, {}, 100.0 / 30};

MaintenanceOutcome repaired(std::uint64_t read, std::uint64_t written) {
  return {End::done, read, written, written > 0, false};
}

class MaintenanceTest : public testing::Test {
 protected:
  MaintenanceTest() {
    for (const auto* id : {"a", "b", "c"}) view_.stores.push_back({id, Presence::online});
    view_.now = k_start;
    policy_.scrub_days = 0;
    begin_anew();
  }
  // As if the program had ended and begun anew, with what it keeps.
  void begin_anew() {
    const auto kept = maintenance_ ? maintenance_record_of(to_text(maintenance_->record())) : MaintenanceRecord();
    if (maintenance_) {
      EXPECT_EQ(kept, maintenance_->record());
    }
    maintenance_.emplace(policy_, kept);
  }
  void set(const std::string& id, Presence presence) {
    for (auto& store : view_.stores) {
      if (store.id == id) store.presence = presence;
    }
  }
  std::optional<MaintenanceJob> look() { return maintenance_->look(view_); }
  // Looks once a minute for so long; what the last look says, or the first that says something.
  std::optional<MaintenanceJob> pass(std::chrono::minutes time) {
    for (auto left = time; left > 0min; left -= 1min) {
      view_.now += 1min;
      if (const auto job = look()) return job;
    }
    return std::nullopt;
  }
  void run(const MaintenanceJob& job, const MaintenanceOutcome& outcome) {
    maintenance_->begin(job, "j1");
    maintenance_->ended(outcome, view_.now);
  }

  MaintenancePolicy policy_;
  MaintenanceView view_;
  std::optional<Maintenance> maintenance_;
};

TEST_F(MaintenanceTest, NothingIsDoneWhileAllIsWell) {
  EXPECT_EQ(look(), std::nullopt);
  EXPECT_EQ(pass(48h), std::nullopt);
}

TEST_F(MaintenanceTest, AStoreIsWaitedFor) {
  set("b", Presence::offline);
  look();
  EXPECT_EQ(pass(24h - 1min), std::nullopt);
  EXPECT_EQ(pass(1min), k_repair);
}

TEST_F(MaintenanceTest, AStoreThatWasBackIsWaitedForAgain) {
  set("b", Presence::offline);
  look();
  EXPECT_EQ(pass(23h), std::nullopt);
  set("b", Presence::online);
  pass(1min);
  set("b", Presence::offline);
  EXPECT_EQ(pass(24h), std::nullopt);
  EXPECT_EQ(pass(1min), k_repair);
}

TEST_F(MaintenanceTest, OnlyTimeInWhichItWasSeenOfflineCounts) {
  set("b", Presence::offline);
  look();
  pass(12h);
  // The machine slept for a week, and its network is not up yet.
  view_.now += days(7);
  EXPECT_EQ(look(), std::nullopt);
  // The server was not running for a week.
  begin_anew();
  view_.now += days(7);
  EXPECT_EQ(look(), std::nullopt);
  set("b", Presence::unknown);
  EXPECT_EQ(pass(5min), std::nullopt);
  set("b", Presence::offline);
  EXPECT_EQ(pass(11h), std::nullopt);
  EXPECT_EQ(pass(1h), k_repair) << "what was counted before still counts";
}

TEST_F(MaintenanceTest, AClockThatIsSetMakesNoStoreLost) {
  set("b", Presence::offline);
  look();
  view_.now += days(400);
  EXPECT_EQ(look(), std::nullopt);
  view_.now -= days(800);
  EXPECT_EQ(look(), std::nullopt);
  EXPECT_EQ(pass(23h), std::nullopt);
  EXPECT_EQ(pass(1h), k_repair) << "and it still goes on";
}

TEST_F(MaintenanceTest, ARepairIsRepeatedUntilNothingIsLeft) {
  policy_.repair_after_hours = 1;
  begin_anew();
  set("b", Presence::offline);
  look();
  ASSERT_EQ(pass(1h), k_repair);
  run(k_repair, repaired(5, 5));
  EXPECT_EQ(pass(59min), std::nullopt) << "not at once";
  ASSERT_EQ(pass(1min), k_repair);
  run(k_repair, repaired(0, 0));
  EXPECT_EQ(pass(72h), std::nullopt) << "without b all is done";
  // Another one goes.
  set("c", Presence::offline);
  ASSERT_EQ(pass(61min), k_repair);
  run(k_repair, repaired(0, 0));
  // b was back, and may have got new shards.
  set("b", Presence::online);
  EXPECT_EQ(pass(5h), std::nullopt);
  set("b", Presence::offline);
  EXPECT_EQ(pass(61min), k_repair);
}

TEST_F(MaintenanceTest, DamageOnStoresThatAreThereIsRepairedAtOnce) {
  view_.damaged_copies = 2;
  EXPECT_EQ(look(), k_repair);
  run(k_repair, repaired(0, 0));
  EXPECT_EQ(pass(23h), std::nullopt) << "it cannot help these two";
  view_.damaged_copies = 1;
  EXPECT_EQ(pass(1min), std::nullopt);
  view_.damaged_copies = 2;
  EXPECT_EQ(pass(1min), k_repair) << "a new one";
  run(k_repair, repaired(0, 0));
  EXPECT_EQ(pass(24h), k_repair) << "perhaps it can be helped by now";
}

TEST_F(MaintenanceTest, RepairOfDamageDoesNotGiveUpOtherStoresEarly) {
  set("a", Presence::offline);
  look();
  EXPECT_EQ(pass(23h), std::nullopt);
  set("b", Presence::offline);
  view_.damaged_copies = 1;
  EXPECT_EQ(pass(1min), (MaintenanceJob{Kind::repair, std::nullopt, {"a", "b"}}));
  run(k_repair, {.end = End::failed});
  EXPECT_EQ(pass(61min), (MaintenanceJob{Kind::repair, std::nullopt, {"b"}})) << "a is given up by now";
  set("b", Presence::unknown);
  run(k_repair, {.end = End::failed});
  EXPECT_EQ(pass(60min), (MaintenanceJob{Kind::repair, std::nullopt, {"b"}}));
}

TEST_F(MaintenanceTest, WithoutAnyStoreNothingIsBegun) {
  policy_.scrub_days = 1;
  begin_anew();
  for (auto& store : view_.stores) store.presence = Presence::offline;
  look();
  EXPECT_EQ(pass(72h), std::nullopt);
  set("a", Presence::online);
  EXPECT_EQ(pass(1min), k_repair);
}

TEST_F(MaintenanceTest, WaitsForOtherJobsAndForItsOwn) {
  view_.damaged_copies = 1;
  view_.is_busy = true;
  EXPECT_EQ(look(), std::nullopt);
  view_.is_busy = false;
  ASSERT_EQ(look(), k_repair);
  maintenance_->begin(k_repair, "j1");
  EXPECT_EQ(maintenance_->record().job, "j1");
  EXPECT_EQ(pass(5h), std::nullopt) << "its end is not known yet";
  begin_anew();
  EXPECT_EQ(maintenance_->record().job, "j1");
  EXPECT_EQ(pass(1h), std::nullopt);
  maintenance_->ended({.end = End::failed}, view_.now);
  EXPECT_EQ(pass(59min), std::nullopt);
  EXPECT_EQ(pass(1min), k_repair);
  run(k_repair, {.end = End::cancelled});
  EXPECT_EQ(pass(23h), std::nullopt) << "somebody did not want it";
  EXPECT_EQ(pass(1h), k_repair);
}

TEST_F(MaintenanceTest, CanBeSwitchedOff) {
  policy_.enabled = false;
  begin_anew();
  view_.damaged_copies = 1;
  EXPECT_EQ(look(), std::nullopt);
}

TEST_F(MaintenanceTest, ScrubsAPartEachDay) {
  policy_.scrub_days = 30;
  begin_anew();
  look();
  view_.now += 24h - 1min;
  EXPECT_EQ(look(), std::nullopt) << "counted from the first look on";
  view_.now += 1min;
  EXPECT_EQ(look(), k_scrub);
  maintenance_->begin(k_scrub, "j1");
  const auto began = view_.now;
  view_.now += 2h;
  maintenance_->ended({.end = End::done, .bytes_read = 9}, view_.now);
  EXPECT_EQ(maintenance_->record().scrubbed_at, began);
  view_.now = began + 24h - 1min;
  EXPECT_EQ(look(), std::nullopt);
  view_.now += 1min;
  EXPECT_EQ(look(), k_scrub);
  run(k_scrub, {.end = End::failed});
  view_.now += 59min;
  EXPECT_EQ(look(), std::nullopt);
  view_.now += 1min;
  EXPECT_EQ(look(), k_scrub);
  view_.damaged_copies = 1;
  EXPECT_EQ(look(), k_repair) << "first things first";
}

TEST_F(MaintenanceTest, ReadsMoreAfterDaysWithout) {
  policy_.scrub_days = 30;
  begin_anew();
  look();
  view_.now += days(6);
  EXPECT_EQ(look()->sample_percent, 20);
  view_.now += days(600);
  EXPECT_EQ(look()->sample_percent, 100);
}

TEST_F(MaintenanceTest, AClockThatWasWrongDoesNotKeepItFromScrubbing) {
  policy_.scrub_days = 30;
  begin_anew();
  view_.now += days(4000);
  look();
  run(k_scrub, {.end = End::done, .bytes_read = 9});
  view_.now -= days(4000);
  begin_anew();
  EXPECT_EQ(look(), std::nullopt);
  view_.now += days(1);
  EXPECT_EQ(look(), k_scrub);
}

TEST_F(MaintenanceTest, BeginsInItsWindowOnly) {
  policy_.window = parse_day_window("01:00-06:00");
  begin_anew();
  view_.damaged_copies = 1;
  EXPECT_EQ(look(), std::nullopt);
  EXPECT_EQ(pass(59min), std::nullopt);
  EXPECT_EQ(pass(1min), k_repair);
  view_.now = k_start + 6h;
  EXPECT_EQ(look(), std::nullopt);
}

TEST(DayWindow, MayGoOverMidnight) {
  const auto window = parse_day_window("22:30-04:00");
  const auto at = [&](std::chrono::minutes time) { return window.contains(k_start + time); };
  EXPECT_TRUE(at(23h));
  EXPECT_TRUE(at(22h + 30min));
  EXPECT_FALSE(at(22h + 29min));
  EXPECT_TRUE(at(0h));
  EXPECT_TRUE(at(3h + 59min));
  EXPECT_FALSE(at(4h));
  EXPECT_FALSE(at(12h));
  EXPECT_TRUE(window.contains(UtcTime(-1ms))) << "before 1970";
  const auto plain = parse_day_window("00:00-23:59");
  EXPECT_TRUE(plain.contains(k_start));
  EXPECT_FALSE(plain.contains(k_start - 1ms));
}

TEST(DayWindow, NothingElseIsOne) {
  for (const auto* text : {"", "-", "1:00-2:00", "01:00", "01:00-", "24:00-01:00", "01:60-02:00", "01:00-01:00",
                           "01:00-06:00-", "+1:00-02:00", "0100-0600", "01:00 - 06:00", "01-00:06-00"})
    EXPECT_EQ(test::kind_thrown([&] { parse_day_window(text); }), ErrorKind::invalid) << text;
}

class MaintenanceBudgetTest : public MaintenanceTest {
 protected:
  MaintenanceBudgetTest() {
    policy_.download_per_day = 10 * k_gb;
    policy_.upload_per_day = 4 * k_gb;
    begin_anew();
    view_.damaged_copies = 1;
  }
  std::optional<std::uint64_t> budget() {
    const auto job = look();
    return job ? job->budget_bytes : std::nullopt;
  }
};

TEST_F(MaintenanceBudgetTest, WhatARepairReadsAndWritesStaysBelowBoth) {
  EXPECT_EQ(budget(), 4 * k_gb);
  run({Kind::repair, 4 * k_gb}, repaired(2 * k_gb, 1 * k_gb));
  view_.now += 1h;
  EXPECT_EQ(budget(), 3 * k_gb);
  run({Kind::repair, 3 * k_gb}, repaired(0, 3 * k_gb + 1));
  view_.now += 1h;
  EXPECT_EQ(budget(), std::nullopt) << "nothing is left of today";
  EXPECT_EQ(pass(21h + 59min), std::nullopt);
  EXPECT_EQ(pass(1min), (MaintenanceJob{Kind::repair, 4 * k_gb})) << "midnight";
}

TEST_F(MaintenanceBudgetTest, WhatTheBudgetDidNotSufficeForIsDoneTheNextDay) {
  view_.damaged_copies = 0;
  policy_.repair_after_hours = 1;
  begin_anew();
  set("b", Presence::offline);
  look();
  ASSERT_TRUE(pass(1h));
  // Not even one pack: nothing was written, and it is not true that nothing is left to write.
  run({Kind::repair, 4 * k_gb}, {.end = End::done, .bytes_read = 0, .bytes_written = 0, .left_something = true});
  EXPECT_EQ(pass(22h + 59min), std::nullopt);
  ASSERT_TRUE(pass(1min)) << "midnight";
  run({Kind::repair, 4 * k_gb}, repaired(0, 0));
  EXPECT_EQ(pass(48h), std::nullopt);
}

TEST_F(MaintenanceBudgetTest, AJobThatDoesNotReportHasUsedItsBudget) {
  EXPECT_EQ(budget(), 4 * k_gb);
  maintenance_->begin({Kind::repair, 4 * k_gb}, "j1");
  begin_anew();  // the program was killed
  look();
  maintenance_->ended({.end = End::failed}, view_.now);
  view_.now += 2h;
  EXPECT_EQ(budget(), std::nullopt);
  EXPECT_EQ(maintenance_->record().uploaded, 4 * k_gb);
}

TEST_F(MaintenanceBudgetTest, AJobOverMidnightBelongsToItsFirstDay) {
  view_.now += 23h;
  EXPECT_EQ(budget(), 4 * k_gb);
  maintenance_->begin({Kind::repair, 4 * k_gb}, "j1");
  view_.now += 2h;
  look();
  maintenance_->ended(repaired(2 * k_gb, 2 * k_gb), view_.now);
  view_.now += 1h;
  EXPECT_EQ(budget(), 4 * k_gb);
}

TEST_F(MaintenanceBudgetTest, AClockThatIsSetBackGivesNoBudgetTwice) {
  view_.now += days(1) + 1min;
  EXPECT_EQ(budget(), 4 * k_gb);
  maintenance_->begin({Kind::repair, 4 * k_gb}, "j1");
  view_.now -= 10min;  // the day before
  look();
  EXPECT_EQ(maintenance_->record().uploaded, 4 * k_gb);
  maintenance_->ended(repaired(1 * k_gb, 3 * k_gb), view_.now);
  EXPECT_EQ(maintenance_->record().uploaded, 3 * k_gb) << "it is still the day on which it began";
  view_.now += 5min;
  look();
  EXPECT_EQ(maintenance_->record().uploaded, 3 * k_gb);
  view_.now += 5h;
  EXPECT_EQ(budget(), 4 * k_gb) << "another day";
}

TEST_F(MaintenanceBudgetTest, ADayFarAheadIsNotBelieved) {
  view_.now += days(4000);
  look();
  run({Kind::repair, 4 * k_gb}, repaired(0, 4 * k_gb));
  view_.now -= days(4000);
  view_.damaged_copies = 2;
  EXPECT_EQ(budget(), 4 * k_gb);
}

TEST_F(MaintenanceBudgetTest, ScrubsWithWhatMayBeDownloaded) {
  policy_.scrub_days = 1;
  begin_anew();
  view_.damaged_copies = 0;
  look();
  view_.now += days(2);
  EXPECT_EQ(look(), (MaintenanceJob{Kind::verify, 10 * k_gb, {}, 100}));
}

TEST(MaintenanceRecord, WhatIsNotUnderstoodIsForgotten) {
  for (const auto* text : {"", "{", "[]", "{}", R"({"scrubbed_at":"yesterday"})"})
    EXPECT_EQ(maintenance_record_of(text), MaintenanceRecord()) << text;
}

}  // namespace
}  // namespace modelfloat::server
