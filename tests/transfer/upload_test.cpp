#include "modelfloat/transfer/packs/upload.h"

#include <atomic>
#include <condition_variable>
#include <thread>

#include "support/fixed_random.h"
#include "support/temporary_folder.h"
#include "support/thrown.h"
#include "transfer/store_world.h"
#include <gtest/gtest.h>

#include "modelfloat/registry/sqlite/sqlite_registry.h"

namespace modelfloat::transfer {
namespace {

using test::StoreWorld;

constexpr std::uint64_t k_pack_bytes = std::uint64_t{8} << 20;  // of a small model at 2+1
constexpr std::uint64_t k_fragment_bytes = k_pack_bytes / 32;
// More than a pack may come to while the one before waits to be sealed, and what is looked ahead.
constexpr std::uint64_t k_too_much_beside = k_pack_bytes * 3 / 4;
constexpr std::uint64_t k_fragments = 3 * k_pack_bytes / k_fragment_bytes;

mf1::EncodedFragment fragment_of(std::uint64_t number) {
  mf1::EncodedFragment fragment;
  fragment.bytes = test::random_bytes(k_fragment_bytes, number);
  fragment.plain_bytes = static_cast<std::uint32_t>(fragment.bytes.size());
  store_le(MutableByteSpan(fragment.id), number + 1);
  return fragment;
}

// How many bytes an upload has taken, for one who waits for more than there should be.
class Taken {
 public:
  void add(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    sum_ += bytes;
    changed_.notify_all();
  }
  // False when they have not come after a time in which they would have.
  bool wait_for(std::uint64_t bytes) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::milliseconds(400), [&] { return sum_ >= bytes; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t sum_ = 0;
};

// Runs each task on a thread of its own, late.
class LateExecutor final : public Executor {
 public:
  explicit LateExecutor(std::function<void()> before_each) : before_each_(std::move(before_each)) {}
  void submit(Job task) override {
    threads_.emplace_back([this, task = std::move(task)]() mutable {
      before_each_();
      task();
    });
  }
  std::size_t width() const noexcept override { return 1; }
  bool is_concurrent() const noexcept override { return true; }

 private:
  std::function<void()> before_each_;
  std::vector<std::jthread> threads_;
};

class UploadTest : public testing::Test {
 protected:
  UploadTest() {
    for (const auto& row : world_.rows()) registry_->put_store(row);
    stores_.wait_for_checks({});
  }
  Upload upload(Executor& cpu, Random& random) {
    return {{stores_, *registry_, keys_, random, cpu, {}},
            {{2, 1}, 1, crypto::Suite::aes_256_gcm, k_fragments * k_fragment_bytes},
            ask_targets(stores_, {})};
  }

  const test::TemporaryFolder folder_;
  const std::unique_ptr<registry::Registry> registry_ = registry::open_sqlite_registry(folder_ / "registry.db");
  StoreWorld world_{3};
  ThreadPool io_{8};
  StoreSet stores_{world_.rows(), world_.context(io_)};
  test::FixedRandom random_{7};
  const mf1::Keyring keys_{PoolId{std::byte{9}}, 1, crypto::SecretKey::random(random_)};
};

// Else two packs of fragments and one of shards are in memory when the processors are busy
// elsewhere.
TEST_F(UploadTest, APackStopsToGrowWhileTheOneBeforeWaitsToBeSealed) {
  Taken taken;
  std::atomic<unsigned> packs_begun = 0;
  std::atomic<unsigned> grew = 0;
  LateExecutor cpu([&] {
    const std::uint64_t full = ++packs_begun * k_pack_bytes;
    if (taken.wait_for(full + k_too_much_beside)) ++grew;
  });
  Upload to_stores = upload(cpu, random_);
  for (std::uint64_t i = 0; i < k_fragments; ++i) {
    to_stores.add(fragment_of(i));
    taken.add(k_fragment_bytes);
  }
  to_stores.finish();
  EXPECT_EQ(to_stores.packs(), packs_begun);
  EXPECT_GE(packs_begun, 3U);
  EXPECT_EQ(grew, 0U);
}

class NoRandom final : public Random {
 public:
  void fill(MutableByteSpan) override { throw Error(ErrorKind::internal, "random", "there is none"); }
};

TEST_F(UploadTest, WhoWaitsForAPackThatCannotBeSealedIsTold) {
  Taken taken;
  std::atomic<bool> waits = false;
  LateExecutor cpu([&] { waits = !taken.wait_for(k_pack_bytes + k_too_much_beside); });
  NoRandom random;
  Upload to_stores = upload(cpu, random);
  const auto error = test::thrown_by([&] {
    for (std::uint64_t i = 0; i < k_fragments; ++i) {
      taken.add(k_fragment_bytes);
      to_stores.add(fragment_of(i));
    }
    to_stores.finish();
  });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::internal);
  EXPECT_TRUE(waits);
}

}  // namespace
}  // namespace modelfloat::transfer
