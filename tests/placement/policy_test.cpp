#include "modelfloat/placement/policy.h"

#include <algorithm>
#include <bit>
#include <map>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "modelfloat/base/error.h"

namespace modelfloat::placement {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t k_mib = std::uint64_t{1} << 20;

std::vector<Candidate> one_per_domain(std::size_t count, std::uint64_t free_bytes = UINT64_MAX) {
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < count; ++i)
    candidates.push_back({i, std::string(1, static_cast<char>('a' + i)), free_bytes});
  return candidates;
}

template <typename Work>
Error error_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no Error was thrown";
  return Error(ErrorKind::internal, "", "");
}

// Tries every set of at most n domains.
bool survives_by_trying(const std::vector<std::string>& domain_of_each_shard, unsigned m, unsigned n) {
  std::set<std::string> names(domain_of_each_shard.begin(), domain_of_each_shard.end());
  const std::vector<std::string> domains(names.begin(), names.end());
  for (unsigned subset = 0; subset < (1U << domains.size()); ++subset) {
    if (static_cast<unsigned>(__builtin_popcount(subset)) > n) continue;
    unsigned lost = 0;
    for (const std::string& domain : domain_of_each_shard) {
      const auto index = std::find(domains.begin(), domains.end(), domain) - domains.begin();
      lost += (subset >> index) & 1;
    }
    if (lost > m) return false;
  }
  return true;
}

TEST(Survives, IsWhatTryingEveryLossSays) {
  EXPECT_TRUE(rc::check([] {
    const auto numbers = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 6));
    std::vector<std::string> domains;
    for (const int number : numbers) domains.push_back(std::to_string(number));
    const auto m = *rc::gen::inRange(0U, 9U);
    const auto n = *rc::gen::inRange(0U, 7U);
    RC_ASSERT(survives(domains, m, n) == survives_by_trying(domains, m, n));
  }));
}

// A pool small enough to try every assignment.
struct Case {
  std::vector<Candidate> candidates;
  Redundancy redundancy;
  unsigned survive;
  std::vector<Placed> staying = {};
};

constexpr std::uint64_t k_shard = 100;

Case small_case() {
  Case made;
  const auto count = *rc::gen::weightedElement<std::size_t>({{1, 0}, {1, 1}, {1, 2}, {3, 3}, {4, 4}, {5, 5}, {5, 6}});
  for (std::size_t i = 0; i < count; ++i) {
    const auto room = *rc::gen::weightedElement<int>({{1, 0}, {4, 1}, {3, 2}, {1, 3}, {3, 4}});
    made.candidates.push_back({10 + i, std::string(1, static_cast<char>('a' + *rc::gen::inRange(0, 5))),
                               room == 4 ? UINT64_MAX : static_cast<std::uint64_t>(room) * k_shard + 99});
  }
  made.redundancy.k = *rc::gen::weightedElement<unsigned>({{2, 1}, {3, 2}, {2, 3}, {1, 4}});
  made.redundancy.m = *rc::gen::weightedElement<unsigned>({{1, 0}, {3, 1}, {4, 2}, {2, 3}});
  made.survive = *rc::gen::inRange(0U, made.redundancy.m + 1);
  return made;
}

// Some of the shards lie already: on stores that may get more, or on others.
Case case_with_shards_that_stay() {
  Case made = small_case();
  const auto count = *rc::gen::inRange(0U, made.redundancy.shards() + 1);
  for (unsigned i = 0; i < count; ++i) {
    const bool is_candidate = !made.candidates.empty() && *rc::gen::arbitrary<bool>();
    if (is_candidate) {
      const Candidate& candidate = *rc::gen::elementOf(made.candidates);
      made.staying.push_back({candidate.store, candidate.domain});
    } else {
      made.staying.push_back({100 + i, std::string(1, static_cast<char>('a' + *rc::gen::inRange(0, 7)))});
    }
  }
  return made;
}

// By index into the candidates.
struct Verdict {
  bool valid;
  bool shares_a_store;  // a shard was added where there is another one
};
Verdict judge(const Case& pool, const std::vector<std::size_t>& chosen) {
  std::map<std::size_t, std::uint64_t> in_store;
  std::vector<std::string> domains;
  for (const std::size_t index : chosen) {
    ++in_store[index];
    domains.push_back(pool.candidates[index].domain);
  }
  for (const Placed& placed : pool.staying) domains.push_back(placed.domain);
  bool shares = false;
  for (const auto& [index, shards] : in_store) {
    const Candidate& candidate = pool.candidates[index];
    if (candidate.free_bytes / k_shard < shards) return {false, false};
    const bool has_one = std::any_of(pool.staying.begin(), pool.staying.end(),
                                     [&](const Placed& placed) { return placed.store == candidate.store; });
    shares = shares || shards > 1 || has_one;
  }
  if (pool.redundancy.k == 1 && shares) return {false, false};
  return {survives_by_trying(domains, pool.redundancy.m, pool.survive), shares};
}

// Every assignment: whether one is valid, and whether one is valid without two shards in one store.
struct Possible {
  bool at_all = false;
  bool without_sharing = false;
};
void try_all(const Case& pool, std::vector<std::size_t>& chosen, std::size_t from, Possible& possible) {
  if (possible.without_sharing) return;
  if (chosen.size() + pool.staying.size() == pool.redundancy.shards()) {
    const Verdict verdict = judge(pool, chosen);
    possible.at_all = possible.at_all || verdict.valid;
    possible.without_sharing = possible.without_sharing || (verdict.valid && !verdict.shares_a_store);
    return;
  }
  // The order of shards does not matter.
  for (std::size_t index = from; index < pool.candidates.size(); ++index) {
    chosen.push_back(index);
    try_all(pool, chosen, index, possible);
    chosen.pop_back();
  }
}

void check_against_all(const Case& pool) {
  Possible possible;
  std::vector<std::size_t> scratch;
  try_all(pool, scratch, 0, possible);
  RC_TAG(possible.without_sharing ? "one each" : possible.at_all ? "shared" : "refused");
  const double random = static_cast<double>(*rc::gen::inRange(0, 1000)) / 1000;
  try {
    const auto stores = place(pool.candidates, pool.redundancy, pool.survive, k_shard, random, pool.staying);
    RC_ASSERT(stores.size() + pool.staying.size() == pool.redundancy.shards());
    std::vector<std::size_t> chosen;
    for (const std::size_t store : stores) chosen.push_back(store - 10);
    const Verdict verdict = judge(pool, chosen);
    RC_ASSERT(verdict.valid);
    RC_ASSERT(!verdict.shares_a_store || !possible.without_sharing);
  } catch (const Error& error) {
    RC_ASSERT(error.kind == ErrorKind::out_of_space);
    RC_ASSERT(!possible.at_all);
  }
}

TEST(DomainsMayGo, AsManyAsTheWorstLossLeavesEnough) {
  const std::vector<std::string> six{"a", "b", "c", "d", "e", "f"};
  EXPECT_EQ(domains_may_go(six, 4), 2U);
  EXPECT_EQ(domains_may_go(six, 6), 0U);
  EXPECT_EQ(domains_may_go(six, 7), std::nullopt);
  const std::vector<std::string> two_in_one{"a", "a", "b", "c", "d", "e"};
  EXPECT_EQ(domains_may_go(two_in_one, 4), 1U);
  EXPECT_EQ(domains_may_go(std::vector<std::string>{"a", "b"}, 1), 1U);
  EXPECT_EQ(domains_may_go(std::vector<std::string>{}, 1), std::nullopt);
}

// By a definition of its own: every loss is tried.
TEST(DomainsMayGo, AllCopiesOfAShardCount) {
  using Shards = std::vector<std::set<std::string>>;
  EXPECT_EQ(domains_may_go(Shards{}, 1), std::nullopt);
  EXPECT_EQ(domains_may_go(Shards{{"a"}, {}}, 2), std::nullopt);
  EXPECT_EQ(domains_may_go(Shards{{"a"}, {"b"}, {"c"}}, 2), 1U);
  // Whatever goes, one copy of each is left.
  EXPECT_EQ(domains_may_go(Shards{{"a", "b"}, {"b", "c"}, {"a", "c"}}, 3), 1U);
  // a holds the only copy of the second, and one of the first.
  EXPECT_EQ(domains_may_go(Shards{{"a", "b"}, {"a"}, {"c"}}, 2), 1U);
  // Choosing one domain for each shard in turn misses this.
  EXPECT_EQ(domains_may_go(Shards{{"a", "b"}, {"d"}, {"c"}, {"a", "f"}, {"f"}, {"e"}}, 4), 2U);
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const unsigned domains = 2 + random() % 6;
    const unsigned k = 1 + random() % 4;
    Shards shards(k + random() % 4);
    for (auto& shard : shards) {
      for (unsigned copies = random() % 3; copies > 0; --copies) shard.insert(std::to_string(random() % domains));
    }
    std::optional<unsigned> expected;
    for (unsigned lost = 0; lost < 1U << domains; ++lost) {
      std::size_t left = 0;
      for (const auto& shard : shards)
        left += std::any_of(shard.begin(), shard.end(),
                            [&](const auto& one) { return (lost >> std::stoul(one) & 1) == 0; });
      const auto count = static_cast<unsigned>(std::popcount(lost));
      if (lost == 0 && left >= k) expected = domains;
      if (left < k && expected) expected = std::min(*expected, count - 1);
    }
    const auto may_go = domains_may_go(shards, k);
    // More than there are of them that have anything need not be told apart.
    std::set<std::string> used;
    for (const auto& shard : shards) used.insert(shard.begin(), shard.end());
    if (expected) expected = std::min<unsigned>(*expected, static_cast<unsigned>(used.size()));
    EXPECT_EQ(may_go, expected) << round;
  }
}

TEST(DomainsMayGo, ManyCopiesTakeNoLongTime) {
  std::vector<std::set<std::string>> shards(20);
  for (std::size_t shard = 0; shard < shards.size(); ++shard) {
    for (std::size_t copy = 0; copy < 8; ++copy) shards[shard].insert(std::to_string((shard * 3 + copy * 5) % 60));
  }
  EXPECT_GE(domains_may_go(shards, 12).value(), 2U);
}

TEST(Place, IsValidAndRefusesExactlyWhenNothingIs) {
  EXPECT_TRUE(rc::check([] { check_against_all(small_case()); }));
}

TEST(Place, IsValidBesideShardsThatStay) {
  EXPECT_TRUE(rc::check([] { check_against_all(case_with_shards_that_stay()); }));
}

TEST(Place, GoesWhereNoShardOfThePackIs) {
  const auto candidates = one_per_domain(6);
  const std::vector<Placed> staying = {{0, "a"}, {1, "b"}, {3, "d"}, {9, "j"}};
  for (int i = 0; i < 20; ++i) {
    auto stores = place(candidates, {4, 2}, 2, k_mib, i / 20.0, staying);
    ASSERT_EQ(stores.size(), 2U);
    for (const std::size_t store : stores) EXPECT_TRUE(store == 2 || store == 4 || store == 5) << store;
    EXPECT_NE(stores[0], stores[1]);
  }
}

TEST(Place, WhatStaysMayLeaveNoValidPlace) {
  const std::vector<Placed> two_in_one = {{0, "a"}, {1, "a"}, {2, "b"}, {3, "c"}};
  EXPECT_EQ(place(one_per_domain(8), {4, 2}, 1, k_mib, 0.5, two_in_one).size(), 2U);
  const Error error = error_of([&] { place(one_per_domain(8), {4, 2}, 2, k_mib, 0.5, two_in_one); });
  EXPECT_EQ(error.kind, ErrorKind::out_of_space);
  EXPECT_THAT(error.what(), HasSubstr("2 more beside the 4 that stay"));
  const std::vector<Placed> three(3, {0, "a"});
  EXPECT_EQ(error_of([&] { place(one_per_domain(8), {1, 1}, 1, k_mib, 0.5, three); }).kind, ErrorKind::invalid);
}

TEST(Place, WhereAllStayNothingIsLeftToPlace) {
  EXPECT_TRUE(place({}, {1, 1}, 1, k_mib, 0.5, std::vector<Placed>{{0, "a"}, {1, "b"}}).empty());
}

TEST(Place, NoDomainGetsTwoWhileAnotherHasRoom) {
  EXPECT_TRUE(rc::check([] {
    const auto domains = *rc::gen::inRange<std::size_t>(1, 25);
    const Redundancy redundancy{*rc::gen::inRange(2U, 17U), *rc::gen::inRange(0U, 9U)};
    const auto stores = place(one_per_domain(domains), redundancy, 0, k_mib, 0.3);
    std::map<std::size_t, unsigned> counts;
    for (const std::size_t store : stores) ++counts[store];
    const std::size_t level = redundancy.shards() / domains;
    for (std::size_t store = 0; store < domains; ++store) {
      RC_ASSERT(counts[store] >= level);
      RC_ASSERT(counts[store] <= level + 1);
    }
  }));
}

TEST(Place, CopiesAreNeverInOneStore) {
  const std::vector<Candidate> two_stores = {{0, "a"}, {1, "b"}};
  EXPECT_EQ(error_of([&] { place(two_stores, {1, 2}, 1, k_mib, 0.5); }).kind, ErrorKind::out_of_space);
  const std::vector<Candidate> three_stores = {{0, "a"}, {1, "b"}, {2, "b"}};
  auto stores = place(three_stores, {1, 2}, 1, k_mib, 0.5);
  std::sort(stores.begin(), stores.end());
  EXPECT_EQ(stores, (std::vector<std::size_t>{0, 1, 2}));
}

TEST(Place, RefusalSaysWhatIsMissing) {
  EXPECT_THAT(error_of([] { place(one_per_domain(5), {4, 2}, 2, 4 * k_mib, 0.5); }).what(),
              HasSubstr("needs 6 failure domains with 4 MiB free, has 5: a, b, c, d, e"));
  auto candidates = one_per_domain(6, 8 * k_mib);
  candidates[2].free_bytes = 4 * k_mib - 1;
  EXPECT_THAT(error_of([&] { place(candidates, {4, 2}, 2, 4 * k_mib, 0.5); }).what(),
              HasSubstr("has 5: a, b, d, e, f"));
  EXPECT_THAT(error_of([] { place({}, {1, 0}, 0, 4 * k_mib, 0.5); }).what(),
              HasSubstr("needs 1 failure domain with 4 MiB free, has 0"));
  EXPECT_THAT(error_of([] { place(one_per_domain(1), {1, 1}, 1, 1, 0.5); }).what(),
              HasSubstr("needs 2 failure domains with 1 byte free, has 1"));
  EXPECT_THAT(error_of([] { place(one_per_domain(3, 4 * k_mib), {4, 2}, 1, 4 * k_mib, 0.5); }).what(),
              HasSubstr("room for 3 shards"));
}

TEST(Place, WhatNoNumberOfDomainsCanDoIsInvalid) {
  EXPECT_EQ(error_of([] { place(one_per_domain(20), {4, 1}, 2, k_mib, 0.5); }).kind, ErrorKind::invalid);
  EXPECT_EQ(error_of([] { place(one_per_domain(20), {0, 1}, 0, k_mib, 0.5); }).kind, ErrorKind::invalid);
  EXPECT_EQ(error_of([] { place(one_per_domain(20), {17, 1}, 0, k_mib, 0.5); }).kind, ErrorKind::invalid);
}

TEST(Place, TheSameNumberGivesTheSamePlaces) {
  const auto candidates = one_per_domain(9);
  EXPECT_EQ(place(candidates, {4, 2}, 2, k_mib, 0.25), place(candidates, {4, 2}, 2, k_mib, 0.25));
}

TEST(Place, RolesRotateAmongEquals) {
  const auto candidates = one_per_domain(6);
  std::vector<unsigned> parities(6);
  for (int i = 0; i < 600; ++i) {
    const auto stores = place(candidates, {4, 2}, 2, k_mib, i / 600.0);
    ++parities[stores[4]];
    ++parities[stores[5]];
  }
  for (const unsigned count : parities) EXPECT_NEAR(count, 200, 60);
}

TEST(Place, DomainsFillInProportionToTheirSpace) {
  auto candidates = one_per_domain(12, 1000 * k_mib);
  candidates[0].free_bytes = 10 * k_mib;
  std::vector<unsigned> used(12);
  for (int i = 0; i < 600; ++i) {
    for (const std::size_t store : place(candidates, {4, 2}, 2, k_mib, i / 600.0)) ++used[store];
  }
  EXPECT_LT(used[0], 30U) << "the nearly full one is spared";
  for (std::size_t store = 1; store < 12; ++store) EXPECT_NEAR(used[store], 327, 75) << store;
}

TEST(ChooseRedundancy, OneShardForEachDomainWithRoom) {
  EXPECT_EQ(choose_redundancy(one_per_domain(6), 2, k_mib), (Redundancy{4, 2}));
  EXPECT_EQ(choose_redundancy(one_per_domain(3), 2, k_mib), (Redundancy{1, 2}));
  EXPECT_EQ(choose_redundancy(one_per_domain(1), 0, k_mib), (Redundancy{1, 0}));
  EXPECT_EQ(choose_redundancy(one_per_domain(25), 2, k_mib), (Redundancy{16, 2}));
  auto candidates = one_per_domain(6, 2 * k_mib);
  candidates.push_back({6, "a", 2 * k_mib});  // a second store in a domain is no second domain
  candidates[3].free_bytes = 100;
  EXPECT_EQ(choose_redundancy(candidates, 2, k_mib), (Redundancy{3, 2}));
  EXPECT_THAT(error_of([] { choose_redundancy(one_per_domain(2), 2, k_mib); }).what(),
              HasSubstr("takes 3 failure domains with 1 MiB free, there are 2: a, b"));
  EXPECT_EQ(error_of([] { choose_redundancy(one_per_domain(20), 9, k_mib); }).kind, ErrorKind::invalid);
}

TEST(ChooseRedundancy, WhatItChoosesCanBePlaced) {
  EXPECT_TRUE(rc::check([] {
    const auto survive = *rc::gen::inRange(0U, 9U);
    const auto domains = *rc::gen::inRange<std::size_t>(survive + 1, 26);
    const auto candidates = one_per_domain(domains, k_mib);
    const Redundancy redundancy = choose_redundancy(candidates, survive, k_mib);
    RC_ASSERT(is_valid(redundancy));
    RC_ASSERT(place(candidates, redundancy, survive, k_mib, 0.5).size() == redundancy.shards());
  }));
}

TEST(SliceBytes, GrowsWithTheModel) {
  const Redundancy copies{1, 0};
  EXPECT_EQ(slice_bytes(0, copies, UINT64_MAX), 4 * k_mib);
  EXPECT_EQ(slice_bytes(999'999'999, copies, UINT64_MAX), 4 * k_mib);
  EXPECT_EQ(slice_bytes(1'000'000'000, copies, UINT64_MAX), 16 * k_mib);
  EXPECT_EQ(slice_bytes(20'000'000'000, copies, UINT64_MAX), 32 * k_mib);
  EXPECT_EQ(slice_bytes(100'000'000'000, copies, UINT64_MAX), 64 * k_mib);
}

TEST(SliceBytes, StaysWithinThePackAndTheStores) {
  EXPECT_EQ(slice_bytes(200'000'000'000, {4, 2}, UINT64_MAX), 32 * k_mib);
  EXPECT_EQ(slice_bytes(1000, {4, 2}, 1000), 896U);  // (1000 - 96) / 64 * 64
  EXPECT_EQ(error_of([] { slice_bytes(1000, {4, 2}, 159); }).kind, ErrorKind::invalid);
  EXPECT_EQ(slice_bytes(1000, {4, 2}, 160), 64U);
  EXPECT_EQ(error_of([] { slice_bytes(1000, {4, 2}, 0); }).kind, ErrorKind::invalid);
  EXPECT_TRUE(rc::check([] {
    const Redundancy redundancy{*rc::gen::inRange(1U, 17U), *rc::gen::inRange(0U, 9U)};
    const auto limit = *rc::gen::inRange<std::uint64_t>(160, 100 * k_mib);
    const auto slice = slice_bytes(*rc::gen::arbitrary<std::uint64_t>(), redundancy, limit);
    RC_ASSERT(slice % 64 == 0);
    RC_ASSERT(slice > 0);
    RC_ASSERT(slice + 96 <= limit);
    RC_ASSERT(slice * redundancy.shards() <= 192 * k_mib);
  }));
}

}  // namespace
}  // namespace modelfloat::placement
