#include "modelfloat/transfer/upload.h"

#include <atomic>
#include <condition_variable>
#include <thread>

#include "support/fixed_random.h"
#include "support/temporary_folder.h"
#include "transfer/store_world.h"
#include <gtest/gtest.h>

#include "modelfloat/registry/sqlite_registry.h"

namespace modelfloat::transfer {
namespace {

using test::StoreWorld;

constexpr std::uint64_t k_mib = std::uint64_t{1} << 20;
constexpr std::uint64_t k_pack_bytes = 8 * k_mib;  // of a small model at 2+1

mf1::EncodedFragment fragment_of(std::uint64_t number) {
  mf1::EncodedFragment fragment;
  fragment.bytes = test::random_bytes(256 * 1024, number);
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
  void submit(std::function<void()> task) override {
    threads_.emplace_back([this, task = std::move(task)] {
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

// Else two packs of fragments and one of shards are in memory when the processors are busy elsewhere.
TEST(Upload, APackStopsToGrowWhileTheOneBeforeWaitsToBeSealed) {
  const test::TemporaryFolder folder;
  const auto registry = registry::open_sqlite_registry(folder / "registry.db");
  StoreWorld world(3);
  for (const auto& row : world.rows()) registry->put_store(row);
  ThreadPool io(8);
  StoreSet stores(world.rows(), world.context(io));
  stores.settle({});
  test::FixedRandom random(7);
  const mf1::Keyring keys(PoolId{std::byte{9}}, 1, crypto::SecretKey::random(random));

  Taken taken;
  std::atomic<unsigned> packs_begun = 0;
  std::atomic<unsigned> grew = 0;
  LateExecutor cpu([&] {
    const std::uint64_t full = ++packs_begun * k_pack_bytes;
    if (taken.wait_for(full + k_pack_bytes / 2 + 2 * k_mib)) ++grew;  // 2 MiB are looked ahead
  });
  Upload upload({stores, *registry, keys, random, cpu, {}}, {{2, 1}, 1, crypto::Suite::aes_256_gcm, 3 * k_pack_bytes},
                ask_targets(stores, {}));
  for (std::uint64_t i = 0; i < 3 * k_pack_bytes / (256 * 1024); ++i) {
    auto fragment = fragment_of(i);
    const std::uint64_t bytes = fragment.bytes.size();
    upload.add(std::move(fragment));
    taken.add(bytes);
  }
  upload.finish();
  EXPECT_EQ(upload.packs(), packs_begun);
  EXPECT_GE(packs_begun, 3U);
  EXPECT_EQ(grew, 0U);
}

}  // namespace
}  // namespace modelfloat::transfer
