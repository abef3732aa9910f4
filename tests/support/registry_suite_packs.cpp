// Packs, the fragments in them, and where their shards lie.
#include <algorithm>

#include "support/registry_samples.h"
#include "support/registry_suite.h"

namespace modelfloat::registry {
namespace {

using namespace test;

TEST_P(RegistrySuite, PackComesBackWithItsFragmentsAndPlaces) {
  const SamplePack coded = sample_pack(1);
  const SamplePack copies = sample_pack(2, 1, 2);
  add(*registry_, coded);
  add(*registry_, copies);
  reopen();
  EXPECT_EQ(registry_->pack(coded.pack.id), coded.pack);
  EXPECT_EQ(registry_->pack(copies.pack.id), copies.pack);
  EXPECT_EQ(registry_->pack(sample_hash(5)), std::nullopt);
  for (const auto& fragment : coded.fragments) EXPECT_EQ(registry_->find_fragment(fragment.id), std::vector{fragment});
  for (std::size_t i = 0; i < 6; ++i)
    EXPECT_EQ(registry_->shard_places(coded.pack.shards[i]), std::vector{coded.places[i]});
  EXPECT_EQ(registry_->shard_places(copies.pack.shards[0]).size(), 3U);
  EXPECT_TRUE(registry_->find_fragment(sample_hash(5)).empty());
}

TEST_P(RegistrySuite, FragmentInManyPacksIsFoundNewestFirst) {
  SamplePack older = sample_pack(9);
  SamplePack newer = sample_pack(1);
  newer.fragments[5].id = older.fragments[3].id;
  add(*registry_, older);
  add(*registry_, newer);
  EXPECT_EQ(registry_->find_fragment(older.fragments[3].id), (std::vector{newer.fragments[5], older.fragments[3]}));
}

TEST_P(RegistrySuite, AddedAgainAPackIsReplaced) {
  SamplePack sample = sample_pack(1);
  add(*registry_, sample);
  const auto dropped = sample.fragments.back();
  sample.fragments.pop_back();
  sample.pack.survive = 1;
  sample.places.front() = sample_id<StoreId>(77);
  add(*registry_, sample);
  EXPECT_EQ(registry_->pack(sample.pack.id), sample.pack);
  EXPECT_TRUE(registry_->find_fragment(dropped.id).empty());
  EXPECT_EQ(registry_->find_fragment(sample.fragments[0].id).size(), 1U);
  EXPECT_EQ(registry_->shard_places(sample.pack.shards[0]), std::vector{sample_id<StoreId>(77)});
}

TEST_P(RegistrySuite, ManifestsAddFragmentsToAPackAndTakeNothingAway) {
  const SamplePack known = sample_pack(1);
  SamplePack first = sample_pack(2);
  SamplePack second = sample_pack(2);
  first.fragments.resize(10);
  second.fragments.erase(second.fragments.begin(), second.fragments.begin() + 5);
  add(*registry_, known);
  for (int twice = 0; twice < 2; ++twice) {
    for (const SamplePack& sample : {first, second}) registry_->learn_pack(sample.pack, sample.fragments);
    registry_->learn_pack(known.pack, {});
  }
  reopen();
  EXPECT_EQ(registry_->pack(first.pack.id), first.pack);
  for (const auto& fragment : sample_pack(2).fragments) {
    EXPECT_EQ(registry_->find_fragment(fragment.id), std::vector{fragment});
  }
  EXPECT_EQ(registry_->find_fragment(known.fragments[0].id).size(), 1U);
  EXPECT_EQ(registry_->shard_places(known.pack.shards[0]), std::vector{known.places[0]});
  EXPECT_TRUE(registry_->shard_places(first.pack.shards[0]).empty());
}

TEST_P(RegistrySuite, ManifestThatNamesAFrameTwiceAddsItOnce) {
  SamplePack sample = sample_pack(1);
  sample.fragments.push_back(sample.fragments[3]);
  registry_->learn_pack(sample.pack, sample.fragments);
  EXPECT_EQ(registry_->find_fragment(sample.fragments[3].id).size(), 1U);
}

TEST_P(RegistrySuite, RemovedPackLeavesNothing) {
  const SamplePack gone = sample_pack(1);
  const SamplePack stays = sample_pack(2);
  add(*registry_, gone);
  add(*registry_, stays);
  registry_->remove_pack(gone.pack.id);
  registry_->remove_pack(gone.pack.id);
  EXPECT_EQ(registry_->pack(gone.pack.id), std::nullopt);
  for (const auto& fragment : gone.fragments) EXPECT_TRUE(registry_->find_fragment(fragment.id).empty());
  for (const auto& object : gone.pack.shards) EXPECT_TRUE(registry_->shard_places(object).empty());
  EXPECT_EQ(registry_->pack(stays.pack.id), stays.pack);
  EXPECT_EQ(registry_->shard_count(stays.places[0]), 1U);
}

TEST_P(RegistrySuite, AStoreHasTheBytesOfTheWholeShardsThatPacksName) {
  const SamplePack one = sample_pack(1);
  const SamplePack two = sample_pack(2);
  const StoreId store = one.places[0];
  ASSERT_EQ(two.places[0], store);
  add(*registry_, one);
  add(*registry_, two);
  EXPECT_EQ(registry_->shard_bytes(store), one.pack.slice_bytes + two.pack.slice_bytes);
  registry_->add_shard_place(sample_hash(77), store);  // of a pack that is not known here
  EXPECT_EQ(registry_->shard_bytes(store), one.pack.slice_bytes + two.pack.slice_bytes);
  registry_->record_shard_copy(one.pack.shards[0], store, CopyState::corrupt);
  EXPECT_EQ(registry_->shard_bytes(store), two.pack.slice_bytes);
  EXPECT_EQ(registry_->shard_bytes(sample_id<StoreId>(99)), 0U);
}

TEST_P(RegistrySuite, PacksAfterOneAreThoseThatWereRecordedLater) {
  std::vector<PackId> ids;
  for (const std::uint64_t number : {3, 1, 2, 4}) {
    const SamplePack sample = sample_pack(number);
    if (number == 1) {
      registry_->learn_pack(sample.pack, sample.fragments);
    } else {
      add(*registry_, sample);
    }
    ids.push_back(sample.pack.id);
  }
  EXPECT_EQ(registry_->packs_after(ids[0], 10), (std::vector{ids[1], ids[2], ids[3]}));
  EXPECT_EQ(registry_->packs_after(ids[1], 1), std::vector{ids[2]});
  registry_->remove_pack(ids[2]);
  EXPECT_EQ(registry_->packs_after(ids[1], 10), std::vector{ids[3]});
  EXPECT_TRUE(registry_->packs_after(ids[3], 10).empty());
  EXPECT_TRUE(registry_->packs_after(ids[2], 10).empty());
}

TEST_P(RegistrySuite, PackThatMakesNoSenseIsRefused) {
  const auto refused = [&](auto change) {
    SamplePack sample = sample_pack(1);
    change(sample);
    return error_of([&] { add(*registry_, sample); }) == ErrorKind::internal && !registry_->pack(sample.pack.id);
  };
  EXPECT_TRUE(refused([](SamplePack& s) { s.places.pop_back(); }));
  EXPECT_TRUE(refused([](SamplePack& s) { s.pack.shards.pop_back(); }));
  EXPECT_TRUE(refused([](SamplePack& s) { s.fragments[3].place = to_bytes("inline"); }));
  EXPECT_TRUE(refused([](SamplePack& s) { std::get<FrameRef>(s.fragments[3].place).pack = sample_hash(3); }));
  EXPECT_TRUE(refused([](SamplePack& s) { s.fragments[3].codec.base = FragmentId{}; }));
}

TEST_P(RegistrySuite, FailureInTheMiddleOfAPackLeavesNothingOfIt) {
  SamplePack sample = sample_pack(1);
  std::get<FrameRef>(sample.fragments[20].place).number = 3;  // twice the same frame
  EXPECT_EQ(error_of([&] { add(*registry_, sample); }), ErrorKind::invalid);
  EXPECT_EQ(registry_->pack(sample.pack.id), std::nullopt);
  EXPECT_TRUE(registry_->find_fragment(sample.fragments[0].id).empty());
  EXPECT_TRUE(registry_->shard_places(sample.pack.shards[0]).empty());
}

TEST_P(RegistrySuite, ShardPlacesAreReplacedByAListing) {
  const auto store = sample_id<StoreId>(1);
  const auto other = sample_id<StoreId>(2);
  registry_->add_shard_place(sample_hash(1), store);
  registry_->add_shard_place(sample_hash(1), store);
  registry_->add_shard_place(sample_hash(1), other);
  registry_->add_shard_place(sample_hash(2), store);
  EXPECT_EQ(registry_->shard_count(store), 2U);
  registry_->set_shard_places(store, std::vector{sample_hash(3), sample_hash(2), sample_hash(3)});
  reopen();
  EXPECT_EQ(registry_->shard_count(store), 2U);
  EXPECT_EQ(registry_->shard_places(sample_hash(1)), std::vector{other});
  EXPECT_EQ(registry_->shard_places(sample_hash(2)), std::vector{store});
  EXPECT_EQ(registry_->shard_places(sample_hash(3)), std::vector{store});
  registry_->set_shard_places(store, std::vector{sample_hash(3)});
  registry_->set_shard_places(other, {});
  EXPECT_EQ(registry_->shard_count(store), 1U);
  EXPECT_EQ(registry_->shard_count(other), 0U);
}

TEST_P(RegistrySuite, DamagedCopiesAreRememberedUntilTheyAreWhole) {
  using Copies = std::vector<ShardCopy>;
  const auto store = sample_id<StoreId>(1);
  const auto other = sample_id<StoreId>(2);
  for (const auto& id : {store, other}) registry_->set_shard_places(id, std::vector{sample_hash(1), sample_hash(2)});
  registry_->record_shard_copy(sample_hash(1), store, CopyState::corrupt);
  registry_->record_shard_copy(sample_hash(2), store, CopyState::missing);
  registry_->record_shard_copy(sample_hash(3), store, CopyState::corrupt);
  reopen();
  const auto expect_damaged = [&](std::vector<Hash256> corrupt, const std::vector<Hash256>& missing) {
    std::sort(corrupt.begin(), corrupt.end());
    EXPECT_EQ(registry_->damaged_shards(store, CopyState::corrupt), corrupt);
    EXPECT_EQ(registry_->damaged_shards(store, CopyState::missing), missing);
  };
  expect_damaged({sample_hash(1), sample_hash(3)}, {sample_hash(2)});
  EXPECT_TRUE(registry_->damaged_shards(other, CopyState::corrupt).empty());
  EXPECT_EQ(registry_->shard_places(sample_hash(1)), std::vector{other});
  EXPECT_EQ(registry_->shard_count(store), 0U);
  Copies both{{store, CopyState::corrupt}, {other, CopyState::whole}};
  if (other < store) std::swap(both[0], both[1]);
  EXPECT_EQ(registry_->shard_copies(sample_hash(1)), both);

  // Seen again: what was missing is back, what was corrupt is not believed.
  registry_->add_shard_place(sample_hash(1), store);
  registry_->add_shard_place(sample_hash(2), store);
  expect_damaged({sample_hash(1), sample_hash(3)}, {});
  registry_->record_shard_copy(sample_hash(2), store, CopyState::missing);
  registry_->set_shard_places(store, std::vector{sample_hash(1), sample_hash(2)});
  expect_damaged({sample_hash(1)}, {});
  registry_->record_shard_copy(sample_hash(1), store, CopyState::missing);
  expect_damaged({sample_hash(1)}, {});
  registry_->record_shard_copy(sample_hash(1), store, CopyState::whole);
  expect_damaged({}, {});
  EXPECT_EQ(registry_->shard_count(store), 2U);
}

TEST_P(RegistrySuite, StrayShardsAreKnownByTheirPack) {
  const SamplePack sample = sample_pack(1);
  add(*registry_, sample);
  const std::vector listed{sample_hash(1), sample.pack.shards[1], sample_hash(2), sample.pack.shards[5]};
  EXPECT_EQ(registry_->unnamed_shards(listed), (std::vector{sample_hash(1), sample_hash(2)}));
  const StrayShard later{sample_hash(2), sample.pack.id, 7};
  const StrayShard sooner{sample_hash(3), sample.pack.id, 6};
  const StrayShard other{sample_hash(1), sample_hash(9), 0};
  registry_->add_stray_shards(std::vector{later, sooner, other});
  registry_->add_stray_shards(std::vector{later});
  reopen();
  EXPECT_EQ(registry_->stray_shards(sample.pack.id), (std::vector{sooner, later}));
  EXPECT_EQ(registry_->stray_shard(sample_hash(1)), other);
  EXPECT_EQ(registry_->stray_shard(sample_hash(4)), std::nullopt);
  EXPECT_EQ(registry_->unnamed_shards(listed), (std::vector{sample_hash(1), sample_hash(2)}));
  registry_->clear();
  EXPECT_TRUE(registry_->stray_shards(sample.pack.id).empty());
}

TEST_P(RegistrySuite, PackThatIsPutAgainIsWholeAgain) {
  const SamplePack sample = sample_pack(1);
  add(*registry_, sample);
  registry_->record_shard_copy(sample.pack.shards[2], sample.places[2], CopyState::corrupt);
  add(*registry_, sample);
  EXPECT_TRUE(registry_->damaged_shards(sample.places[2], CopyState::corrupt).empty());
  EXPECT_EQ(registry_->shard_places(sample.pack.shards[2]), std::vector{sample.places[2]});
}

TEST_P(RegistrySuite, CopiesKnowWhenTheyWereProven) {
  const SamplePack sample = sample_pack(1);
  add(*registry_, sample);
  const Hash256& object = sample.pack.shards[2];
  const StoreId& store = sample.places[2];
  const auto copy = [&] { return registry_->shard_copies(object).at(0); };
  EXPECT_EQ(copy().proved_at, 0U);
  registry_->record_shard_copy(object, store, CopyState::corrupt);
  registry_->record_proofs(std::vector{CopyProof{object, store, "md5:12"}}, 1'000);
  reopen();
  EXPECT_EQ(copy(), (ShardCopy{store, CopyState::whole, 1'000}));
  EXPECT_EQ(registry_->shard_checksums(store), (std::map<Hash256, std::string>{{object, "md5:12"}}));
  registry_->add_shard_place(object, store);
  registry_->set_shard_places(store, std::vector{object});
  EXPECT_EQ(copy().proved_at, 1'000U) << "a list changes nothing";
  registry_->record_shard_copy(object, store, CopyState::corrupt);
  EXPECT_EQ(copy(), (ShardCopy{store, CopyState::corrupt, 0}));
  EXPECT_TRUE(registry_->shard_checksums(store).empty());
  registry_->record_proofs({}, 2'000);
}

TEST_P(RegistrySuite, DocumentsKnowWhenTheyWereProven) {
  const StoreId store = sample_id<StoreId>(4);
  registry_->record_document_copy("mf1/content/a", store, false);
  registry_->record_document_proofs(std::vector<DocumentCache::DocumentCopy>{{"mf1/content/a", store}}, 1'000);
  reopen();
  EXPECT_EQ(registry_->document_proofs("mf1/content/a"), (std::map<StoreId, std::uint64_t>{{store, 1'000}}));
  EXPECT_TRUE(registry_->damaged_documents().empty());
  registry_->record_document_copy("mf1/content/a", store, false);
  EXPECT_TRUE(registry_->document_proofs("mf1/content/a").empty());
  registry_->record_document_proofs(std::vector<DocumentCache::DocumentCopy>{{"mf1/content/a", store}}, 1'000);
  registry_->forget_documents(std::vector<std::string>{"mf1/content/a"});
  EXPECT_TRUE(registry_->document_proofs("mf1/content/a").empty());
}

}  // namespace
}  // namespace modelfloat::registry
