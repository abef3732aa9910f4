// The log, documents, the queue of puts and the journal of pushes.
#include <utility>

#include "support/registry_samples.h"
#include "support/registry_suite.h"

namespace modelfloat::registry {
namespace {

using namespace test;
using Names = std::vector<std::string>;

TEST_P(RegistrySuite, LogIsOrderedByWriterAndSeq) {
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
  for (const LogRow& row : ordered) names.push_back({row.writer, row.seq, row.hash, row.cbor.size()});
  EXPECT_EQ(registry_->log_names(), names);
  EXPECT_EQ(registry_->log_records_of(low), std::vector<LogRow>(ordered.begin(), ordered.end() - 1));
  EXPECT_EQ(registry_->log_record(names[4]), to_bytes("c"));
  EXPECT_EQ(registry_->log_record({high, 2, names[4].hash}), std::nullopt);
}

TEST_P(RegistrySuite, RecordsMayBecomeNames) {
  const auto writer = sample_id<WriterId>(1);
  const LogRow first{writer, 1, sample_hash(1), to_bytes("one")};
  const LogRow second{writer, 2, sample_hash(2), to_bytes("two")};
  registry_->add_log_records(std::vector{first, second});
  const auto version = registry_->log_version();
  registry_->add_log_records(std::vector{first});
  EXPECT_EQ(registry_->log_version(), version);

  registry_->keep_names_only(std::vector{LogName{writer, 1, first.hash}, LogName{writer, 9, sample_hash(9)}});
  registry_->add_names(std::vector{LogName{writer, 2, second.hash}, LogName{writer, 3, sample_hash(3)}});
  registry_->replace_log_records(std::vector{LogRow{writer, 2, second.hash, to_bytes("two again")}, first});
  EXPECT_GT(registry_->log_version(), version);
  reopen();
  EXPECT_EQ(registry_->log_records(), (std::vector<LogRow>{{writer, 2, second.hash, to_bytes("two again")}}));
  EXPECT_EQ(registry_->names_without_records(),
            (std::vector<LogName>{{writer, 1, first.hash}, {writer, 3, sample_hash(3)}, {writer, 9, sample_hash(9)}}));

  const auto before = registry_->log_version();
  registry_->add_log_records(std::vector{first});  // it is read again
  EXPECT_GT(registry_->log_version(), before);
  EXPECT_EQ(registry_->log_records().size(), 2U);
  EXPECT_EQ(registry_->names_without_records().size(), 2U);
  registry_->clear();
  registry_->add_log_records(std::vector{first});
  EXPECT_GT(registry_->log_version(), 0U);
}

TEST_P(RegistrySuite, CheckpointsAreKeptByName) {
  const auto writer = sample_id<WriterId>(1);
  CheckpointRow first{writer, 64, sample_hash(1), to_bytes("first"), false};
  const CheckpointRow second{writer, UINT64_MAX, sample_hash(2), to_bytes("second"), true};
  registry_->put_checkpoint(second);
  registry_->put_checkpoint(first);
  first.is_taken = true;
  registry_->put_checkpoint(first);
  reopen();
  EXPECT_EQ(registry_->checkpoints(), (std::vector{first, second}));
  registry_->forget_checkpoint(writer, 64, first.hash);
  registry_->forget_checkpoint(writer, 64, second.hash);  // no such checkpoint
  EXPECT_EQ(registry_->checkpoints(), (std::vector{second}));
}

TEST_P(RegistrySuite, ListedPathsAddUp) {
  const auto store = sample_id<StoreId>(1);
  EXPECT_TRUE(registry_->listed(store).empty());
  registry_->record_listed(store, Names{"mf1/log/b", "mf1/log/a"});
  registry_->record_listed(store, Names{"mf1/log/c", "mf1/log/b"});
  registry_->record_listed(sample_id<StoreId>(2), Names{"mf1/log/other"});
  reopen();
  EXPECT_EQ(registry_->listed(store), (Names{"mf1/log/a", "mf1/log/b", "mf1/log/c"}));
  registry_->forget_listed(store, Names{"mf1/log/b", "mf1/log/d"});
  EXPECT_EQ(registry_->listed(store), (Names{"mf1/log/a", "mf1/log/c"}));
  EXPECT_EQ(registry_->listed(sample_id<StoreId>(2)), (Names{"mf1/log/other"}));
}

TEST_P(RegistrySuite, QueueKeepsItsOrder) {
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

TEST_P(RegistrySuite, ConfirmedPutsAreRememberedWhileSomebodyWaitsForThem) {
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

TEST_P(RegistrySuite, UnreadableObjectsAreRememberedWithWhatWasTried) {
  registry_->record_unreadable({"b", "1"});
  registry_->record_unreadable({"a", "1"});
  registry_->record_unreadable({"b", "2", Unreadable::junk});
  reopen();
  EXPECT_EQ(registry_->unreadable(), (std::vector<UnreadableRow>{{"a", "1"}, {"b", "2", Unreadable::junk}}));
  registry_->forget_unreadable(Names{"b", "c"});
  EXPECT_EQ(registry_->unreadable(), (std::vector<UnreadableRow>{{"a", "1"}}));
}

TEST_P(RegistrySuite, DamagedCopiesOfDocumentsAreRemembered) {
  const StoreId a{std::byte{1}};
  const StoreId b{std::byte{2}};
  EXPECT_TRUE(registry_->damaged_documents().empty());
  registry_->record_document_copy("mf1/content/y", b, false);
  registry_->record_document_copy("mf1/content/y", a, false);
  registry_->record_document_copy("mf1/content/y", a, false);
  registry_->record_document_copy("mf1/content/x", a, false);
  registry_->record_document_copy("mf1/content/z", a, true);
  using Damaged = DocumentCache::DocumentCopy;
  EXPECT_EQ(registry_->damaged_documents(),
            (std::vector<Damaged>{{"mf1/content/x", a}, {"mf1/content/y", a}, {"mf1/content/y", b}}));
  registry_->record_document_copy("mf1/content/y", a, true);
  EXPECT_EQ(registry_->damaged_documents(), (std::vector<Damaged>{{"mf1/content/x", a}, {"mf1/content/y", b}}));
}

TEST_P(RegistrySuite, StoresThatLackADocumentAreKnown) {
  const StoreId a{std::byte{1}};
  const StoreId b{std::byte{2}};
  const std::string object = "mf1/content/x";
  EXPECT_TRUE(registry_->stores_without_document(object).empty());
  registry_->record_document_copy(object, b, false);
  registry_->queue_puts(std::vector<QueuedPut>{{a, object, {}}, {b, object, {}}, {b, "mf1/content/y", {}}});
  EXPECT_EQ(registry_->stores_without_document(object), (std::vector{a, b}));
  registry_->put_done(a, object);
  EXPECT_EQ(registry_->stores_without_document(object), std::vector{b});
}

TEST_P(RegistrySuite, DocumentsComeBackByPath) {
  const Bytes sealed = to_bytes(std::string_view("\0sealed\0", 8));
  registry_->keep_document("mf1/content/aa", as_bytes("older"));
  registry_->keep_document("mf1/content/aa", sealed);
  registry_->keep_document("mf1/content/bb", sealed);
  reopen();
  EXPECT_EQ(registry_->document("mf1/content/aa"), sealed);
  EXPECT_EQ(registry_->document("mf1/content/bb"), sealed);
  EXPECT_EQ(registry_->document("mf1/content/cc"), std::nullopt);
  registry_->forget_documents(Names{"mf1/content/aa", "mf1/content/cc"});
  EXPECT_EQ(registry_->document("mf1/content/aa"), std::nullopt);
  EXPECT_EQ(registry_->document("mf1/content/bb"), sealed);
}

TEST_P(RegistrySuite, PushesAreJournaled) {
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

}  // namespace
}  // namespace modelfloat::registry
