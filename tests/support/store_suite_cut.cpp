// Calls that are stopped, or end by their deadline.
#include <algorithm>
#include <chrono>

#include "support/fixed_random.h"
#include "support/plain_call.h"
#include "support/store_suite.h"
#include "support/thrown.h"

#include "modelfloat/base/error.h"

namespace modelfloat::test {

using store::ObjectInfo;

using Duration = std::chrono::steady_clock::duration;

static constexpr int k_most_halving = 1024;

std::size_t StoreSuite::cut_calls(const std::function<void(std::size_t number, const CallOptions&)>& call,
                                  const std::function<void()>& look) {
  const auto begin = std::chrono::steady_clock::now();
  call(0, k_no_deadline);
  const Duration whole = std::chrono::steady_clock::now() - begin;
  look();
  std::size_t count = 1;
  for (const ErrorKind expected : {ErrorKind::cancelled, ErrorKind::timed_out}) {
    bool was_cut = false;
    // The first call may have taken longer than others do, and a stop may come late on a busy
    // machine.
    for (Duration time = whole; !was_cut && time > whole / k_most_halving; time /= 2) {
      for (int quarter = 1; quarter < 4; ++quarter) {
        const auto cut = [&](const CallOptions& options) { call(count, options); };
        const Duration after = time * quarter / 4;
        const auto error =
            expected == ErrorKind::cancelled ? thrown_when_stopped(after, cut) : thrown_by_deadline(after, cut);
        ++count;
        was_cut = was_cut || error;
        EXPECT_EQ(error ? error->kind : expected, expected) << error->what();
        restart();
        look();
      }
    }
    EXPECT_TRUE(was_cut) << "no call was " << to_string(expected);
  }
  return count;
}

Bytes StoreSuite::many_bytes() {
  Bytes bytes = random_bytes(std::min((std::uint64_t{10} << 20) + 1, GetParam().largest_object_bytes));
  const auto begin = std::chrono::steady_clock::now();
  store_->put(shard_name(1), bytes, k_no_deadline);
  if (std::chrono::steady_clock::now() - begin < Milliseconds(100))
    bytes = random_bytes(std::min(std::uint64_t{32} << 20, GetParam().largest_object_bytes));
  store_->remove(shard_name(1), k_no_deadline);
  return bytes;
}

TEST_P(StoreSuite, AStopEndsEveryCallAndChangesNothing) {
  const Bytes old = random_bytes(100);
  store_->put(shard_name(1), old, k_no_deadline);
  std::stop_source stop;
  stop.request_stop();
  CallOptions stopped;
  stopped.stop = stop.get_token();
  const auto sink = [](const ObjectInfo&) { ADD_FAILURE() << "listed after the stop"; };
  EXPECT_EQ(kind_thrown([&] { store_->put(shard_name(1), random_bytes(50), stopped); }), ErrorKind::cancelled);
  EXPECT_EQ(kind_thrown([&] { store_->put(shard_name(2), random_bytes(50), stopped); }), ErrorKind::cancelled);
  EXPECT_EQ(kind_thrown([&] { store_->get(shard_name(1), k_all, stopped); }), ErrorKind::cancelled);
  EXPECT_EQ(kind_thrown([&] { store_->stat(shard_name(1), stopped); }), ErrorKind::cancelled);
  EXPECT_EQ(kind_thrown([&] { store_->remove(shard_name(1), stopped); }), ErrorKind::cancelled);
  EXPECT_EQ(kind_thrown([&] { store_->list("", sink, stopped); }), ErrorKind::cancelled);
  EXPECT_EQ(kind_thrown([&] { store_->space(stopped); }), ErrorKind::cancelled);
  EXPECT_EQ(store_->get(shard_name(1), k_all, k_no_deadline), old);
  EXPECT_EQ(list("").size(), 1U);
}

TEST_P(StoreSuite, APassedDeadlineEndsEveryCall) {
  store_->put(shard_name(1), random_bytes(100), k_no_deadline);
  CallOptions late;
  late.deadline = std::chrono::steady_clock::now();
  const auto sink = [](const ObjectInfo&) { ADD_FAILURE() << "listed after the deadline"; };
  EXPECT_EQ(kind_thrown([&] { store_->put(shard_name(2), random_bytes(50), late); }), ErrorKind::timed_out);
  EXPECT_EQ(kind_thrown([&] { store_->get(shard_name(1), k_all, late); }), ErrorKind::timed_out);
  EXPECT_EQ(kind_thrown([&] { store_->stat(shard_name(1), late); }), ErrorKind::timed_out);
  EXPECT_EQ(kind_thrown([&] { store_->remove(shard_name(1), late); }), ErrorKind::timed_out);
  EXPECT_EQ(kind_thrown([&] { store_->list("", sink, late); }), ErrorKind::timed_out);
  EXPECT_EQ(kind_thrown([&] { store_->space(late); }), ErrorKind::timed_out);
  EXPECT_EQ(list("").size(), 1U);
}

TEST_P(StoreSuite, AStopInTheMiddleOfAListingEndsIt) {
  for (std::uint64_t i = 0; i < 10; ++i) store_->put(shard_name(i), random_bytes(10), k_no_deadline);
  std::stop_source stop;
  CallOptions options;
  options.stop = stop.get_token();
  int seen = 0;
  const auto sink = [&](const ObjectInfo&) {
    ++seen;
    stop.request_stop();
  };
  EXPECT_EQ(kind_thrown([&] { store_->list("", sink, options); }), ErrorKind::cancelled);
  EXPECT_EQ(seen, 1);
}

TEST_P(StoreSuite, APutThatIsCutLeavesAllOrNothing) {
  const Bytes bytes = many_bytes();
  const std::size_t count = cut_calls(
      [&](std::size_t number, const CallOptions& options) { store_->put(shard_name(number), bytes, options); });
  std::vector<std::string> all;
  std::vector<std::string> found;
  for (std::size_t number = 0; number < count; ++number) {
    all.push_back(shard_name(number).path());
    const auto there = store_->get(shard_name(number), k_all, k_no_deadline);
    if (!there) continue;
    EXPECT_TRUE(equal(*there, bytes)) << number << ": " << there->size() << " bytes";
    found.push_back(all.back());
  }
  const auto infos = list("");  // may have more by now
  for (const ObjectInfo& info : infos) EXPECT_EQ(info.size_bytes, bytes.size()) << info.name.path();
  const auto listed = paths_of(infos);
  std::sort(all.begin(), all.end());
  std::sort(found.begin(), found.end());
  EXPECT_TRUE(std::includes(listed.begin(), listed.end(), found.begin(), found.end()));
  // Each once, and no other.
  EXPECT_TRUE(std::includes(all.begin(), all.end(), listed.begin(), listed.end()));

  for (std::size_t number = 0; number < count; ++number) store_->put(shard_name(number), bytes, k_no_deadline);
  for (std::size_t number = 0; number < count; ++number)
    EXPECT_TRUE(store_->get(shard_name(number), k_all, k_no_deadline) == bytes) << number;
  EXPECT_EQ(paths_of(list("")), all);
}

TEST_P(StoreSuite, AReplacementThatIsCutLeavesOneOfTheTwo) {
  const Bytes bytes = many_bytes();
  Bytes other = bytes;
  other.back() ^= std::byte{1};
  store_->put(shard_name(1), other, k_no_deadline);
  bool is_other = true;
  const auto replace = [&](std::size_t, const CallOptions& options) {
    store_->put(shard_name(1), is_other ? bytes : other, options);
  };
  cut_calls(replace, [&] {
    std::optional<Bytes> there;
    const auto error = thrown_by([&] { there = store_->get(shard_name(1), k_all, k_no_deadline); });
    is_other = there == other;
    if (!GetParam().keeps_one_when_cut) return;
    EXPECT_FALSE(error) << error->what();
    EXPECT_TRUE(is_other || there == bytes) << (there ? std::to_string(there->size()) + " bytes" : "nothing");
    EXPECT_EQ(list("").size(), 1U);
  });
  store_->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_TRUE(store_->get(shard_name(1), k_all, k_no_deadline) == bytes);
  EXPECT_EQ(list("").size(), 1U);
}

TEST_P(StoreSuite, AGetMayBeCut) {
  const Bytes bytes = many_bytes();
  store_->put(shard_name(1), bytes, k_no_deadline);
  cut_calls([&](std::size_t number, const CallOptions& options) {
    EXPECT_TRUE(store_->get(shard_name(1), k_all, options) == bytes) << number;
  });
  EXPECT_TRUE(store_->get(shard_name(1), k_all, k_no_deadline) == bytes);
}

}  // namespace modelfloat::test
