// What is known of a store outlives the process that saw it.
#include "modelfloat/engine/pool/store_ledger.h"

#include "support/temporary_folder.h"
#include <gtest/gtest.h>

#include "modelfloat/registry/sqlite/sqlite_registry.h"

namespace modelfloat::engine {
namespace {

using namespace std::chrono_literals;

class RegistryLedgerTest : public testing::Test {
 protected:
  test::TemporaryFolder folder_;
  std::unique_ptr<registry::Registry> registry_ = registry::open_sqlite_registry(folder_ / "registry.db");
  const StoreId store_{std::byte{1}};
  const UtcTime now_ = from_unix_seconds(1'767'225'600);  // midnight
};

TEST_F(RegistryLedgerTest, UseAddsUpOverProcessesAndStartsAnewEachDay) {
  RegistryLedger one(*registry_, store_);
  RegistryLedger two(*registry_, store_);
  one.add_use(now_, 100, 10);
  two.add_use(now_ + 1h, 1, 2);
  EXPECT_EQ(one.use(now_).uploaded_bytes, 100U);
  one.write();
  two.write();
  two.write();
  EXPECT_EQ(two.use(now_ + 2h), (store::DayUse{store::day_of(now_), 101, 12}));
  EXPECT_EQ(RegistryLedger(*registry_, store_).use(now_ + 23h).downloaded_bytes, 12U);
  EXPECT_EQ(RegistryLedger(*registry_, store_).use(now_ + 24h), (store::DayUse{store::day_of(now_) + 1, 0, 0}));
  two.add_use(now_ + 25h, 7, 0);
  two.write();
  EXPECT_EQ(RegistryLedger(*registry_, store_).use(now_ + 26h).uploaded_bytes, 7U);
}

TEST_F(RegistryLedgerTest, MuchIsWrittenWithoutBeingAsked) {
  RegistryLedger one(*registry_, store_);
  one.add_use(now_, std::uint64_t{100} << 20, 0);
  EXPECT_EQ(registry_->store_use(store_).uploaded_bytes, std::uint64_t{100} << 20);
}

TEST_F(RegistryLedgerTest, AParkIsThereAtOnce) {
  RegistryLedger(*registry_, store_).record_pause(store::Traffic::downloads, {now_ + 6h, "quota"});
  EXPECT_EQ(RegistryLedger(*registry_, store_).pause(store::Traffic::downloads), (store::Pause{now_ + 6h, "quota"}));
  EXPECT_FALSE(RegistryLedger(*registry_, store_).pause(store::Traffic::all));
}

TEST_F(RegistryLedgerTest, MeasurementsComeBack) {
  store::Measurements seen;
  seen.put = {20, 1, 1'000'000, 2.5, 0.1, 0.25};
  seen.get.calls = 3;
  seen.last_seen = now_;
  seen.last_error = ErrorKind::timed_out;
  seen.last_error_time = now_ - 1h;
  RegistryLedger ledger(*registry_, store_);
  ledger.keep(seen);
  EXPECT_EQ(RegistryLedger(*registry_, store_).measurements(), store::Measurements()) << "not before it is written";
  ledger.write();
  EXPECT_EQ(RegistryLedger(*registry_, store_).measurements(), seen);
}

TEST_F(RegistryLedgerTest, WhatIsNoNewsIsNotWritten) {
  store::Measurements seen;
  seen.put.calls = 20;
  seen.last_seen = now_;
  RegistryLedger ledger(*registry_, store_);
  ledger.keep(seen);
  ledger.write();
  auto next = store::decayed(seen);
  next.get.calls = 2;
  next.last_seen = now_ + 1min;
  ledger.keep(next);
  ledger.write();
  EXPECT_EQ(ledger.measurements(), seen);
  next.get.errors = 1;
  next.last_error = ErrorKind::transient;
  next.last_error_time = now_ + 1min;
  ledger.keep(next);
  ledger.write();
  EXPECT_EQ(ledger.measurements(), next);
}

}  // namespace
}  // namespace modelfloat::engine
