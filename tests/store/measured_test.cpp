#include "modelfloat/store/wrap/measured.h"

#include <thread>

#include "support/fake_clock.h"
#include "support/faulty_store.h"
#include "support/fixed_random.h"
#include "support/plain_call.h"
#include "support/store_suite.h"
#include <gtest/gtest.h>

#include "modelfloat/base/error.h"
#include "modelfloat/store/memory/memory_store.h"

namespace modelfloat::test {
namespace {

using namespace std::chrono_literals;

// Each get and put takes the time it is told to.
class SlowStore final : public store::Store {
 public:
  SlowStore(store::Store& inner, FakeClock& clock, const Milliseconds& delay)
      : inner_(inner), clock_(clock), delay_(delay) {}
  store::StoreTraits traits() const override { return inner_.traits(); }
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) override {
    clock_.advance(delay_);
    inner_.put(name, bytes, options);
  }
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& options) override {
    clock_.advance(delay_);
    return inner_.get(name, range, options);
  }
  std::optional<store::ObjectInfo> stat(const ObjectName& name, const CallOptions& options) override {
    return inner_.stat(name, options);
  }
  void remove(const ObjectName& name, const CallOptions& options) override { inner_.remove(name, options); }
  void list(std::string_view prefix, const store::ObjectSink& sink, const CallOptions& options) override {
    inner_.list(prefix, sink, options);
  }
  store::Space space(const CallOptions& options) override { return inner_.space(options); }

 private:
  store::Store& inner_;
  FakeClock& clock_;
  const Milliseconds& delay_;
};

class Measured : public testing::Test {
 protected:
  std::unique_ptr<store::Store> memory_ = store::make_memory_store();
  FaultyStore faulty_{*memory_};
  FakeClock clock_;
  Milliseconds delay_{0};
  std::unique_ptr<store::MeasuredStore> store_ =
      store::make_measured(std::make_unique<SlowStore>(faulty_, clock_, delay_), clock_);
  const ObjectName name_ = shard_name(1);
};

TEST_F(Measured, KnowsNothingAtFirst) {
  const auto measured = store_->measurements();
  EXPECT_EQ(measured.get.calls, 0U);
  EXPECT_FALSE(measured.get.p50_seconds);
  EXPECT_FALSE(measured.last_seen);
  EXPECT_FALSE(measured.last_error);
}

TEST_F(Measured, CountsCallsAndBytes) {
  store_->put(name_, random_bytes(1000), k_no_deadline);
  store_->get(name_, {0, 300}, k_no_deadline);
  store_->get(name_, {300, 100}, k_no_deadline);
  store_->get(shard_name(2), k_all, k_no_deadline);
  store_->stat(name_, k_no_deadline);
  store_->list("", [](const store::ObjectInfo&) {}, k_no_deadline);
  store_->space(k_no_deadline);
  store_->remove(name_, k_no_deadline);
  const auto measured = store_->measurements();
  EXPECT_EQ(measured.put.bytes, 1000U);
  EXPECT_EQ(measured.get.bytes, 400U);
  EXPECT_EQ(measured.get.calls, 3U);
  for (const auto* call : {&measured.put, &measured.stat, &measured.list, &measured.space, &measured.remove}) {
    EXPECT_EQ(call->calls, 1U);
    EXPECT_EQ(call->errors, 0U);
  }
}

TEST_F(Measured, QuantilesFollowTheNewestCalls) {
  store_->put(name_, random_bytes(10), k_no_deadline);
  for (int i = 1; i <= 100; ++i) {
    delay_ = Milliseconds(i);
    store_->get(name_, k_all, k_no_deadline);
  }
  auto get = store_->measurements().get;
  EXPECT_NEAR(*get.p50_seconds, 0.050, 1e-9);
  EXPECT_NEAR(*get.p95_seconds, 0.095, 1e-9);
  EXPECT_NEAR(get.seconds, 5.050, 1e-6);
  delay_ = 2000ms;
  for (int i = 0; i < 128; ++i) store_->get(name_, k_all, k_no_deadline);
  get = store_->measurements().get;
  EXPECT_NEAR(*get.p50_seconds, 2.0, 1e-9) << "the first hundred are forgotten";
}

TEST_F(Measured, CountsErrorsButNotStops) {
  faulty_.fail_next(Call::get, ErrorKind::transient, 2);
  EXPECT_THROW(store_->get(name_, k_all, k_no_deadline), Error);
  EXPECT_THROW(store_->get(name_, k_all, k_no_deadline), Error);
  faulty_.fail_next(Call::get, ErrorKind::cancelled, 1);
  EXPECT_THROW(store_->get(name_, k_all, k_no_deadline), Error);
  const auto measured = store_->measurements();
  EXPECT_EQ(measured.get.calls, 2U);
  EXPECT_EQ(measured.get.errors, 2U);
  EXPECT_EQ(measured.last_error, ErrorKind::transient);
  EXPECT_EQ(measured.last_error_time, clock_.utc_now());
  EXPECT_FALSE(measured.last_seen);
  EXPECT_FALSE(measured.get.p50_seconds);
}

TEST_F(Measured, WhatTheSinkThrowsIsNotTheStoresFault) {
  store_->put(name_, random_bytes(10), k_no_deadline);
  const auto sink = [](const store::ObjectInfo&) { throw Error(ErrorKind::internal, "sink", "mine"); };
  EXPECT_THROW(store_->list("", sink, k_no_deadline), Error);
  EXPECT_EQ(store_->measurements().list.errors, 0U);
}

TEST_F(Measured, LastSeenIsTheLastSuccess) {
  store_->space(k_no_deadline);
  const UtcTime seen = clock_.utc_now();
  clock_.advance(60s);
  faulty_.set_offline(true);
  EXPECT_THROW(store_->space(k_no_deadline), Error);
  EXPECT_EQ(store_->measurements().last_seen, seen);
}

TEST_F(Measured, MayBeReadWhileCallsRun) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) store_->stat(name_, k_no_deadline);
    });
  }
  for (int i = 0; i < 50; ++i) EXPECT_LE(store_->measurements().stat.calls, 800U);
  threads.clear();
  EXPECT_EQ(store_->measurements().stat.calls, 800U);
}

TEST_F(Measured, GoesOnFromWhatAnEarlierRunSaw) {
  delay_ = 100ms;
  for (int i = 0; i < 40; ++i) store_->put(name_, random_bytes(1000), k_no_deadline);
  faulty_.fail_next(Call::get, ErrorKind::transient, 2);
  for (int i = 0; i < 2; ++i) EXPECT_THROW(store_->get(name_, k_all, k_no_deadline), Error);
  const auto before = store_->measurements();
  EXPECT_EQ(before.calls(), 42U);
  EXPECT_EQ(before.errors(), 2U);

  const auto next =
      store::make_measured(std::make_unique<SlowStore>(faulty_, clock_, delay_), clock_, store::decayed(before));
  auto now = next->measurements();
  EXPECT_EQ(now.put.calls, 20U);
  EXPECT_EQ(now.put.bytes, 20'000U);
  EXPECT_NEAR(now.put.p95_seconds.value(), 0.1, 1e-6);
  EXPECT_EQ(now.get.errors, 2U) << "a few errors are not forgotten by starting again";
  EXPECT_EQ(now.last_error, ErrorKind::transient);
  EXPECT_EQ(now.last_seen, before.last_seen);
  delay_ = 900ms;
  for (int i = 0; i < 4; ++i) next->put(name_, random_bytes(1000), k_no_deadline);
  now = next->measurements();
  EXPECT_EQ(now.put.calls, 24U);
  EXPECT_NEAR(now.put.p50_seconds.value(), 0.9, 1e-6) << "its own calls count as soon as there are some";
}

}  // namespace
}  // namespace modelfloat::test
