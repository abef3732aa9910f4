// What each method of the registry promises.
#include "modelfloat/registry/sqlite/sqlite_registry.h"

#include <algorithm>

#include "samples.h"
#include "support/temporary_folder.h"
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "modelfloat/base/error.h"

namespace modelfloat::registry {
namespace {

using namespace test;
using Names = std::vector<std::string>;

class SqliteRegistryTest : public testing::Test {
 protected:
  void reopen() {
    registry_.reset();
    registry_ = open_sqlite_registry(file_);
  }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "registry.db";
  std::unique_ptr<Registry> registry_ = open_sqlite_registry(file_);
};

TEST_F(SqliteRegistryTest, FileIsForItsOwnerOnly) {
  registry_->set_setting("a", as_bytes("b"));
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat info{};
    ASSERT_EQ(::stat((file_.string() + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777, 0600) << suffix;
  }
}

TEST_F(SqliteRegistryTest, SettingsKeepAnyBytes) {
  EXPECT_EQ(registry_->setting("pool"), std::nullopt);
  const Bytes zeros(5, std::byte{0});
  registry_->set_setting("pool", zeros);
  registry_->set_setting("empty", {});
  registry_->set_setting("changed", as_bytes("a long value, the first one"));
  registry_->set_setting("changed", as_bytes("short"));
  Bytes big(3'000'000);
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<std::byte>(i * 7 / 3);
  registry_->set_setting("big", big);
  reopen();
  EXPECT_EQ(registry_->setting("pool"), zeros);
  EXPECT_EQ(registry_->setting("empty"), Bytes());
  EXPECT_EQ(registry_->setting("changed"), to_bytes("short"));
  EXPECT_EQ(registry_->setting("big"), big);
  EXPECT_EQ(registry_->setting("Pool"), std::nullopt);
}

TEST_F(SqliteRegistryTest, StoreSettingsAndSessionsStayUntilTheStoreGoes) {
  const auto store = sample_id<StoreId>(1);
  const auto other = sample_id<StoreId>(2);
  EXPECT_EQ(registry_->store_settings(store), std::nullopt);
  EXPECT_EQ(registry_->store_session(store), std::nullopt);
  const StoreSettingsRow row{store, "http://a", "http://b", "10M:off", Bytes(7, std::byte{0})};
  registry_->put_store_settings({store, "older", "", "", {}});
  registry_->put_store_settings(row);
  registry_->put_store_settings({other, "", "", "", {}});
  registry_->set_store_session(store, as_bytes("older"));
  registry_->set_store_session(store, Bytes(3, std::byte{0}));
  registry_->set_store_session(other, as_bytes("other"));
  reopen();
  EXPECT_EQ(registry_->store_settings(store), row);
  EXPECT_EQ(registry_->store_session(store), Bytes(3, std::byte{0}));
  registry_->set_store_session(store, {});
  EXPECT_EQ(registry_->store_session(store), std::nullopt);
  registry_->remove_store(store);
  EXPECT_EQ(registry_->store_settings(store), std::nullopt);
  EXPECT_TRUE(registry_->store_settings(other));
  EXPECT_EQ(registry_->store_session(other), to_bytes("other"));
  registry_->remove_store(other);
  EXPECT_EQ(registry_->store_session(other), std::nullopt);
}

TEST_F(SqliteRegistryTest, HowStoresDoIsKeptUntilTheStoreGoes) {
  const auto store = sample_id<StoreId>(1);
  EXPECT_EQ(registry_->store_health(store), StoreHealthRow());
  EXPECT_EQ(registry_->store_use(store), StoreUseRow());
  EXPECT_TRUE(registry_->store_pauses(store).empty());
  const StoreHealthRow health{UtcTime(Milliseconds(5)),
                              "transient",
                              UtcTime(Milliseconds(7)),
                              {{"get", 1, 2, UINT64_MAX, 4, 5, 6}, {"put", 7, 8, 9, 10, 11, 12}}};
  registry_->put_store_health(store, {UtcTime(Milliseconds(1)), "", {}, {{"list", 1, 1, 1, 1, 1, 1}}});
  registry_->put_store_health(store, health);
  registry_->add_store_use(store, {20, 100, 1});
  registry_->add_store_use(store, {20, 50, 2});
  registry_->pause_store(store, {"uploads", UtcTime(Milliseconds(1)), "older"});
  registry_->pause_store(store, {"uploads", UtcTime(Milliseconds(9)), "full"});
  registry_->pause_store(store, {"all", UtcTime(Milliseconds(3)), "slow down"});
  reopen();
  EXPECT_EQ(registry_->store_health(store), health);
  EXPECT_EQ(registry_->store_use(store), (StoreUseRow{20, 150, 3}));
  EXPECT_EQ(registry_->store_pauses(store),
            (std::vector<StorePauseRow>{{"all", UtcTime(Milliseconds(3)), "slow down"},
                                        {"uploads", UtcTime(Milliseconds(9)), "full"}}));
  registry_->add_store_use(store, {21, 4, 0});
  EXPECT_EQ(registry_->store_use(store), (StoreUseRow{21, 4, 0}));
  registry_->remove_store(store);
  EXPECT_EQ(registry_->store_health(store), StoreHealthRow());
  EXPECT_EQ(registry_->store_use(store), StoreUseRow());
  EXPECT_TRUE(registry_->store_pauses(store).empty());
}

TEST_F(SqliteRegistryTest, StoresAreOrderedByNameAndReplacedById) {
  const StoreRow disk{
      sample_id<StoreId>(1), "disk", "local:/mnt/disk", "disk", 0, UtcTime(Milliseconds(1'700'000'000'123))};
  StoreRow cloud{sample_id<StoreId>(2),    "cloud", "s3:https://host/bucket", "company", UINT64_MAX,
                 UtcTime(Milliseconds(-5))};
  registry_->put_store(disk);
  registry_->put_store(cloud);
  EXPECT_EQ(registry_->stores(), (std::vector{cloud, disk}));
  cloud.name = "zulu";
  cloud.capacity_bytes = 7;
  registry_->put_store(cloud);
  reopen();
  EXPECT_EQ(registry_->stores(), (std::vector{disk, cloud}));
  const StoreRow twin{sample_id<StoreId>(3), "disk", "local:/other", "disk", 0, {}};
  EXPECT_EQ(error_of([&] { registry_->put_store(twin); }), ErrorKind::invalid);
  EXPECT_EQ(registry_->stores(), (std::vector{disk, cloud}));
}

TEST_F(SqliteRegistryTest, RemovedStoreTakesItsRowsAlong) {
  const auto gone = sample_id<StoreId>(1);
  const auto stays = sample_id<StoreId>(2);
  for (const StoreId& store : {gone, stays}) {
    registry_->put_store({store, "store " + std::to_string(std::to_integer<int>(store[12])), "local:/x", "d", 0, {}});
    registry_->add_shard_place(sample_hash(1), store);
    registry_->record_listed(store, Names{"mf1/log/a"});
    registry_->queue_puts(std::vector<QueuedPut>{{store, "mf1/marker", to_bytes("x")}});
  }
  registry_->remove_store(gone);
  registry_->remove_store(gone);
  EXPECT_EQ(registry_->stores().size(), 1U);
  EXPECT_EQ(registry_->shard_places(sample_hash(1)), std::vector{stays});
  EXPECT_TRUE(registry_->listed(gone).empty());
  EXPECT_EQ(registry_->listed(stays).size(), 1U);
  ASSERT_EQ(registry_->queued_puts().size(), 1U);
  EXPECT_EQ(registry_->queued_puts()[0].store, stays);
}

TEST_F(SqliteRegistryTest, LogIsOrderedByWriterAndSeq) {
  WriterId low{};
  WriterId high{};
  high[0] = std::byte{0xff};
  const LogRow first{low, 2, sample_hash(1), to_bytes("two")};
  const LogRow second{low, 10, sample_hash(2), Bytes()};
  const LogRow double_number{low, UINT64_MAX, sample_hash(3), to_bytes("a")};
  const LogRow its_twin{low, UINT64_MAX, sample_hash(4), to_bytes("b")};
  const LogRow other{high, 1, sample_hash(5), to_bytes("c")};
  std::vector<LogRow> ordered{first, second, double_number, its_twin, other};
  if (its_twin.hash < double_number.hash) std::swap(ordered[2], ordered[3]);
  registry_->add_log_records(std::vector{other, its_twin, second});
  registry_->add_log_records(std::vector{first, second, double_number});
  registry_->add_log_records({});
  reopen();
  EXPECT_EQ(registry_->log_records(), ordered);
  std::vector<LogName> names;
  for (const LogRow& row : ordered) names.push_back({row.writer, row.seq, row.hash});
  EXPECT_EQ(registry_->log_names(), names);
  EXPECT_EQ(registry_->log_records_of(low), std::vector<LogRow>(ordered.begin(), ordered.end() - 1));
  EXPECT_EQ(registry_->log_record(names[4]), to_bytes("c"));
  EXPECT_EQ(registry_->log_record({high, 2, names[4].hash}), std::nullopt);
}

TEST_F(SqliteRegistryTest, ListedPathsAddUp) {
  const auto store = sample_id<StoreId>(1);
  EXPECT_TRUE(registry_->listed(store).empty());
  registry_->record_listed(store, Names{"mf1/log/b", "mf1/log/a"});
  registry_->record_listed(store, Names{"mf1/log/c", "mf1/log/b"});
  registry_->record_listed(sample_id<StoreId>(2), Names{"mf1/log/other"});
  reopen();
  EXPECT_EQ(registry_->listed(store), (Names{"mf1/log/a", "mf1/log/b", "mf1/log/c"}));
}

TEST_F(SqliteRegistryTest, QueueKeepsItsOrder) {
  const auto store = sample_id<StoreId>(1);
  const auto other = sample_id<StoreId>(2);
  registry_->queue_puts(std::vector<QueuedPut>{{store, "z", to_bytes("1")}, {store, "a", to_bytes("2")}});
  registry_->queue_puts(std::vector<QueuedPut>{{other, "z", Bytes()}, {store, "z", to_bytes("1 again")}});
  registry_->put_done(store, "a");
  registry_->put_done(store, "never queued");
  reopen();
  const auto queued = registry_->queued_puts();
  ASSERT_EQ(queued.size(), 2U);
  EXPECT_EQ(queued[0].object, "z");
  EXPECT_EQ(queued[0].store, store);
  EXPECT_EQ(queued[0].bytes, to_bytes("1 again"));
  EXPECT_EQ(queued[1].store, other);
  EXPECT_TRUE(queued[1].bytes.empty());
}

TEST_F(SqliteRegistryTest, ConfirmedPutsAreRememberedWhileSomebodyWaitsForThem) {
  const auto store = sample_id<StoreId>(1);
  const auto other = sample_id<StoreId>(2);
  const Names objects{"a", "b"};
  registry_->put_done(store, "a");  // before anybody waits
  registry_->await_puts(objects);
  EXPECT_TRUE(registry_->confirmed_puts("a").empty());
  registry_->put_done(other, "a");
  registry_->put_done(store, "a");
  registry_->put_done(store, "a");
  registry_->put_done(store, "c");  // nobody waits for it
  EXPECT_EQ(registry_->confirmed_puts("a"), (std::vector{store, other}));
  EXPECT_TRUE(registry_->confirmed_puts("b").empty());
  EXPECT_TRUE(registry_->confirmed_puts("c").empty());
  registry_->await_puts(Names{"a"});  // another process
  registry_->forget_puts(objects);
  EXPECT_EQ(registry_->confirmed_puts("a").size(), 2U);
  registry_->remove_store(other);
  EXPECT_EQ(registry_->confirmed_puts("a"), std::vector{store});
  registry_->forget_puts(Names{"a"});
  EXPECT_TRUE(registry_->confirmed_puts("a").empty());
  registry_->put_done(store, "a");
  EXPECT_TRUE(registry_->confirmed_puts("a").empty());
}

TEST_F(SqliteRegistryTest, UnreadableObjectsAreRememberedWithWhatWasTried) {
  registry_->record_unreadable({"b", "1"});
  registry_->record_unreadable({"a", "1"});
  registry_->record_unreadable({"b", "2"});
  reopen();
  EXPECT_EQ(registry_->unreadable(), (std::vector<UnreadableRow>{{"a", "1"}, {"b", "2"}}));
  registry_->forget_unreadable(Names{"b", "c"});
  EXPECT_EQ(registry_->unreadable(), (std::vector<UnreadableRow>{{"a", "1"}}));
}

TEST_F(SqliteRegistryTest, DocumentsComeBackByPath) {
  const Bytes sealed = to_bytes(std::string_view("\0sealed\0", 8));
  registry_->keep_document("mf1/content/aa", as_bytes("older"));
  registry_->keep_document("mf1/content/aa", sealed);
  registry_->keep_document("mf1/content/bb", sealed);
  reopen();
  EXPECT_EQ(registry_->document("mf1/content/aa"), sealed);
  EXPECT_EQ(registry_->document("mf1/content/bb"), sealed);
  EXPECT_EQ(registry_->document("mf1/content/cc"), std::nullopt);
}

TEST_F(SqliteRegistryTest, PackComesBackWithItsFragmentsAndPlaces) {
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

TEST_F(SqliteRegistryTest, FragmentInManyPacksIsFoundNewestFirst) {
  SamplePack older = sample_pack(9);
  SamplePack newer = sample_pack(1);
  newer.fragments[5].id = older.fragments[3].id;
  add(*registry_, older);
  add(*registry_, newer);
  EXPECT_EQ(registry_->find_fragment(older.fragments[3].id), (std::vector{newer.fragments[5], older.fragments[3]}));
}

TEST_F(SqliteRegistryTest, AddedAgainAPackIsReplaced) {
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

TEST_F(SqliteRegistryTest, ManifestsAddFragmentsToAPackAndTakeNothingAway) {
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

TEST_F(SqliteRegistryTest, ManifestThatNamesAFrameTwiceAddsItOnce) {
  SamplePack sample = sample_pack(1);
  sample.fragments.push_back(sample.fragments[3]);
  registry_->learn_pack(sample.pack, sample.fragments);
  EXPECT_EQ(registry_->find_fragment(sample.fragments[3].id).size(), 1U);
}

TEST_F(SqliteRegistryTest, RemovedPackLeavesNothing) {
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

TEST_F(SqliteRegistryTest, AStoreHasTheBytesOfTheWholeShardsThatPacksName) {
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

TEST_F(SqliteRegistryTest, PackThatMakesNoSenseIsRefused) {
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

TEST_F(SqliteRegistryTest, FailureInTheMiddleOfAPackLeavesNothingOfIt) {
  SamplePack sample = sample_pack(1);
  std::get<FrameRef>(sample.fragments[20].place).number = 3;  // twice the same frame
  EXPECT_EQ(error_of([&] { add(*registry_, sample); }), ErrorKind::invalid);
  EXPECT_EQ(registry_->pack(sample.pack.id), std::nullopt);
  EXPECT_TRUE(registry_->find_fragment(sample.fragments[0].id).empty());
  EXPECT_TRUE(registry_->shard_places(sample.pack.shards[0]).empty());
}

TEST_F(SqliteRegistryTest, ShardPlacesAreReplacedByAListing) {
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

TEST_F(SqliteRegistryTest, DamagedCopiesAreRememberedUntilTheyAreWhole) {
  using Copies = std::vector<ShardCopy>;
  const auto store = sample_id<StoreId>(1);
  const auto other = sample_id<StoreId>(2);
  for (const auto& id : {store, other}) registry_->set_shard_places(id, std::vector{sample_hash(1), sample_hash(2)});
  registry_->record_shard_copy(sample_hash(1), store, CopyState::corrupt);
  registry_->record_shard_copy(sample_hash(2), store, CopyState::missing);
  registry_->record_shard_copy(sample_hash(3), store, CopyState::corrupt);
  reopen();
  const auto expect_damaged = [&](std::vector<Hash256> hashes) {
    std::sort(hashes.begin(), hashes.end());
    EXPECT_EQ(registry_->damaged_shards(store), hashes);
  };
  expect_damaged({sample_hash(1), sample_hash(2), sample_hash(3)});
  EXPECT_TRUE(registry_->damaged_shards(other).empty());
  EXPECT_EQ(registry_->shard_places(sample_hash(1)), std::vector{other});
  EXPECT_EQ(registry_->shard_count(store), 0U);
  Copies both{{store, CopyState::corrupt}, {other, CopyState::whole}};
  if (other < store) std::swap(both[0], both[1]);
  EXPECT_EQ(registry_->shard_copies(sample_hash(1)), both);

  // Seen again: what was missing is back, what was corrupt is not believed.
  registry_->add_shard_place(sample_hash(1), store);
  registry_->add_shard_place(sample_hash(2), store);
  expect_damaged({sample_hash(1), sample_hash(3)});
  registry_->record_shard_copy(sample_hash(2), store, CopyState::missing);
  registry_->set_shard_places(store, std::vector{sample_hash(1), sample_hash(2)});
  expect_damaged({sample_hash(1)});
  registry_->record_shard_copy(sample_hash(1), store, CopyState::whole);
  expect_damaged({});
  EXPECT_EQ(registry_->shard_count(store), 2U);
}

TEST_F(SqliteRegistryTest, StrayShardsAreKnownByTheirPack) {
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

TEST_F(SqliteRegistryTest, PackThatIsPutAgainIsWholeAgain) {
  const SamplePack sample = sample_pack(1);
  add(*registry_, sample);
  registry_->record_shard_copy(sample.pack.shards[2], sample.places[2], CopyState::corrupt);
  add(*registry_, sample);
  EXPECT_TRUE(registry_->damaged_shards(sample.places[2]).empty());
  EXPECT_EQ(registry_->shard_places(sample.pack.shards[2]), std::vector{sample.places[2]});
}

TEST_F(SqliteRegistryTest, RevisionsAreListedNewestFirst) {
  const RevisionRow older = sample_revision(1, "acme/small", "the first");
  RevisionRow newer = sample_revision(2, "acme/small");
  registry_->put_revision(newer);
  registry_->put_revision(older);
  registry_->put_revision(sample_revision(3, "acme/other"));
  newer.description = "changed";
  registry_->put_revision(newer);
  reopen();
  EXPECT_EQ(registry_->revisions("acme/small"), (std::vector{newer, older}));
  registry_->remove_revision(newer.manifest);
  registry_->remove_revision(newer.manifest);
  EXPECT_EQ(registry_->revisions("acme/small"), std::vector{older});
  EXPECT_TRUE(registry_->revisions("acme").empty());
}

TEST_F(SqliteRegistryTest, ModelsComeInPages) {
  for (std::uint64_t i = 0; i < 10; ++i) {
    registry_->put_revision(sample_revision(2 * i, "acme/m" + std::to_string(i)));
    registry_->put_revision(sample_revision(2 * i + 1, "acme/m" + std::to_string(i)));
  }
  EXPECT_EQ(registry_->models("", "", 3), (Names{"acme/m0", "acme/m1", "acme/m2"}));
  EXPECT_EQ(registry_->models("acme/m2", "", 3), (Names{"acme/m3", "acme/m4", "acme/m5"}));
  EXPECT_EQ(registry_->models("acme/m8", "", SIZE_MAX), Names{"acme/m9"});
  EXPECT_TRUE(registry_->models("acme/m9", "", 3).empty());
  EXPECT_TRUE(registry_->models("", "", 0).empty());
}

TEST_F(SqliteRegistryTest, SearchIsForPlainTextInAnyCase) {
  registry_->put_revision(sample_revision(1, "acme/100%_sure"));
  registry_->put_revision(sample_revision(2, "acme/100xysure"));
  registry_->put_revision(sample_revision(3, "acme/Qwen", "Größe ÄÖÜ, МОСКВА, 日本語 'quoted\\'"));
  registry_->put_revision(sample_revision(4, "acme/bad", "not UTF-8: \xff\xfeX"));
  const auto found = [&](const std::string& search) { return registry_->models("", search, 100); };
  EXPECT_EQ(found("%"), Names{"acme/100%_sure"});
  EXPECT_EQ(found("0%_S"), Names{"acme/100%_sure"});
  EXPECT_EQ(found("_"), Names{"acme/100%_sure"});
  EXPECT_EQ(found("100"), (Names{"acme/100%_sure", "acme/100xysure"}));
  EXPECT_EQ(found("qWEN"), Names{"acme/Qwen"});
  EXPECT_EQ(found("grÖSSe"), Names{});
  EXPECT_EQ(found("grÖßE äöÜ"), Names{"acme/Qwen"});
  EXPECT_EQ(found("москва"), Names{"acme/Qwen"});
  EXPECT_EQ(found("本語"), Names{"acme/Qwen"});
  EXPECT_EQ(found("'quoted\\'"), Names{"acme/Qwen"});
  EXPECT_EQ(found("' or 1=1 --"), Names{});
  EXPECT_EQ(found("\xfex"), Names{"acme/bad"});
  EXPECT_EQ(registry_->models("acme/100%_sure", "100", 100), Names{"acme/100xysure"});
}

TEST_F(SqliteRegistryTest, TagsAreReplacedAsAWhole) {
  using Tags = std::vector<std::pair<std::string, Hash256>>;
  registry_->set_tags("acme/m", Tags{{"v1", sample_hash(1)}, {"latest", sample_hash(2)}});
  registry_->set_tags("acme/other", Tags{{"latest", sample_hash(3)}});
  EXPECT_EQ(registry_->tags("acme/m"), (Tags{{"latest", sample_hash(2)}, {"v1", sample_hash(1)}}));
  registry_->set_tags("acme/m", Tags{{"v2", sample_hash(4)}});
  reopen();
  EXPECT_EQ(registry_->tags("acme/m"), (Tags{{"v2", sample_hash(4)}}));
  EXPECT_EQ(registry_->tags("acme/other").size(), 1U);
}

TEST_F(SqliteRegistryTest, PushesAreJournaled) {
  const UtcTime now(Milliseconds(1'700'000'000'001));
  const auto first = registry_->begin_push("acme/m", "latest", now);
  const auto second = registry_->begin_push("acme/m", "v2", now);
  EXPECT_NE(first, second);
  registry_->record_push(first, PushState::running, 3);
  registry_->record_push(second, PushState::committed, 9);
  reopen();
  EXPECT_EQ(registry_->pushes(PushState::running),
            (std::vector<PushRow>{{first, "acme/m", "latest", PushState::running, now, 3}}));
  EXPECT_EQ(registry_->pushes(PushState::committed),
            (std::vector<PushRow>{{second, "acme/m", "v2", PushState::committed, now, 9}}));
  EXPECT_TRUE(registry_->pushes(PushState::abandoned).empty());
  EXPECT_EQ(error_of([&] { registry_->record_push(999, PushState::running, 0); }), ErrorKind::not_found);
}

TEST_F(SqliteRegistryTest, TokensAreFoundByHash) {
  const TokenRow later{"aa", sample_hash(1), "read", UtcTime(Milliseconds(2000))};
  const TokenRow earlier{"bb", sample_hash(2), "admin", UtcTime(Milliseconds(1000))};
  registry_->add_token(later);
  registry_->add_token(earlier);
  reopen();
  EXPECT_EQ(registry_->tokens(), (std::vector{earlier, later}));
  EXPECT_EQ(registry_->find_token(sample_hash(2)), earlier);
  EXPECT_EQ(registry_->find_token(sample_hash(3)), std::nullopt);
  EXPECT_EQ(error_of([&] { registry_->add_token({"aa", sample_hash(4), "read", {}}); }), ErrorKind::invalid);
  EXPECT_TRUE(registry_->remove_token("aa"));
  EXPECT_FALSE(registry_->remove_token("aa"));
  EXPECT_EQ(registry_->find_token(sample_hash(1)), std::nullopt);
}

TEST_F(SqliteRegistryTest, TransactionIsUndoneWhenItThrows) {
  struct Stop {};
  registry_->set_setting("a", as_bytes("before"));
  EXPECT_THROW(registry_->transaction([&] {
    registry_->set_setting("a", as_bytes("inside"));
    add(*registry_, sample_pack(1));
    EXPECT_EQ(registry_->setting("a"), to_bytes("inside"));
    throw Stop{};
  }),
               Stop);
  EXPECT_EQ(registry_->setting("a"), to_bytes("before"));
  EXPECT_EQ(registry_->pack(sample_pack(1).pack.id), std::nullopt);
  registry_->transaction([&] { registry_->set_setting("a", as_bytes("after")); });
  reopen();
  EXPECT_EQ(registry_->setting("a"), to_bytes("after"));
}

TEST_F(SqliteRegistryTest, NestedTransactionIsPartOfTheOuterOne) {
  EXPECT_THROW(registry_->transaction([&] {
    registry_->transaction([&] { registry_->set_setting("inner", as_bytes("1")); });
    throw Error(ErrorKind::cancelled, "test", "stop");
  }),
               Error);
  EXPECT_EQ(registry_->setting("inner"), std::nullopt);
}

TEST_F(SqliteRegistryTest, NestedTransactionThatThrowsIsUndoneAlone) {
  registry_->transaction([&] {
    registry_->set_setting("outer", as_bytes("1"));
    EXPECT_THROW(registry_->transaction([&] {
      registry_->set_setting("inner", as_bytes("1"));
      throw Error(ErrorKind::cancelled, "test", "stop");
    }),
                 Error);
    EXPECT_EQ(registry_->setting("inner"), std::nullopt);
    registry_->set_setting("outer too", as_bytes("1"));
  });
  EXPECT_NE(registry_->setting("outer"), std::nullopt);
  EXPECT_NE(registry_->setting("outer too"), std::nullopt);
  EXPECT_EQ(registry_->setting("inner"), std::nullopt);
}

}  // namespace
}  // namespace modelfloat::registry
