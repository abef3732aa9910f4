// Which shards go to which stores so that all are equally full.
#include "modelfloat/engine/upkeep/balance.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "modelfloat/placement/policy.h"

namespace modelfloat::engine {
namespace {

constexpr std::uint64_t k_object = 1000;

// Stores d0 .. dn-1, each its own domain, with room for `rooms` objects.
std::vector<BalancedStore> stores_with(const std::vector<std::uint64_t>& rooms) {
  std::vector<BalancedStore> stores;
  for (std::size_t i = 0; i < rooms.size(); ++i)
    stores.push_back({"d" + std::to_string(i), rooms[i] * k_object, rooms[i] * k_object, false});
  return stores;
}

BalancedPack pack_on(std::vector<std::size_t> stores, unsigned m = 2, unsigned survive = 2) {
  const std::size_t shards = stores.size();
  return {m, survive, false, k_object, std::move(stores), std::vector<std::vector<std::size_t>>(shards)};
}

std::vector<std::uint64_t> counts(const std::vector<BalancedPack>& packs, std::size_t stores) {
  std::vector<std::uint64_t> counts(stores);
  for (const BalancedPack& pack : packs) {
    for (const std::size_t store : pack.stores) ++counts[store];
  }
  return counts;
}

void expect_promises_kept(const std::vector<BalancedStore>& stores, const std::vector<BalancedPack>& packs) {
  for (const BalancedPack& pack : packs) {
    std::vector<std::string> domains;
    for (const std::size_t store : pack.stores) domains.push_back(stores[store].domain);
    EXPECT_TRUE(placement::survives(domains, pack.m, pack.survive));
  }
}

TEST(Balance, ANewStoreGetsItsShare) {
  const auto stores = stores_with({1000, 1000, 1000, 1000, 1000, 1000, 1000});
  std::vector<BalancedPack> packs(70, pack_on({0, 1, 2, 3, 4, 5}));
  const auto moves = balance(stores, packs);
  EXPECT_NEAR(static_cast<double>(moves.size()), 60, 2);
  for (const ShardMove& move : moves) EXPECT_EQ(move.to, 6U);
  for (const std::uint64_t count : counts(packs, 7)) EXPECT_NEAR(static_cast<double>(count), 60, 2);
  expect_promises_kept(stores, packs);
  EXPECT_TRUE(balance(stores, packs).empty()) << "a second time";
}

TEST(Balance, ALargeStoreGetsMore) {
  auto stores = stores_with({100, 100, 100, 100, 100, 100, 200, 200});
  std::vector<BalancedPack> packs(50, pack_on({0, 1, 2, 3, 4, 5}));
  balance(stores, packs);
  const auto after = counts(packs, 8);
  EXPECT_NEAR(static_cast<double>(after[6]), 50, 2) << "one of each pack is what it can have";
  EXPECT_LE(after[0], 35U);
  expect_promises_kept(stores, packs);
}

TEST(Balance, TheOldCopiesAreCountedWhereTheyServeBest) {
  const auto stores = stores_with({1000, 1000, 1000, 1000, 1000, 1000, 1000});
  std::vector<BalancedPack> packs(70, pack_on({0, 1, 2, 3, 4, 5}));
  auto before = packs;
  for (const ShardMove& move : balance(stores, packs)) before[move.pack].also_on[move.shard].push_back(move.to);
  // As the next run sees it: both copies are there.
  EXPECT_TRUE(balance(stores, before).empty());
}

TEST(Balance, NothingGoesWhereThePromiseWouldBreak) {
  auto stores = stores_with({100, 100, 100, 100, 100, 100, 1000});
  stores[6].domain = "d0";  // another store of the same company
  std::vector<BalancedPack> packs(30, pack_on({0, 1, 2, 3, 4, 5}));
  for (const ShardMove& move : balance(stores, packs)) EXPECT_EQ(move.from, 0U);
  expect_promises_kept(stores, packs);
}

TEST(Balance, AStoreWithoutRoomGetsNothing) {
  auto stores = stores_with({100, 100, 100, 100, 100, 100, 100});
  stores[6].free_bytes = 5 * k_object;
  std::vector<BalancedPack> packs(30, pack_on({0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(balance(stores, packs).size(), 5U);
}

TEST(Balance, CopiesStayOnStoresOfTheirOwn) {
  const auto stores = stores_with({100, 100, 100});
  std::vector<BalancedPack> packs(30, pack_on({0, 1}, 1, 1));
  for (BalancedPack& pack : packs) pack.are_copies = true;
  balance(stores, packs);
  for (const BalancedPack& pack : packs) EXPECT_NE(pack.stores[0], pack.stores[1]);
  for (const std::uint64_t count : counts(packs, 3)) EXPECT_EQ(count, 20U);
}

TEST(Balance, StoresThatAreCostlyToReadGiveLast) {
  auto stores = stores_with({100, 100, 100});
  stores[0].is_read_last = true;
  std::vector<BalancedPack> packs(20, pack_on({0, 1}, 1, 1));
  const auto moves = balance(stores, packs);
  ASSERT_GT(moves.size(), 5U);
  EXPECT_TRUE(std::is_sorted(moves.begin(), moves.end(),
                             [](const ShardMove& a, const ShardMove& b) { return a.from != b.from && a.from == 1; }));
}

}  // namespace
}  // namespace modelfloat::engine
