#include "support/store_suite.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "support/fixed_random.h"
#include "support/plain_call.h"
#include "support/thrown.h"

#include "modelfloat/base/error.h"

namespace modelfloat::test {

using store::ObjectInfo;

static ObjectName name_by(ObjectType type, std::uint64_t seed) {
  return ObjectName::of(type, FixedRandom(seed).array<32>());
}
ObjectName shard_name(std::uint64_t seed) { return name_by(ObjectType::shard, seed); }

std::string name_of_case(const testing::TestParamInfo<StoreCase>& info) { return info.param.name; }

std::vector<std::string> paths_of(const std::vector<ObjectInfo>& infos) {
  std::vector<std::string> paths;
  for (const ObjectInfo& info : infos) paths.push_back(info.name.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

// Runs work(i) for each i < count on as many threads as the store says it likes; the first Error
// comes out.
template <typename Work>
static void in_parallel(const store::Store& store, std::size_t count, Work work) {
  std::atomic<std::size_t> next = 0;
  std::exception_ptr failure;
  std::mutex mutex;
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < std::min<std::size_t>(store.traits().parallel_calls, 16); ++t) {
      threads.emplace_back([&] {
        try {
          for (std::size_t i = next++; i < count; i = next++) work(i);
        } catch (...) {
          const std::lock_guard lock(mutex);
          failure = std::current_exception();
        }
      });
    }
  }
  if (failure) std::rethrow_exception(failure);
}

void StoreSuite::restart() {
  store_.reset();
  store_ = home_->open();
}

void StoreSuite::SetUp() {
  if (!GetParam().missing.empty()) GTEST_SKIP() << GetParam().missing;
  home_ = GetParam().make();
  store_ = home_->open();
}

std::vector<ObjectInfo> StoreSuite::list(std::string_view prefix) {
  std::vector<ObjectInfo> infos;
  store_->list(prefix, [&](const ObjectInfo& info) { infos.push_back(info); }, k_no_deadline);
  return infos;
}

TEST_P(StoreSuite, GivesBackWhatWasPut) {
  const Bytes bytes = random_bytes(100'000);
  store_->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_EQ(store_->get(shard_name(1), k_all, k_no_deadline), bytes);
}

TEST_P(StoreSuite, KeepsEveryKindOfName) {
  const WriterId writer = FixedRandom(5).array<16>();
  const Hash256 hash = FixedRandom(6).array<32>();
  const std::vector<ObjectName> names = {name_by(ObjectType::shard, 1),
                                         name_by(ObjectType::structure, 1),
                                         name_by(ObjectType::content, 1),
                                         name_by(ObjectType::slot, 1),
                                         ObjectName::of_chain(ObjectType::log, writer, 3, hash),
                                         ObjectName::of_chain(ObjectType::checkpoint, writer, 64, hash),
                                         ObjectName::marker(),
                                         ObjectName::format_text(),
                                         ObjectName::rescue_reader()};
  for (const ObjectName& name : names) store_->put(name, as_bytes(name.path()), k_no_deadline);
  std::vector<std::string> expected;
  for (const ObjectName& name : names) {
    EXPECT_EQ(store_->get(name, k_all, k_no_deadline), to_bytes(name.path()));
    expected.push_back(name.path());
  }
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(paths_of(list("")), expected);
}

TEST_P(StoreSuite, KeepsObjectsOfAllSizes) {
  const std::uint64_t mib = 1 << 20;
  std::vector<std::uint64_t> sizes = {0,       1,   63,      4096,    131'071,
                                      mib - 1, mib, mib + 1, 5 * mib, GetParam().largest_object_bytes};
  std::erase_if(sizes, [](std::uint64_t size) { return size > GetParam().largest_object_bytes; });
  for (const std::uint64_t size : sizes) {
    const Bytes bytes = random_bytes(size, size);
    store_->put(shard_name(size), bytes, k_no_deadline);
    const auto back = store_->get(shard_name(size), k_all, k_no_deadline);
    ASSERT_TRUE(back) << size;
    EXPECT_TRUE(equal(*back, bytes)) << size;  // not EXPECT_EQ, which would print them
    EXPECT_EQ(store_->stat(shard_name(size), k_no_deadline)->size_bytes, size);
  }
}

TEST_P(StoreSuite, GivesRanges) {
  const Bytes bytes = random_bytes(2'500'000);
  store_->put(shard_name(1), bytes, k_no_deadline);
  const std::uint64_t size = bytes.size();
  for (const ByteRange range :
       {ByteRange{0, 1}, ByteRange{0, size}, ByteRange{1, size - 1}, ByteRange{size - 1, 1}, ByteRange{0, 0},
        ByteRange{size, 0}, ByteRange{1'048'575, 2}, ByteRange{1000, 2'000'000}}) {
    const auto part = store_->get(shard_name(1), range, k_no_deadline);
    ASSERT_TRUE(part);
    EXPECT_TRUE(equal(*part, ByteSpan(bytes).subspan(range.offset, range.length)))
        << range.offset << "+" << range.length;
  }
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{1}, size - 1, size}) {
    const auto rest = store_->get(shard_name(1), ByteRange{offset}, k_no_deadline);
    ASSERT_TRUE(rest);
    EXPECT_TRUE(equal(*rest, ByteSpan(bytes).subspan(offset))) << offset;
  }
}

TEST_P(StoreSuite, RangeBeyondTheEndIsCorrupt) {
  store_->put(shard_name(1), random_bytes(1000), k_no_deadline);
  for (const ByteRange range : {ByteRange{0, 1001}, ByteRange{999, 2}, ByteRange{1000, 1}, ByteRange{1001, 0},
                                ByteRange{1001}, ByteRange{UINT64_MAX, 1}, ByteRange{2, UINT64_MAX - 1}}) {
    EXPECT_EQ(kind_thrown([&] { store_->get(shard_name(1), range, k_no_deadline); }), ErrorKind::corrupt)
        << range.offset << "+" << range.length;
  }
}

TEST_P(StoreSuite, AbsentIsNoError) {
  store_->put(shard_name(1), random_bytes(10), k_no_deadline);
  EXPECT_EQ(store_->get(shard_name(2), k_all, k_no_deadline), std::nullopt);
  EXPECT_EQ(store_->get(shard_name(2), ByteRange{100, 1}, k_no_deadline), std::nullopt);
  EXPECT_FALSE(store_->stat(shard_name(2), k_no_deadline));
  EXPECT_NO_THROW(store_->remove(shard_name(2), k_no_deadline));
  EXPECT_TRUE(list("mf1/log/").empty());
}

TEST_P(StoreSuite, NothingIsThereAtFirst) {
  EXPECT_TRUE(list("").empty());
  EXPECT_FALSE(store_->stat(ObjectName::marker(), k_no_deadline));
}

TEST_P(StoreSuite, PutTwiceIsFine) {
  const Bytes bytes = random_bytes(50'000);
  store_->put(shard_name(1), bytes, k_no_deadline);
  store_->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_EQ(store_->get(shard_name(1), k_all, k_no_deadline), bytes);
  EXPECT_EQ(list("").size(), 1U);
}

TEST_P(StoreSuite, ReplacesWrongContent) {
  const Bytes good = random_bytes(50'000, 1);
  Bytes flipped = good;
  flipped[49'999] ^= std::byte{1};
  for (const Bytes& wrong : {flipped, random_bytes(49'999, 1), random_bytes(60'000, 2), Bytes()}) {
    store_->put(shard_name(1), wrong, k_no_deadline);
    store_->put(shard_name(1), good, k_no_deadline);
    EXPECT_TRUE(store_->get(shard_name(1), k_all, k_no_deadline) == good);
    EXPECT_EQ(store_->stat(shard_name(1), k_no_deadline)->size_bytes, good.size());
    EXPECT_EQ(list("").size(), 1U);
  }
}

TEST_P(StoreSuite, RemoveTakesOneObjectAway) {
  store_->put(shard_name(1), random_bytes(10), k_no_deadline);
  store_->put(shard_name(2), random_bytes(10), k_no_deadline);
  store_->remove(shard_name(1), k_no_deadline);
  store_->remove(shard_name(1), k_no_deadline);
  EXPECT_EQ(store_->get(shard_name(1), k_all, k_no_deadline), std::nullopt);
  EXPECT_FALSE(store_->stat(shard_name(1), k_no_deadline));
  EXPECT_EQ(paths_of(list("")), std::vector{shard_name(2).path()});
  store_->put(shard_name(1), random_bytes(10), k_no_deadline);
  EXPECT_TRUE(store_->stat(shard_name(1), k_no_deadline));
}

TEST_P(StoreSuite, ListsManyNamesByPrefix) {
  std::map<ObjectName, std::uint64_t> objects;
  for (std::size_t i = 0; i < GetParam().many_names; ++i) {
    const auto type = i % 3 == 0 ? ObjectType::shard : i % 3 == 1 ? ObjectType::structure : ObjectType::slot;
    objects.emplace(name_by(type, 1000 + i), i % 50);
  }
  if (!home_->fill(objects)) {
    const std::vector<std::pair<ObjectName, std::uint64_t>> all(objects.begin(), objects.end());
    in_parallel(*store_, all.size(),
                [&](std::size_t i) { store_->put(all[i].first, random_bytes(all[i].second), k_no_deadline); });
  }
  std::map<std::string, std::uint64_t> sizes;
  for (const auto& [name, size] : objects) sizes[name.path()] = size;

  const std::string one = name_by(ObjectType::shard, 1000).path();
  for (const std::string& prefix :
       {std::string(), std::string("mf1/"), std::string("mf1/s"), std::string("mf1/shard/"), std::string("mf1/shard/a"),
        std::string("mf1/slot/7f/"), std::string("mf1/structure/00"), one.substr(0, 15), one, one + "0",
        std::string("mf1/log/"), std::string("m"), std::string("x")}) {
    std::vector<std::string> expected;
    for (const auto& [path, size] : sizes) {
      if (path.starts_with(prefix)) expected.push_back(path);
    }
    const auto infos = list(prefix);
    EXPECT_EQ(paths_of(infos), expected) << prefix;
    for (const ObjectInfo& info : infos) EXPECT_EQ(info.size_bytes, sizes[info.name.path()]) << info.name.path();
  }
}

TEST_P(StoreSuite, WhatTheSinkThrowsComesOut) {
  store_->put(shard_name(1), random_bytes(10), k_no_deadline);
  const auto sink = [](const ObjectInfo&) { throw Error(ErrorKind::transient, "sink", "not now"); };
  EXPECT_EQ(kind_thrown([&] { store_->list("", sink, k_no_deadline); }), ErrorKind::transient);
}

// What it collected may be used once the listing has ended.
TEST_P(StoreSuite, TheSinkIsCalledByTheCallingThreadUntilTheListingEnds) {
  for (std::uint64_t i = 0; i < 5; ++i) store_->put(shard_name(i), random_bytes(10), k_no_deadline);
  const auto caller = std::this_thread::get_id();
  std::vector<ObjectName> names;
  const auto sink = [&](const ObjectInfo& info) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    names.push_back(info.name);
  };
  store_->list("", sink, k_no_deadline);
  EXPECT_EQ(names.size(), 5U);
  for (const ObjectName& name : names) store_->remove(name, k_no_deadline);
  EXPECT_TRUE(list("").empty());
}

TEST_P(StoreSuite, SaysHowMuchSpaceThereIs) {
  store_->put(shard_name(1), random_bytes(1'000'000), k_no_deadline);
  const store::Space space = store_->space(k_no_deadline);
  EXPECT_EQ(space.used_bytes.has_value(), GetParam().tells_used_bytes);
  EXPECT_GE(space.used_bytes.value_or(UINT64_MAX), 1'000'000U);
  EXPECT_NE(space.free_bytes, UINT64_MAX);  // unknown is nullopt
}

TEST_P(StoreSuite, ManyThreadsAtOnce) {
  in_parallel(*store_, 200, [&](std::size_t i) {
    const Bytes bytes = random_bytes(10'000 + i, i);
    store_->put(shard_name(i), bytes, k_no_deadline);
    if (store_->get(shard_name(i), k_all, k_no_deadline) != bytes)
      throw Error(ErrorKind::corrupt, "test", "other bytes");
    if (i % 2 == 0) store_->remove(shard_name(i), k_no_deadline);
  });
  EXPECT_EQ(list("").size(), 100U);
}

TEST_P(StoreSuite, ReadersSeeTheOldOrTheNewObject) {
  if (!GetParam().replaces_at_once)
    GTEST_SKIP() << "this server replaces a file in several steps, which readers can see";
  const Bytes a = random_bytes(100'000, 1);
  const Bytes b = random_bytes(100'000, 2);
  store_->put(shard_name(1), a, k_no_deadline);
  const auto keep_putting = [&](const Bytes& bytes, std::exception_ptr& failure) {
    return std::jthread([&](const std::stop_token& enough) {
      try {
        while (!enough.stop_requested()) store_->put(shard_name(1), bytes, k_no_deadline);
      } catch (...) {
        failure = std::current_exception();
      }
    });
  };
  std::exception_ptr failure_of_a;
  std::exception_ptr failure_of_b;
  {
    const std::jthread one = keep_putting(a, failure_of_a);
    const std::jthread other = keep_putting(b, failure_of_b);
    in_parallel(*store_, 60, [&](std::size_t) {
      const auto seen = store_->get(shard_name(1), k_all, k_no_deadline);
      if (seen != a && seen != b) throw Error(ErrorKind::corrupt, "test", "a mixture, or nothing");
    });
  }
  for (const std::exception_ptr& failure : {failure_of_a, failure_of_b}) {
    if (failure) std::rethrow_exception(failure);
  }
}

TEST_P(StoreSuite, ThreadsThatPutTheSameObjectAgree) {
  const Bytes bytes = random_bytes(300'000);
  in_parallel(*store_, 16, [&](std::size_t) { store_->put(shard_name(1), bytes, k_no_deadline); });
  EXPECT_EQ(store_->get(shard_name(1), k_all, k_no_deadline), bytes);
  EXPECT_EQ(list("").size(), 1U);
}

TEST_P(StoreSuite, IsTheSameAfterItWasClosed) {
  const Bytes bytes = random_bytes(100'000);
  store_->put(shard_name(1), bytes, k_no_deadline);
  store_->put(shard_name(2), bytes, k_no_deadline);
  store_->remove(shard_name(2), k_no_deadline);
  restart();
  EXPECT_EQ(store_->get(shard_name(1), k_all, k_no_deadline), bytes);
  EXPECT_EQ(store_->get(shard_name(2), k_all, k_no_deadline), std::nullopt);
  EXPECT_EQ(paths_of(list("")), std::vector{shard_name(1).path()});
}

TEST_P(StoreSuite, AFolderThatDiffersOnlyInCaseIsAnotherStore) {
  const auto namesake = home_->open_namesake();
  if (!namesake) GTEST_SKIP() << "this store lies in no folder";
  store_->put(shard_name(1), random_bytes(10), k_no_deadline);
  store_->put(shard_name(2), random_bytes(20), k_no_deadline);
  EXPECT_FALSE(namesake->stat(shard_name(1), k_no_deadline));
  namesake->put(shard_name(1), random_bytes(30), k_no_deadline);
  namesake->put(shard_name(3), random_bytes(40), k_no_deadline);
  namesake->remove(shard_name(2), k_no_deadline);
  restart();
  EXPECT_EQ(store_->get(shard_name(1), k_all, k_no_deadline), random_bytes(10));
  EXPECT_EQ(store_->get(shard_name(3), k_all, k_no_deadline), std::nullopt);
  EXPECT_EQ(list("").size(), 2U);
  EXPECT_EQ(namesake->get(shard_name(1), k_all, k_no_deadline), random_bytes(30));
}

TEST_P(StoreSuite, TwoHandlesSeeTheSameObjects) {
  const auto other = home_->open();
  const Bytes bytes = random_bytes(1000);
  other->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_EQ(store_->get(shard_name(1), k_all, k_no_deadline), bytes);
  store_->remove(shard_name(1), k_no_deadline);
  EXPECT_FALSE(other->stat(shard_name(1), k_no_deadline));
}

}  // namespace modelfloat::test
