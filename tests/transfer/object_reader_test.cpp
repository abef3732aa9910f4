#include "modelfloat/transfer/ask/object_reader.h"

#include "transfer/store_world.h"
#include <gtest/gtest.h>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/transfer/ask/listing.h"

namespace modelfloat::transfer {
namespace {

using test::Call;
using test::StoreWorld;

class ObjectReader : public testing::Test {
 protected:
  ObjectReader() {
    world_.timeouts.straggler = Milliseconds{100};
    for (std::size_t i = 0; i < 4; ++i) world_.inner(i).put(name_, object_, {});
  }
  StoreSet& open(Executor& io) {
    set_.emplace(world_.rows(), world_.context(io));
    set_->wait_until_decided({});
    return *set_;
  }
  std::optional<Bytes> read(const CallOptions& call = {}) {
    return read_object(*set_, name_, true, [this](const Finding& finding) { findings_.push_back(finding); }, call);
  }

  StoreWorld world_{4};
  ThreadPool many_{8};
  InlineExecutor one_;
  std::optional<StoreSet> set_;
  const Bytes object_ = to_bytes("a document");
  const ObjectName name_ = ObjectName::of(ObjectType::content, crypto::blake3(object_));
  std::vector<Finding> findings_;
};

TEST_F(ObjectReader, AsksOneStoreWhenItAnswers) {
  open(one_);
  EXPECT_EQ(read(), object_);
  std::uint64_t calls = 0;
  for (std::size_t i = 0; i < 4; ++i) calls += world_.faults(i).calls(Call::get);
  EXPECT_EQ(calls, 4U + 1U);  // the markers, and one copy
  EXPECT_TRUE(findings_.empty());
}

TEST_F(ObjectReader, ReadsAroundWhatIsWrongOrMissingAndNamesIt) {
  open(one_);
  world_.faults(0).flip_bits_everywhere(true);
  world_.inner(1).remove(name_, {});
  world_.faults(2).fail_next(Call::get, ErrorKind::transient);
  EXPECT_EQ(read(), object_);
  ASSERT_EQ(findings_.size(), 3U);
  EXPECT_EQ(findings_[0], (Finding{"s0", name_.path(), ObjectType::content, Damage::corrupt}));
  EXPECT_EQ(findings_[1], (Finding{"s1", name_.path(), ObjectType::content, Damage::missing}));
  EXPECT_EQ(findings_[2], (Finding{"s2", name_.path(), ObjectType::content, Damage::offline}));
}

TEST_F(ObjectReader, NobodyHasIt) {
  open(one_);
  for (std::size_t i = 0; i < 4; ++i) world_.inner(i).remove(name_, {});
  EXPECT_EQ(read(), std::nullopt);
}

TEST_F(ObjectReader, StoresThatHangAreOvertaken) {
  open(many_);
  for (std::size_t i = 0; i < 3; ++i) world_.faults(i).stall(Call::get);
  EXPECT_EQ(read(), object_);
  for (std::size_t i = 0; i < 3; ++i) world_.faults(i).wait_for_none_stalled();
  EXPECT_TRUE(findings_.empty());
}

TEST_F(ObjectReader, OneThatHungIsTheLastToBeAskedForAWhile) {
  open(many_);
  world_.faults(0).stall(Call::get);
  EXPECT_EQ(read(), object_);
  const auto calls = world_.faults(0).calls(Call::get);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(read(), object_);
  EXPECT_EQ(world_.faults(0).calls(Call::get), calls);
}

TEST_F(ObjectReader, WaitsForAStoreThatIsStillOnItsWayWhenOthersDoNotHaveIt) {
  for (std::size_t i = 0; i < 3; ++i) world_.inner(i).remove(name_, {});
  world_.faults(3).stall(Call::get);
  set_.emplace(world_.rows(), world_.context(many_));
  set_->wait_for_domains(3, {});
  std::jthread opener([&] {
    world_.faults(3).wait_for_stalled(1);
    world_.faults(3).go_on();
  });
  EXPECT_EQ(read(), object_);
}

TEST_F(ObjectReader, ManyComeEachFromWhereItLies) {
  open(many_);
  std::vector<ListedObject> objects;
  std::vector<Bytes> contents;
  for (std::size_t i = 0; i < 30; ++i) {
    contents.push_back(to_bytes("document " + std::to_string(i)));
    const auto name = ObjectName::of(ObjectType::structure, crypto::blake3(contents[i]));
    const std::size_t place = i % 4;
    if (i != 17) world_.inner(place).put(name, contents[i], {});
    objects.push_back({name, {set_->all()[place]}});
  }
  std::map<std::size_t, Bytes> came;
  read_objects(*set_, objects, {}, {}, [&](std::size_t index, Bytes bytes) { came[index] = std::move(bytes); });
  EXPECT_EQ(came.size(), 29U);
  for (const auto& [index, bytes] : came) EXPECT_EQ(bytes, contents[index]);
}

TEST_F(ObjectReader, AReaderOfListingsLeavesOutWhoHangs) {
  open(many_);
  world_.faults(1).stall(Call::list);
  const auto three = [](const std::vector<StoreListing>& listings) {
    return std::count_if(listings.begin(), listings.end(), [](const StoreListing& one) { return one.complete; }) >= 3;
  };
  for (const WaitFor wait_for : {WaitFor::quorum, WaitFor::all}) {
    const auto listings = list_stores(*set_, {"mf1/content/"}, wait_for, three, {});
    ASSERT_EQ(listings.size(), 4U);
    for (const StoreListing& listing : listings) {
      EXPECT_EQ(listing.complete, listing.store->name != "s1");
      EXPECT_EQ(listing.objects.size(), listing.complete ? 1U : 0U);
    }
    world_.faults(1).wait_for_none_stalled();
  }
}

}  // namespace
}  // namespace modelfloat::transfer
