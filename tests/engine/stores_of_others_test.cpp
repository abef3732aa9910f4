// What other machines say of the stores of the pool: new ones, other names, other settings.
#include <map>
#include <set>
#include <string>

#include "engine/test_pool.h"
#include "support/forwarding_store.h"
#include <gtest/gtest.h>

#include "modelfloat/base/hex.h"
#include "modelfloat/engine/upkeep/remove_stores.h"

namespace modelfloat {
namespace {

using test::Files;
using test::kind_thrown;
using test::Machine;
using test::Threads;
using test::thrown_by;
using test::World;

using Names = std::map<StoreId, std::string>;

StoreId id(unsigned char first) {
  StoreId id{};
  id[0] = std::byte{first};
  return id;
}

// Calls a function before its marker is read.
class WithAGuest final : public test::ForwardingStore {
 public:
  WithAGuest(std::unique_ptr<store::Store> inner, std::function<void()> guest)
      : ForwardingStore(std::move(inner)), guest_(std::move(guest)) {}
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& call) override {
    if (name == ObjectName::marker()) guest_();
    return ForwardingStore::get(name, range, call);
  }

 private:
  const std::function<void()> guest_;
};

class StoresOfOtherMachines : public testing::Test {
 protected:
  StoresOfOtherMachines() {
    one_.create({1, 1, 1});
    for (const char* name : {"s3", "s4"}) engine::remove_stores(one_.pool(), {name}, {.force = true}, {});
    other_.recover(one_.recovery_secret(), {0, 1, 2});
  }
  static void add(Machine& machine, const std::string& name, std::size_t index, store::Store& store) {
    engine::add_store(machine.pool(), name, World::url(index), "domain" + std::to_string(index), 0, store, {});
  }
  void add(Machine& machine, const std::string& name, std::size_t index) {
    add(machine, name, index, *world_.open(World::url(index)));
  }
  // As another machine would say it; only the log of `machine` has it.
  static void say(Machine& machine, const StoreAdded& added) { machine.pool().log().append({added}, {}); }
  static void say(Machine& machine, unsigned char first, const std::string& name) {
    say(machine, {id(first), name, World::url(3), "elsewhere", 0});
  }
  static StoreAdded logged(Machine& machine, const std::string& shown) {
    const StoreId id = machine.pool().stores().find(shown)->id;
    return machine.pool().log().state().stores.at(id);
  }
  static void hear(Machine& machine) { engine::catch_up(machine.pool(), test::k_all_news, {}); }
  static std::set<std::string> urls(Machine& machine) {
    std::set<std::string> found;
    for (const auto* store : machine.pool().stores().all()) found.insert(store->url);
    return found;
  }
  static Names names(Machine& machine) {
    Names found;
    for (const auto* store : machine.pool().stores().all()) found.emplace(store->id, store->name);
    return found;
  }
  static registry::StoreRow row(Machine& machine, const std::string& name) {
    for (const auto& row : machine.pool().registry().stores()) {
      if (row.name == name) return row;
    }
    throw Error(ErrorKind::not_found, name, "no such store");
  }

  World world_{5};
  Machine one_{world_, Threads::one, 1};
  Machine other_{world_, Threads::one, 2};
};

TEST_F(StoresOfOtherMachines, OfANameThatIsTakenAreRefused) {
  add(one_, "new", 3);
  const auto refused = thrown_by([&] { add(other_, "new", 4); });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, ErrorKind::invalid);
  EXPECT_NE(std::string(refused->what()).find("there is a store of this name already"), std::string::npos);
  ASSERT_NE(other_.pool().stores().find("new"), nullptr);
  EXPECT_EQ(other_.pool().stores().find("new")->url, World::url(3));
  add(other_, "newer", 4);
  hear(one_);
  EXPECT_EQ(urls(one_), urls(other_));
}

TEST_F(StoresOfOtherMachines, AddedAtOnceUnderOneNameAreBothInThePool) {
  WithAGuest store(world_.open(World::url(4)), [&] {
    if (one_.pool().stores().find("new") == nullptr) add(one_, "new", 3);
  });
  add(other_, "new", 4, store);  // while one_ adds another of this name
  for (Machine* machine : {&one_, &other_, &one_}) hear(*machine);
  EXPECT_EQ(urls(one_).size(), 5U);
  EXPECT_EQ(urls(other_), urls(one_));
  EXPECT_EQ(names(other_), names(one_));
  const auto* first = one_.pool().stores().find("new");
  const auto* second = one_.pool().stores().find("new-2");
  ASSERT_TRUE(first != nullptr && second != nullptr);
  EXPECT_LT(first->id, second->id);
  EXPECT_TRUE(first->is_online() && second->is_online());
}

TEST_F(StoresOfOtherMachines, OfOneNameAreShownTheSameEverywhere) {
  say(one_, 0x80, "usb");
  hear(one_);
  EXPECT_EQ(names(one_)[id(0x80)], "usb");
  say(other_, 0x10, "usb");
  say(other_, 0x20, "usb");
  say(other_, 0x30, "usb-2");
  for (Machine* machine : {&one_, &other_}) {
    hear(*machine);
    EXPECT_EQ(names(*machine)[id(0x10)], "usb");
    EXPECT_EQ(names(*machine)[id(0x20)], "usb-3");
    EXPECT_EQ(names(*machine)[id(0x30)], "usb-2");
    EXPECT_EQ(names(*machine)[id(0x80)], "usb-4");
  }
  Machine third(world_, Threads::one, 3);
  third.recover(one_.recovery_secret(), {0, 1, 2});
  EXPECT_EQ(names(third), names(one_));
}

TEST_F(StoresOfOtherMachines, ANameThatIsFreeAgainIsGivenBack) {
  say(one_, 0x10, "usb");
  say(one_, 0x20, "usb");
  hear(other_);
  EXPECT_EQ(names(other_)[id(0x20)], "usb-2");
  one_.pool().log().append({StoreRemoved{id(0x10)}}, {});
  hear(other_);
  EXPECT_EQ(names(other_).count(id(0x10)), 0U);
  EXPECT_EQ(names(other_)[id(0x20)], "usb");
}

TEST_F(StoresOfOtherMachines, MayChangeTheirNames) {
  StoreAdded first = logged(one_, "s0");
  StoreAdded second = logged(one_, "s1");
  std::swap(first.name, second.name);
  one_.pool().log().append({first, second}, {});
  hear(other_);
  EXPECT_EQ(other_.pool().stores().find("s1")->id, first.store);
  EXPECT_EQ(other_.pool().stores().find("s0")->id, second.store);
  first.name = "attic";
  say(one_, first);
  hear(other_);
  EXPECT_EQ(other_.pool().stores().find("attic")->id, first.store);
  EXPECT_EQ(other_.pool().stores().find("s1"), nullptr);
}

TEST_F(StoresOfOtherMachines, ThatReplaceARemovedOneOfTheSameNameAreSeenAtOnce) {
  engine::remove_stores(other_.pool(), {"s2"}, {.force = true}, {});
  add(other_, "s2", 3);
  hear(one_);
  ASSERT_NE(one_.pool().stores().find("s2"), nullptr);
  EXPECT_EQ(one_.pool().stores().find("s2")->url, World::url(3));
}

TEST_F(StoresOfOtherMachines, GetTheDomainAndTheCapacityThatAnotherMachineSets) {
  auto changed = row(other_, "s1");
  changed.domain = "one house";
  changed.capacity_bytes = 5000;
  engine::change_store(other_.pool(), changed, {});
  hear(one_);
  const auto* store = one_.pool().stores().find("s1");
  EXPECT_EQ(store->domain, "one house");
  EXPECT_EQ(store->capacity_bytes, 5000U);
}

TEST_F(StoresOfOtherMachines, AChangeLeavesWhatOthersChangedMeanwhile) {
  StoreAdded drained = logged(one_, "s1");
  drained.use = StoreUse::draining;
  drained.domain = "one house";
  say(one_, drained);
  auto changed = row(other_, "s1");  // as it was before
  changed.capacity_bytes = 5000;
  engine::change_store(other_.pool(), changed, {});
  for (Machine* machine : {&one_, &other_}) {
    hear(*machine);
    EXPECT_EQ(row(*machine, "s1").domain, "one house");
    EXPECT_EQ(row(*machine, "s1").capacity_bytes, 5000U);
    EXPECT_EQ(row(*machine, "s1").use, StoreUse::draining);
  }
}

TEST_F(StoresOfOtherMachines, AChangeLeavesTheNameThatIsShownUnderAnother) {
  say(one_, 0x10, "usb");
  say(one_, 0x20, "usb");
  hear(other_);
  auto changed = row(other_, "usb-2");
  changed.capacity_bytes = 5000;
  engine::change_store(other_.pool(), changed, {});
  EXPECT_EQ(logged(other_, "usb-2").name, "usb");
  EXPECT_EQ(logged(other_, "usb-2").capacity_bytes, 5000U);
}

TEST_F(StoresOfOtherMachines, OneThatWasTakenOutMeanwhileIsNotChanged) {
  auto changed = row(other_, "s2");
  changed.capacity_bytes = 5000;
  engine::remove_stores(one_.pool(), {"s2"}, {.force = true}, {});
  EXPECT_EQ(kind_thrown([&] { engine::change_store(other_.pool(), changed, {}); }), ErrorKind::not_found);
  EXPECT_EQ(urls(other_).size(), 2U);
}

}  // namespace
}  // namespace modelfloat
