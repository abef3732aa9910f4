// The order in which a home reads the objects of a log does not change what it knows.
#include "engine/test_pool.h"
#include <gtest/gtest.h>

#include "modelfloat/crypto/aead.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/mf1/document.h"
#include "modelfloat/mf1/log_codec.h"

namespace modelfloat {
namespace {

using test::k_copies;
using test::Machine;
using test::Threads;
using test::World;

constexpr WriterId k_other{std::byte{9}};

// A machine, and another one whose log objects are made by hand.
class LogReading : public testing::Test {
 protected:
  LogReading() {
    one_.create(k_copies);
    one_.push("ns/model", {{"m.bin", test::random_bytes(1000, 1)}});
  }

  // Seals the document under these keys and puts it to all stores, or makes its name only.
  ObjectName write(ObjectType type, std::uint64_t seq, ByteSpan cbor, const mf1::Keyring& keys) {
    const auto sealed = mf1::seal_document(type, cbor, keys, crypto::preferred_suite(), random_);
    const auto name = ObjectName::of_chain(type, k_other, seq, sealed.hash);
    for (std::size_t i = 0; i < world_.size(); ++i) world_.inner(i).put(name, sealed.object, {});
    return name;
  }
  ObjectName write(ObjectType type, std::uint64_t seq, ByteSpan cbor) {
    return write(type, seq, cbor, one_.pool().keys());
  }
  void write_checkpoint(const std::vector<Hash256>& records, const ObjectName& part) {
    Checkpoint checkpoint;
    checkpoint.writer = k_other;
    checkpoint.seq = records.size();
    checkpoint.hash = records.back();
    checkpoint.records = records;
    checkpoint.parts = {{*part.seq(), *part.hash()}};
    write(ObjectType::checkpoint, checkpoint.seq, mf1::to_cbor(checkpoint));
  }
  // A part of one entry: the record with these heads.
  static Bytes part_of(ByteSpan record, const Hash256& hash, const std::map<WriterId, ChainHead>& heads) {
    const auto bytes = mf1::record_bytes(record);
    const std::vector<Bytes> entries{mf1::entry_cbor(bytes, hash, heads, bytes.changes)};
    return mf1::part_cbor(k_other, bytes.seq, entries);
  }
  static Bytes record_cbor(std::uint64_t seq, std::vector<Change> changes) {
    LogRecord record;
    record.writer = k_other;
    record.seq = seq;
    record.changes = std::move(changes);
    return mf1::to_cbor(record);
  }
  mf1::Keyring unknown_keys() { return {one_.pool().keys().pool_id(), 7, crypto::SecretKey::random(random_)}; }
  std::string why_read_only() {
    one_.pool().log().sync({});
    return one_.pool().log().why_read_only();
  }
  bool has_tag() {
    one_.pool().log().sync({});
    return one_.pool().log().state().tags.contains("ns/model");
  }

  World world_{3};
  Machine one_{world_, Threads::one};
  test::FixedRandom random_{5};
};

TEST_F(LogReading, HeadsOfALeftOutRecordCountForARecordThatWasHereBefore) {
  const auto heads = one_.pool().log().state().heads;
  const Bytes second = record_cbor(2, {Untagged{"ns/model", "latest"}});
  const auto record = write(ObjectType::log, 2, second);
  EXPECT_TRUE(has_tag());  // the first record, which knows of it, is nowhere
  const auto part = write(ObjectType::part, 2, part_of(second, *record.hash(), heads));
  write_checkpoint({Hash256{std::byte{1}}, *record.hash()}, part);
  EXPECT_FALSE(has_tag());
}

TEST_F(LogReading, APartThatCannotBeOpenedMakesReadOnly) {
  const Bytes first = record_cbor(1, {});
  const Hash256 hash{std::byte{1}};
  write_checkpoint({hash}, write(ObjectType::part, 1, part_of(first, hash, {}), unknown_keys()));
  EXPECT_NE(why_read_only(), "");
  EXPECT_NE(why_read_only(), "");
}

TEST_F(LogReading, ARecordThatCannotBeOpenedDoesNotBlockOnceACheckpointNamesIt) {
  const auto record = write(ObjectType::log, 1, record_cbor(1, {}), unknown_keys());
  EXPECT_NE(why_read_only(), "");
  const auto part = write(ObjectType::part, 1, part_of(record_cbor(1, {}), *record.hash(), {}));
  write_checkpoint({*record.hash()}, part);
  EXPECT_EQ(why_read_only(), "");
}

}  // namespace
}  // namespace modelfloat
