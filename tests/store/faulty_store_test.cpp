#include "support/faulty_store.h"

#include <thread>

#include "support/fixed_random.h"
#include "support/plain_call.h"
#include "support/store_suite.h"
#include "support/thrown.h"
#include <gtest/gtest.h>

#include "modelfloat/store/memory/memory_store.h"

namespace modelfloat::test {
namespace {

class Faulty : public testing::Test {
 protected:
  Faulty() {
    store_.put(a_, bytes_, k_no_deadline);
    store_.put(b_, other_, k_no_deadline);
    store_.counter().start_over();
  }
  std::unique_ptr<store::Store> memory_ = store::make_memory_store();
  FaultyStore store_{*memory_};
  const ObjectName a_ = shard_name(1);
  const ObjectName b_ = shard_name(2);
  const Bytes bytes_ = random_bytes(1000, 1);
  const Bytes other_ = random_bytes(2000, 2);
};

TEST_F(Faulty, CountsAllStoresThatShareTheCounterAndFailsTheNth) {
  CallCounter counter;
  FaultyStore x(*memory_, &counter);
  FaultyStore y(*memory_, &counter);
  counter.fail_at(2, ErrorKind::denied);
  EXPECT_EQ(kind_thrown([&] { x.stat(a_, k_no_deadline); }), std::nullopt);
  EXPECT_EQ(kind_thrown([&] { y.stat(a_, k_no_deadline); }), ErrorKind::denied);
  EXPECT_EQ(kind_thrown([&] { x.stat(a_, k_no_deadline); }), std::nullopt);
  EXPECT_EQ(counter.calls(), 3U);
}

TEST_F(Faulty, ACutEndsEverythingAfterIt) {
  store_.counter().cut_at(2, Moment::after);
  EXPECT_EQ(kind_thrown([&] { store_.put(shard_name(3), bytes_, k_no_deadline); }), std::nullopt);
  EXPECT_EQ(kind_thrown([&] { store_.put(shard_name(4), bytes_, k_no_deadline); }), ErrorKind::offline);
  EXPECT_EQ(kind_thrown([&] { store_.put(shard_name(5), bytes_, k_no_deadline); }), ErrorKind::offline);
  EXPECT_TRUE(memory_->stat(shard_name(4), k_no_deadline)) << "its work was done, only the answer was lost";
  EXPECT_FALSE(memory_->stat(shard_name(5), k_no_deadline));
}

TEST_F(Faulty, FlipsTheSameBitInEveryRangeThatCoversIt) {
  store_.flip_bit(a_, 8 * 500 + 3);
  Bytes flipped = bytes_;
  flipped[500] ^= std::byte{8};
  EXPECT_EQ(store_.get(a_, k_all, k_no_deadline), flipped);
  EXPECT_EQ(store_.get(a_, {500, 1}, k_no_deadline), Bytes(1, flipped[500]));
  EXPECT_EQ(store_.get(a_, {501, 1}, k_no_deadline), Bytes(1, bytes_[501]));
  EXPECT_EQ(store_.get(b_, k_all, k_no_deadline), other_);
}

TEST_F(Faulty, TruncatesForEveryCall) {
  store_.truncate(a_, 100);
  EXPECT_EQ(store_.stat(a_, k_no_deadline)->size_bytes, 100U);
  EXPECT_EQ(store_.get(a_, k_all, k_no_deadline)->size(), 100U);
  EXPECT_EQ(kind_thrown([&] { store_.get(a_, {50, 51}, k_no_deadline); }), ErrorKind::corrupt);
}

TEST_F(Faulty, SwapsTwoObjects) {
  store_.swap(a_, b_);
  EXPECT_EQ(store_.get(a_, k_all, k_no_deadline), other_);
  EXPECT_EQ(store_.get(b_, k_all, k_no_deadline), bytes_);
  store_.list(
      "", [&](const store::ObjectInfo& info) { EXPECT_EQ(info.size_bytes, info.name == a_ ? 2000U : 1000U); },
      k_no_deadline);
}

TEST_F(Faulty, LosesPutsWithoutAWord) {
  store_.lose_puts(1);
  store_.put(shard_name(3), bytes_, k_no_deadline);
  EXPECT_FALSE(store_.stat(shard_name(3), k_no_deadline));
  store_.put(shard_name(3), bytes_, k_no_deadline);
  EXPECT_TRUE(store_.stat(shard_name(3), k_no_deadline));
}

TEST_F(Faulty, RunsOutOfSpace) {
  store_.limit_space(1500);
  store_.put(shard_name(3), bytes_, k_no_deadline);
  EXPECT_EQ(store_.space(k_no_deadline).free_bytes, 500U);
  EXPECT_EQ(kind_thrown([&] { store_.put(shard_name(4), bytes_, k_no_deadline); }), ErrorKind::out_of_space);
}

TEST_F(Faulty, LiesAboutLengthAndAnswersShort) {
  store_.lie_about_length(5);
  store_.answer_short(true);
  EXPECT_EQ(store_.stat(a_, k_no_deadline)->size_bytes, 1005U);
  EXPECT_EQ(store_.get(a_, {0, 10}, k_no_deadline)->size(), 9U);
}

TEST_F(Faulty, StallsUntilStopped) {
  store_.stall(Call::get);
  std::stop_source stop;
  CallOptions options;
  options.stop = stop.get_token();
  std::jthread reader([&] { EXPECT_EQ(kind_thrown([&] { store_.get(a_, k_all, options); }), ErrorKind::cancelled); });
  store_.wait_for_stalled(1);
  stop.request_stop();
}

TEST_F(Faulty, StallsUntilToldToGoOn) {
  store_.stall(Call::get);
  std::jthread reader([&] { EXPECT_EQ(store_.get(a_, k_all, k_no_deadline), bytes_); });
  store_.wait_for_stalled(1);
  store_.go_on();
}

}  // namespace
}  // namespace modelfloat::test
