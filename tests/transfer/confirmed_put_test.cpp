#include "modelfloat/transfer/ask/confirmed_put.h"

#include "support/faulty_store.h"
#include "support/skipping_clock.h"
#include <gtest/gtest.h>

#include "modelfloat/base/error.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/store/memory/memory_store.h"

namespace modelfloat::transfer {
namespace {

// Shows a checksum of its choice.
class Showing final : public store::Store {
 public:
  explicit Showing(std::string checksum) : checksum_(std::move(checksum)) {}
  store::StoreTraits traits() const override { return {}; }
  void put(const ObjectName&, ByteSpan bytes, const CallOptions&) override { size_ = bytes.size(); }
  std::optional<Bytes> get(const ObjectName&, ByteRange, const CallOptions&) override { return std::nullopt; }
  std::optional<store::ObjectInfo> stat(const ObjectName& name, const CallOptions&) override {
    return store::ObjectInfo{name, size_, checksum_};
  }
  void remove(const ObjectName&, const CallOptions&) override {}
  void list(std::string_view, const store::ObjectSink&, const CallOptions&) override {}
  store::Space space(const CallOptions&) override { return {}; }

 private:
  const std::string checksum_;
  std::uint64_t size_ = 0;
};

const Bytes k_object = to_bytes("hello");
const ObjectName k_name = ObjectName::of(ObjectType::shard, crypto::blake3(k_object));

void put(store::Store& store) { put_confirmed(store, "s0", k_name, k_object, {}); }

TEST(ConfirmedPut, WhatIsShownIsStored) {
  const auto memory = store::make_memory_store();
  EXPECT_NO_THROW(put(*memory));
  EXPECT_TRUE(memory->stat(k_name, {}));
}

TEST(ConfirmedPut, APutThatWasLostIsMadeAgainAndThenRefused) {
  const auto memory = store::make_memory_store();
  test::FaultyStore faulty(*memory);
  faulty.lose_puts(1);
  EXPECT_NO_THROW(put(faulty));
  memory->remove(k_name, {});
  faulty.lose_puts(2);
  EXPECT_THROW(put(faulty), Error);
}

TEST(ConfirmedPut, AnotherSizeIsNotStored) {
  const auto memory = store::make_memory_store();
  test::FaultyStore faulty(*memory);
  faulty.lie_about_length(1);
  EXPECT_THROW(put(faulty), Error);
}

TEST(ConfirmedPut, AnotherChecksumIsNotStored) {
  Showing md5("md5:5d41402abc4b2a76b9719d911017c592");
  EXPECT_NO_THROW(put(md5));
  Showing sha256("sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  EXPECT_NO_THROW(put(sha256));
  Showing unknown("whirl:00");
  EXPECT_NO_THROW(put(unknown));
  Showing wrong("md5:5d41402abc4b2a76b9719d911017c593");
  EXPECT_THROW(put(wrong), Error);
  Showing shorter("sha256:2cf2");
  EXPECT_THROW(put(shorter), Error);
}

// Shows the object in a listing from the third one on, and counts them.
class ListingLate final : public store::Store {
 public:
  explicit ListingLate(store::Store& inner, int from) : inner_(inner), from_(from) {}
  store::StoreTraits traits() const override { return {.delayed_listing = true}; }
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& call) override { inner_.put(name, bytes, call); }
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& call) override {
    return inner_.get(name, range, call);
  }
  std::optional<store::ObjectInfo> stat(const ObjectName& name, const CallOptions& call) override {
    return inner_.stat(name, call);
  }
  void remove(const ObjectName& name, const CallOptions& call) override { inner_.remove(name, call); }
  void list(std::string_view prefix, const store::ObjectSink& sink, const CallOptions& call) override {
    if (++lists_ >= from_) inner_.list(prefix, sink, call);
  }
  store::Space space(const CallOptions&) override { return {}; }
  int lists() const { return lists_; }

 private:
  store::Store& inner_;
  const int from_;
  int lists_ = 0;
};

TEST(ConfirmedPut, AStoreThatListsLateIsAskedAgain) {
  const auto memory = store::make_memory_store();
  test::SkippingClock clock;
  put(*memory);
  ListingLate late(*memory, 3);
  EXPECT_TRUE(wait_until_listed(late, k_name, {}, clock, {}));
  EXPECT_EQ(late.lists(), 3);
}

TEST(ConfirmedPut, WhatIsNotListedWithinAMinuteIsNotWaitedFor) {
  const auto memory = store::make_memory_store();
  test::SkippingClock clock;
  put(*memory);
  ListingLate late(*memory, 1000);
  const SteadyTime begin = clock.steady_now();
  EXPECT_FALSE(wait_until_listed(late, k_name, {}, clock, {}));
  EXPECT_LE(clock.steady_now() - begin, Milliseconds{60'000});
  EXPECT_LT(late.lists(), 10);
}

}  // namespace
}  // namespace modelfloat::transfer
