#include "modelfloat/runner/memory_plan.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace modelfloat::runner {
namespace {

using Victims = std::vector<std::size_t>;

TEST(MemoryPlan, CountsTheCacheOfEveryLayerAndToken) {
  formats::FileLayout layout;
  layout.metadata = {{"block_count", "30"}, {"embedding_length", "576"}, {"head_count", "9"}, {"head_count_kv", "3"}};
  // 30 layers, 192 numbers of 2 bytes, twice: 23,040 bytes for each token.
  EXPECT_EQ(estimate_need(layout, 1000, 2048, 2).cache_bytes, 23'040U * 2048 * 2);
}

TEST(MemoryPlan, CountsASecondCopyOfTensorsThatAreRepacked) {
  formats::FileLayout layout;
  layout.tensors = {{"a", "Q4_K", {256, 4}, 0, 576}, {"b", "F32", {4, 4}, 576, 64}, {"c", "Q4_K", {256}, 640, 144}};
  const MemoryNeed need = estimate_need(layout, 1000, 16, 1);
  EXPECT_EQ(need.repack_bytes, 576U);
  EXPECT_EQ(need.total(true) - need.total(false), 576U);
}

TEST(MemoryPlan, DoesNotWrapOnFactsOfAHostileFile) {
  formats::FileLayout layout;
  const std::string huge = "18446744073709551615";
  layout.metadata = {{"block_count", huge}, {"embedding_length", huge}, {"head_count", "0"}, {"head_count_kv", huge}};
  EXPECT_EQ(estimate_need(layout, 1000, 4096, 8).total(true), UINT64_MAX);
  layout.metadata = {{"block_count", "-1"}, {"embedding_length", ""}, {"head_count", "many"}};
  EXPECT_GT(estimate_need(layout, 1000, 4096, 8).cache_bytes, 0U);
}

TEST(ChooseVictims, TakesNobodyWhileThereIsRoom) {
  const HeldModel models[] = {{100, 1, 1000, false}};
  EXPECT_EQ(choose_victims(models, 50, 150), Victims{});
}

TEST(ChooseVictims, SparesWhatIsDearToBringBackAndWhatWasJustUsed) {
  const HeldModel models[] = {{100, 60, 10, false}, {100, 1, 10, false}, {100, 1, 0, false}};
  EXPECT_EQ(choose_victims(models, 100, 300), Victims{1});
  EXPECT_EQ(choose_victims(models, 200, 300), (Victims{1, 2}));
}

TEST(ChooseVictims, SparesTheSmallWhenALargeOneHasToGoAnyway) {
  const HeldModel models[] = {{10, 1, 100, false}, {200, 5, 100, false}};
  EXPECT_EQ(choose_victims(models, 200, 220), Victims{1});
}

TEST(ChooseVictims, NeverTakesABusyModel) {
  const HeldModel models[] = {{100, 1, 1000, true}, {50, 1, 1, false}};
  EXPECT_EQ(choose_victims(models, 100, 200), Victims{1});
  EXPECT_FALSE(choose_victims(models, 101, 200));
}

RC_GTEST_PROP(ChooseVictims, MakesRoomWithoutTakingOneTooMany, ()) {
  std::vector<HeldModel> models(*rc::gen::inRange<std::size_t>(0, 8));
  for (auto& model : models) {
    model = {*rc::gen::inRange<std::uint64_t>(1, 100), *rc::gen::inRange(0, 50) / 10.0, *rc::gen::inRange(0, 50) / 1.0,
             *rc::gen::arbitrary<bool>()};
  }
  const auto need = *rc::gen::inRange<std::uint64_t>(0, 300);
  const auto budget = *rc::gen::inRange<std::uint64_t>(0, 300);
  std::uint64_t total = need;
  std::uint64_t busy = need;
  for (const auto& model : models) {
    total += model.memory_bytes;
    busy += model.busy ? model.memory_bytes : 0;
  }
  const auto victims = choose_victims(models, need, budget);
  RC_ASSERT(victims.has_value() == (busy <= budget));
  if (!victims) return;
  for (const auto i : *victims) total -= models[i].memory_bytes;
  RC_ASSERT(total <= budget);
  for (const auto i : *victims) {
    RC_ASSERT(!models[i].busy);
    RC_ASSERT(total + models[i].memory_bytes > budget);
  }
}

TEST(DefaultRamBudget, IsSomethingAndLessThanAll) {
  EXPECT_GT(default_ram_budget(), 1U << 20);
  EXPECT_LT(default_ram_budget(), 1ULL << 50);
}

}  // namespace
}  // namespace modelfloat::runner
