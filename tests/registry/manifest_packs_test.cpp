#include "modelfloat/registry/manifest_packs.h"

#include <tuple>

#include "support/registry_samples.h"
#include "support/temporary_folder.h"
#include <gtest/gtest.h>

#include "modelfloat/registry/sqlite/sqlite_registry.h"

namespace modelfloat::registry {
namespace {

using namespace test;

class ManifestPacksTest : public testing::Test {
 protected:
  std::uint64_t learn(const SamplePack& sample) { return registry_->learn_pack(sample.pack, sample.fragments).value(); }
  std::vector<LocatedPack> all() { return registry_->located_packs(manifest_, 0, 100).value(); }

  TemporaryFolder folder_;
  std::unique_ptr<Registry> registry_ = open_sqlite_registry(folder_ / "registry.db");
  const Hash256 manifest_ = sample_hash(1);
  const SamplePack first_ = sample_pack(1);
  const SamplePack second_ = sample_pack(2, 1, 2);
};

TEST_F(ManifestPacksTest, PacksOfAManifestComeInItsOrderWithAllTheirCopies) {
  add(*registry_, first_);
  registry_->set_manifest_packs(manifest_, std::vector{learn(second_), learn(first_)});
  registry_->record_shard_copy(first_.pack.shards[2], first_.places[2], CopyState::corrupt);
  registry_->record_shard_copy(first_.pack.shards[2], sample_id<StoreId>(77), CopyState::missing);
  for (std::size_t i = 0; i < 3; ++i) registry_->add_shard_place(second_.pack.shards[0], second_.places[i]);

  const auto packs = all();
  ASSERT_EQ(packs.size(), 2U);
  EXPECT_EQ(packs[0].pack, second_.pack);
  EXPECT_EQ(packs[1].pack, first_.pack);
  for (const LocatedPack& located : packs) {
    ASSERT_EQ(located.copies.size(), located.pack.shards.size());
    for (std::size_t i = 0; i < located.copies.size(); ++i)
      EXPECT_EQ(located.copies[i], registry_->shard_copies(located.pack.shards[i]));
    EXPECT_TRUE(located.strays.empty());
  }
  EXPECT_EQ(packs[0].copies[0].size(), 3U);
  EXPECT_EQ(packs[1].copies[2].size(), 2U);
}

TEST_F(ManifestPacksTest, ShardsWithoutAPlaceAreThereToo) {
  registry_->set_manifest_packs(manifest_, std::vector{learn(first_)});
  const auto packs = all();
  ASSERT_EQ(packs.at(0).copies.size(), first_.pack.shard_count());
  for (const auto& copies : packs[0].copies) EXPECT_TRUE(copies.empty());
}

TEST_F(ManifestPacksTest, StraysComeWithTheirPack) {
  const StrayShard later{sample_hash(50), first_.pack.id, 6};
  const StrayShard nowhere{sample_hash(51), first_.pack.id, 7};
  registry_->add_stray_shards(std::vector{nowhere, later, StrayShard{sample_hash(52), sample_hash(53), 6}});
  registry_->add_shard_place(later.object, sample_id<StoreId>(8));
  registry_->add_shard_place(later.object, sample_id<StoreId>(9));
  registry_->set_manifest_packs(manifest_, std::vector{learn(second_), learn(first_)});
  const auto packs = all();
  EXPECT_TRUE(packs.at(0).strays.empty());
  ASSERT_EQ(packs.at(1).strays.size(), 2U);
  EXPECT_EQ(packs[1].strays[0].shard, later);
  EXPECT_EQ(packs[1].strays[0].copies, registry_->shard_copies(later.object));
  EXPECT_EQ(packs[1].strays[1].shard, nowhere);
  EXPECT_TRUE(packs[1].strays[1].copies.empty());
}

TEST_F(ManifestPacksTest, PacksComeInPages) {
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t n = 0; n < 5; ++n) numbers.push_back(learn(sample_pack(10 + n)));
  registry_->set_manifest_packs(manifest_, numbers);
  EXPECT_EQ(registry_->located_packs(manifest_, 0, 2)->size(), 2U);
  EXPECT_EQ(registry_->located_packs(manifest_, 3, 2)->at(1).pack, sample_pack(14).pack);
  EXPECT_EQ(registry_->located_packs(manifest_, 4, 2)->size(), 1U);
  EXPECT_TRUE(registry_->located_packs(manifest_, 5, 2)->empty());
  EXPECT_TRUE(registry_->located_packs(manifest_, 9, 2)->empty());
}

TEST_F(ManifestPacksTest, AManifestWithoutPacksIsNotOneThatIsUnknown) {
  EXPECT_FALSE(registry_->located_packs(manifest_, 0, 10));
  registry_->set_manifest_packs(manifest_, {});
  EXPECT_TRUE(all().empty());
}

TEST_F(ManifestPacksTest, AManifestIsUnknownOnceAPackOfItWasForgotten) {
  registry_->set_manifest_packs(manifest_, std::vector{learn(first_), learn(second_)});
  registry_->remove_pack(first_.pack.id);
  EXPECT_FALSE(registry_->located_packs(manifest_, 0, 10));
  const std::uint64_t again = learn(first_);  // perhaps as another manifest tells it
  EXPECT_FALSE(registry_->located_packs(manifest_, 0, 10));
  registry_->set_manifest_packs(manifest_, std::vector{again});
  EXPECT_EQ(all().size(), 1U);
}

TEST_F(ManifestPacksTest, RemovedRevisionsLeaveNothing) {
  const RevisionRow row = sample_revision(1, "ns/model");
  registry_->put_revision(row);
  registry_->set_manifest_packs(row.manifest.content, std::vector{learn(first_)});
  registry_->remove_revision(row.manifest);
  EXPECT_FALSE(registry_->located_packs(row.manifest.content, 0, 10));
}

TEST_F(ManifestPacksTest, APackThatIsKnownOtherwiseHasNoNumber) {
  const std::uint64_t number = learn(first_);
  EXPECT_EQ(learn(first_), number);
  SamplePack other = first_;
  other.pack.slice_bytes += 1;
  EXPECT_FALSE(registry_->learn_pack(other.pack, {}));
  other = first_;
  other.pack.shards.back() = sample_hash(99);
  EXPECT_FALSE(registry_->learn_pack(other.pack, {}));
}

TEST_F(ManifestPacksTest, ListedModelsSayWhatRevisionsAndTagsSay) {
  for (std::uint64_t n = 0; n < 6; ++n)
    registry_->put_revision(sample_revision(n, "ns/" + std::string(1, static_cast<char>('a' + n / 2)), "Text"));
  registry_->set_tags("ns/a", std::vector{std::pair(std::string("v1"), sample_hash(0))});
  registry_->set_tags("ns/c", std::vector{std::pair(std::string("latest"), sample_hash(5)),
                                          std::pair(std::string("v1"), sample_hash(4))});
  // Of no model.
  registry_->set_tags("ns/aa", std::vector{std::pair(std::string("latest"), sample_hash(9))});
  using Question = std::tuple<std::string, std::string, std::size_t>;
  const std::vector<Question> questions{{"", "", 10},     {"", "", 2},      {"ns/a", "", 10}, {"", "tExt", 10},
                                        {"", "NS/C", 10}, {"", "none", 10}, {"ns/c", "", 10}};
  for (const auto& [after, search, limit] : questions) {
    const auto names = registry_->models(after, search, limit);
    const auto listed = registry_->listed_models(after, search, limit);
    ASSERT_EQ(listed.size(), names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      EXPECT_EQ(listed[i].revisions, registry_->revisions(names[i]));
      EXPECT_EQ(listed[i].tags, registry_->tags(names[i]));
    }
  }
}

}  // namespace
}  // namespace modelfloat::registry
