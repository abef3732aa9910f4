#include "modelfloat/mf1/log_codec.h"

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

TEST(Log, DamagedBytesNeverCrashAReader) {
  Samples samples(5);
  const Bytes documents[] = {to_cbor(samples.record()), to_cbor(samples.checkpoint())};
  for (const Bytes& document : documents) {
    for_each_damage(document, [&](const Bytes& bad, const std::string& what) {
      for (const auto& read : {+[](ByteSpan bytes) { log_record_from_cbor(bytes); },
                               +[](ByteSpan bytes) { checkpoint_from_cbor(bytes); }}) {
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

TEST(Log, AChangeOfTheFutureIsPassedOver) {
  CborMap change;
  change.text("kind", "from_the_future").number("x", 1);
  const LogRecord record = log_record_from_cbor(record_with_change(std::move(change)));
  ASSERT_EQ(record.changes.size(), 1U);
  EXPECT_EQ(std::get<UnknownChange>(record.changes[0]).kind, "from_the_future");
  EXPECT_EQ(log_record_from_cbor(to_cbor(record)), record);
  // A checkpoint would take the record's place, and the unknown members would be gone.
  Checkpoint checkpoint;
  checkpoint.seq = 1;
  checkpoint.records.push_back({record, {}});
  EXPECT_EQ(kind_thrown([&] { to_cbor(checkpoint); }), ErrorKind::unsupported);
}

TEST(Log, AKnownChangeMustBeWhole) {
  CborMap no_tag;
  no_tag.text("kind", "untagged").text("model", "a/b");
  EXPECT_EQ(kind_thrown([&] { log_record_from_cbor(record_with_change(std::move(no_tag))); }), ErrorKind::corrupt);
  CborMap no_kind;
  no_kind.text("model", "a/b");
  EXPECT_EQ(kind_thrown([&] { log_record_from_cbor(record_with_change(std::move(no_kind))); }), ErrorKind::corrupt);
  CborMap large;
  large.text("kind", "policy").number("k", 256).number("m", 0).number("survive", 0);
  EXPECT_EQ(kind_thrown([&] { log_record_from_cbor(record_with_change(std::move(large))); }), ErrorKind::corrupt);
}

TEST(Log, NumbersThatMakeNoSenseAreRefused) {
  LogRecord record;
  EXPECT_EQ(kind_thrown([&] { to_cbor(record); }), ErrorKind::invalid);
  Checkpoint checkpoint;
  EXPECT_EQ(kind_thrown([&] { to_cbor(checkpoint); }), ErrorKind::invalid);
  checkpoint.seq = 3;
  checkpoint.records.resize(2);
  checkpoint.records[0].record.seq = 2;
  checkpoint.records[1].record.seq = 1;
  EXPECT_EQ(kind_thrown([&] { to_cbor(checkpoint); }), ErrorKind::invalid);
  checkpoint.records[1].record.seq = 4;
  EXPECT_EQ(kind_thrown([&] { to_cbor(checkpoint); }), ErrorKind::invalid);
  checkpoint.records[1].record.seq = 3;
  EXPECT_FALSE(kind_thrown([&] { to_cbor(checkpoint); }));
}

}  // namespace
}  // namespace modelfloat::mf1
