#include "modelfloat/mf1/log_codec.h"

#include <algorithm>
#include <functional>

#include "manifest_samples.h"
#include "samples.h"
#include <rapidcheck.h>

#include "modelfloat/mf1/cbor.h"

namespace modelfloat::mf1 {
namespace {

TEST(Log, RecordsAndCheckpointsRoundTrip) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    Samples samples(seed);
    const auto record = samples.record();
    RC_ASSERT(log_record_from_cbor(to_cbor(record)) == record);
    const auto checkpoint = samples.checkpoint();
    RC_ASSERT(checkpoint_from_cbor(to_cbor(checkpoint)) == checkpoint);
  }));
}

// The records as entries of a part, with all of their changes.
std::vector<Bytes> entries_of(const std::vector<LogRecord>& records) {
  std::vector<Bytes> entries;
  for (const LogRecord& record : records) {
    const Bytes cbor = to_cbor(record);
    const RecordBytes bytes = record_bytes(cbor);
    entries.push_back(entry_cbor(bytes, Hash256{std::byte(record.seq)}, record.heads, bytes.changes));
  }
  return entries;
}

TEST(Log, PartsRoundTrip) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    Samples samples(seed);
    const auto records = samples.chain(1 + seed % 5);
    const auto entries = entries_of(records);
    const Bytes cbor = part_cbor(records[0].writer, records.back().seq, entries);
    const Part part = part_from_cbor(cbor);
    RC_ASSERT(part.writer == records[0].writer);
    RC_ASSERT(part.seq == records.back().seq);
    RC_ASSERT(part.entries.size() == records.size());
    for (std::size_t i = 0; i < records.size(); ++i) {
      LogRecord expected = records[i];
      expected.previous = {};
      RC_ASSERT(part.entries[i].seq == expected.seq);
      RC_ASSERT(part.entries[i].hash == Hash256{std::byte(expected.seq)});
      RC_ASSERT(record_from_either(part.entries[i].cbor, part.writer) == expected);
      RC_ASSERT(record_from_either(to_cbor(expected), {}) == expected);
    }
  }));
}

TEST(Log, AnEntryGetsTheHeadsAndChangesThatItIsGiven) {
  Samples samples(4);
  LogRecord record = samples.record();
  record.changes = {Untagged{"a/b", "x"}, Untagged{"a/b", "y"}};
  const Bytes cbor = to_cbor(record);
  const RecordBytes bytes = record_bytes(cbor);
  ASSERT_EQ(bytes.changes.size(), 2U);
  const std::map<WriterId, ChainHead> heads = {{WriterId{std::byte{3}}, {7, {}}}};
  const Bytes entry = entry_cbor(bytes, {}, heads, std::span(bytes.changes).last(1));
  LogRecord expected = record;
  expected.previous = {};
  expected.heads = heads;
  expected.changes.erase(expected.changes.begin());
  EXPECT_EQ(record_from_either(entry, record.writer), expected);
  // An entry can be carried on in turn.
  const RecordBytes again = record_bytes(entry);
  EXPECT_EQ(entry_cbor(again, {}, heads, again.changes), entry);
}

TEST(Log, PartsThatMakeNoSenseAreRefused) {
  Samples samples(5);
  const auto records = samples.chain(3);
  const auto entries = entries_of(records);
  const WriterId writer = records[0].writer;
  const std::uint64_t seq = records.back().seq;
  const auto refusal = [&](std::uint64_t last, const std::vector<Bytes>& list) {
    return kind_thrown([&] { part_from_cbor(part_cbor(writer, last, list)); });
  };
  EXPECT_FALSE(refusal(seq, entries));
  EXPECT_EQ(refusal(seq, {}), ErrorKind::corrupt);
  EXPECT_EQ(refusal(seq + 1, entries), ErrorKind::corrupt);
  EXPECT_EQ(refusal(seq - 1, entries), ErrorKind::corrupt);
  EXPECT_EQ(refusal(seq, {entries[1], entries[0], entries[2]}), ErrorKind::corrupt);
  EXPECT_EQ(refusal(seq, {entries[0], entries[2], entries[2]}), ErrorKind::corrupt);
}

TEST(Log, DamagedBytesNeverCrashAReader) {
  Samples samples(5);
  const auto records = samples.chain(3);
  const Bytes documents[] = {to_cbor(samples.record()), to_cbor(samples.checkpoint()),
                             part_cbor(records[0].writer, records[2].seq, entries_of(records))};
  for (const Bytes& document : documents) {
    for_each_damage(document, [&](const Bytes& bad, const std::string& what) {
      for (const auto& read :
           {+[](ByteSpan bytes) { log_record_from_cbor(bytes); }, +[](ByteSpan bytes) { checkpoint_from_cbor(bytes); },
            +[](ByteSpan bytes) {
              for (const PartEntry& entry : part_from_cbor(bytes).entries) {
                record_from_either(entry.cbor, {});
                record_bytes(entry.cbor);
              }
            }}) {
        const auto kind = kind_thrown([&] { read(bad); });
        EXPECT_TRUE(kind == ErrorKind::corrupt || (!kind && bad.size() == document.size())) << what;
      }
    });
  }
}

Bytes record_with_change(CborMap change) {
  CborMap map;
  map.bytes("writer", WriterId{}).number("seq", 1).bytes("previous", Hash256{}).number("time", 1);
  map.item("heads", [](CborWriter& to) { to.map({}); });
  map.item("changes", [&](CborWriter& to) {
    to.array(1);
    to.map(std::move(change));
  });
  return std::move(map).encoded();
}

CborMap future_change() {
  CborMap change;
  change.text("kind", "from_the_future").number("x", 1);
  return change;
}

Bytes future_change_bytes() { return future_change().encoded(); }

TEST(Log, AChangeOfTheFutureIsKnownAsSuch) {
  const LogRecord record = log_record_from_cbor(record_with_change(future_change()));
  ASSERT_EQ(record.changes.size(), 1U);
  EXPECT_EQ(std::get<UnknownChange>(record.changes[0]), (UnknownChange{"from_the_future", false}));
  EXPECT_EQ(log_record_from_cbor(to_cbor(record)), record);
}

TEST(Log, AChangeSaysWhetherItMayBePassedOver) {
  for (const bool may : {false, true}) {
    CborMap change = future_change();
    change.item("may", [&](CborWriter& to) { to.boolean(may); });
    const LogRecord record = log_record_from_cbor(record_with_change(std::move(change)));
    EXPECT_EQ(std::get<UnknownChange>(record.changes.at(0)), (UnknownChange{"from_the_future", may}));
    EXPECT_EQ(log_record_from_cbor(to_cbor(record)), record);
  }
  CborMap odd = future_change();
  odd.number("may", 1);
  EXPECT_FALSE(std::get<UnknownChange>(log_record_from_cbor(record_with_change(std::move(odd))).changes.at(0)).may);
}

// Even one of a known kind.
TEST(Log, AChangeThatNeedsSomethingUnknownIsUnknown) {
  for (const std::size_t names : {0, 1}) {
    CborMap change;
    change.text("kind", "untagged").text("model", "a/b").text("tag", "x").item("must", [&](CborWriter& to) {
      to.array(names);
      if (names > 0) to.text("time travel");
    });
    const Change read = log_record_from_cbor(record_with_change(std::move(change))).changes.at(0);
    if (names == 0) {
      EXPECT_EQ(std::get<Untagged>(read), (Untagged{"a/b", "x"}));
    } else {
      EXPECT_EQ(std::get<UnknownChange>(read), (UnknownChange{"untagged", false, "that need \"time travel\""}));
    }
  }
}

// What needs a newer reader may look otherwise than this version knows.
TEST(Log, WhatNeedsSomethingUnknownMayLookOtherwise) {
  const auto must = [](CborWriter& to) {
    to.array(1);
    to.text("time travel");
  };
  CborMap odd;
  odd.bytes("writer", WriterId{}).number("seq", 7).text("heads", "odd").text("changes", "odd").item("must", must);
  const Bytes record = std::move(odd).encoded();
  EXPECT_EQ(log_record_from_cbor(record).must, std::vector<std::string>{"time travel"});
  EXPECT_EQ(log_record_from_cbor(record).seq, 7U);

  CborMap part;
  part.bytes("writer", WriterId{}).number("seq", 7).text("records", "odd").item("must", must);
  EXPECT_EQ(part_from_cbor(std::move(part).encoded()).must.size(), 1U);

  CborMap checkpoint;
  checkpoint.bytes("writer", WriterId{}).number("seq", 7).text("parts", "odd").item("must", must);
  EXPECT_EQ(checkpoint_from_cbor(std::move(checkpoint).encoded()).must.size(), 1U);

  CborWriter entry;
  entry.array(6);
  entry.number(7);
  entry.bytes(Hash256{});
  entry.text("odd heads");
  entry.number(1);
  entry.text("odd changes");
  must(entry);
  EXPECT_EQ(record_from_either(entry.take(), WriterId{}).must.size(), 1U);

  CborMap no_need;
  no_need.bytes("writer", WriterId{}).number("seq", 7).text("heads", "odd").text("changes", "odd");
  const Bytes damaged = std::move(no_need).encoded();
  EXPECT_THROW(log_record_from_cbor(damaged), Error);
}

// With the members that this version does not know.
TEST(Log, AnEntryCarriesOnTheBytesOfAChangeOfTheFuture) {
  const Bytes cbor = record_with_change(future_change());
  const RecordBytes bytes = record_bytes(cbor);
  const Bytes entry = entry_cbor(bytes, {}, {}, bytes.changes);
  const Bytes change = future_change_bytes();
  EXPECT_NE(std::search(entry.begin(), entry.end(), change.begin(), change.end()), entry.end());
}

TEST(Log, AStateOfTheFutureMeansNothingNew) {
  CborMap change;
  change.text("kind", "store_added").bytes("store", StoreId{}).text("name", "a").text("url", "u").text("domain", "d");
  change.number("capacity", 0).number("state", 700);
  const Change read = log_record_from_cbor(record_with_change(std::move(change))).changes.at(0);
  EXPECT_EQ(std::get<StoreAdded>(read).use, StoreUse::other);
}

// A program that reads it so writes nothing, and the other changes of the record count.
TEST(Log, AChangeThatIsNotWholeIsUnknown) {
  const auto read = [](CborMap change) { return log_record_from_cbor(record_with_change(std::move(change))).changes; };
  const auto odd = [](const char* kind) { return UnknownChange{kind, false, "in a form that is not known"}; };
  CborMap no_tag;
  no_tag.text("kind", "untagged").text("model", "a/b");
  EXPECT_EQ(std::get<UnknownChange>(read(std::move(no_tag)).at(0)), odd("untagged"));
  CborMap no_kind;
  no_kind.text("model", "a/b");
  EXPECT_EQ(std::get<UnknownChange>(read(std::move(no_kind)).at(0)), odd(""));
  CborMap large;
  large.text("kind", "policy").number("k", 256).number("m", 0).number("survive", 0);
  EXPECT_EQ(std::get<UnknownChange>(read(std::move(large)).at(0)), odd("policy"));
}

TEST(Log, NumbersThatMakeNoSenseAreRefused) {
  EXPECT_EQ(kind_thrown([] { to_cbor(LogRecord{}); }), ErrorKind::invalid);
  Checkpoint good;
  good.seq = 5;
  good.before = ChainHead{3, {}};
  good.records.resize(2);
  good.parts = {{2, {}}, {5, {}}};
  const auto refused = [&](const std::function<void(Checkpoint&)>& change) {
    Checkpoint bad = good;
    change(bad);
    return kind_thrown([&] { to_cbor(bad); });
  };
  EXPECT_FALSE(refused([](Checkpoint&) {}));
  EXPECT_FALSE(refused([](Checkpoint& one) {
    one.before->seq = 5;
    one.records.clear();
  })) << "a checkpoint may have the number of the one before";
  EXPECT_EQ(refused([](Checkpoint& one) { one.seq = 0; }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Checkpoint& one) { one.before = ChainHead{0, {}}; }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Checkpoint& one) { one.before.reset(); }), ErrorKind::invalid) << "then there are five";
  EXPECT_EQ(refused([](Checkpoint& one) { one.before->seq = 5; }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Checkpoint& one) { one.before->seq = 9; }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Checkpoint& one) { one.records.emplace_back(); }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Checkpoint& one) { one.parts.clear(); }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Checkpoint& one) { one.parts.pop_back(); }), ErrorKind::invalid) << "they end before it";
  EXPECT_EQ(refused([](Checkpoint& one) { std::swap(one.parts[0], one.parts[1]); }), ErrorKind::invalid);
  EXPECT_EQ(refused([](Checkpoint& one) { one.parts.push_back({6, {}}); }), ErrorKind::invalid);
}

}  // namespace
}  // namespace modelfloat::mf1
