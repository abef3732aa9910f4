// A push whose bytes come slowly, as an upload over HTTP may: what is full goes out meanwhile.

#include <functional>
#include <thread>

#include "engine/test_pool.h"
#include <gtest/gtest.h>

namespace modelfloat {
namespace {

using test::Call;
using test::Files;
using test::Machine;
using test::World;

constexpr std::size_t k_mib = std::size_t{1} << 20;

// Bytes in memory that stop to come at `at`, until `wait` returns.
class PausingSource final : public ByteSource {
 public:
  PausingSource(ByteSpan bytes, std::uint64_t at, std::function<void()> wait)
      : inner_(bytes), at_(at), wait_(std::move(wait)) {}
  std::size_t read(MutableByteSpan to) override {
    if (read_ == at_) wait_();
    const std::uint64_t upto = read_ < at_ ? at_ - read_ : to.size();
    const std::size_t count = inner_.read(to.first(std::min<std::uint64_t>(upto, to.size())));
    read_ += count;
    return count;
  }
  std::optional<std::uint64_t> size_bytes() const override { return inner_.size_bytes(); }

 private:
  MemorySource inner_;
  std::uint64_t at_;
  std::uint64_t read_ = 0;
  std::function<void()> wait_;
};

class SlowSource : public testing::Test {
 protected:
  SlowSource() { machine_.create({2, 1, 1}); }

  std::uint64_t shards_in_the_journal() {
    std::uint64_t sum = 0;
    for (const auto& store : machine_.pool().registry().stores())
      sum += machine_.pool().registry().shard_count(store.id);
    return sum;
  }
  // Polled, as nothing tells from outside.
  bool wait_for_shards(std::uint64_t shards) {
    const SteadyTime give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (shards_in_the_journal() < shards) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }
  engine::PushSession begin_push() {
    engine::PushOptions options;
    options.model = "ns/slow";
    options.split = fragment::SplitChoice::fixed;
    return {machine_.pool(), options, {}};
  }
  void stall_puts() {
    for (std::size_t i = 0; i < world_.size(); ++i) world_.faults(i).stall(Call::put);
  }
  void go_on() {
    for (std::size_t i = 0; i < world_.size(); ++i) world_.faults(i).go_on();
  }

  World world_{5};
  Machine machine_{world_};
  // A pack has 8 MiB here; when 28 have been read, no more than 20 are still on their way to it.
  static constexpr std::uint64_t k_pause = 28 * k_mib;
  const Bytes bytes_ = test::random_bytes(30 * k_mib, 71);
};

TEST_F(SlowSource, AFullPackIsDurableBeforeTheNextByteComes) {
  bool was_durable = false;
  PausingSource source(bytes_, k_pause, [&] {
    go_on();  // none was confirmed before
    was_durable = wait_for_shards(3);
  });
  auto session = begin_push();
  stall_puts();
  session.add_file("m.bin", source);
  session.commit();
  EXPECT_TRUE(was_durable);
  EXPECT_EQ(machine_.pull("ns/slow"), (Files{{"m.bin", bytes_}}));
}

// Stores that fail meanwhile are replaced meanwhile.
TEST_F(SlowSource, AnotherStoreTakesAShardBeforeTheNextByteComes) {
  bool was_durable = false;
  PausingSource source(bytes_, k_pause, [&] {
    go_on();
    was_durable = wait_for_shards(3);
  });
  auto session = begin_push();
  stall_puts();
  for (const std::size_t full : {0U, 1U}) world_.faults(full).limit_space(0);
  session.add_file("m.bin", source);
  EXPECT_TRUE(was_durable);
}

// What goes wrong while nobody asks is told to who asks next.
TEST_F(SlowSource, AFailureMeanwhileIsThrownByTheNextCall) {
  PausingSource source(bytes_, k_pause, [&] {
    for (std::size_t i = 0; i < world_.size(); ++i) world_.faults(i).limit_space(0);
    go_on();
  });
  auto session = begin_push();
  stall_puts();
  try {
    session.add_file("m.bin", source);
    session.commit();
    FAIL() << "there was no room";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind, ErrorKind::out_of_space);
  }
}

}  // namespace
}  // namespace modelfloat
