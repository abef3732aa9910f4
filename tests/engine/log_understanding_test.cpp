// What a program does with a log that has something newer than itself in it, or junk:
// docs/formats/mf1.md section 9.7.
#include "engine/test_pool.h"
#include "support/thrown.h"
#include <gtest/gtest.h>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/engine/upkeep/verify.h"
#include "modelfloat/mf1/cbor.h"
#include "modelfloat/mf1/document.h"
#include "modelfloat/mf1/log_codec.h"

namespace modelfloat {
namespace {

using test::Files;
using test::k_copies;
using test::kind_thrown;
using test::Machine;
using test::one_file;
using test::Threads;
using test::World;

class Understanding : public testing::Test {
 protected:
  Understanding() {
    one_.create(k_copies);
    one_.push("ns/model", one_file(1));
  }

  // A record of a writer that knows more than this version, sealed under `keys`.
  std::pair<ObjectName, Bytes> record_of(std::uint64_t seq, std::vector<Change> changes, const mf1::Keyring& keys,
                                         std::vector<std::string> must = {}) {
    LogRecord record;
    record.writer = WriterId{std::byte{9}};
    record.seq = seq;
    record.changes = std::move(changes);
    record.must = std::move(must);
    auto sealed = mf1::seal_document(ObjectType::log, mf1::to_cbor(record), keys, crypto::preferred_suite(),
                                     one_.environment().random);
    return {ObjectName::of_chain(ObjectType::log, record.writer, seq, sealed.hash), std::move(sealed.object)};
  }
  void put(const std::pair<ObjectName, Bytes>& object, std::initializer_list<std::size_t> stores) {
    for (const std::size_t i : stores) world_.inner(i).put(object.first, object.second, {});
  }
  // The pool's keys after another machine has begun epoch 2.
  mf1::Keyring newer_keys() {
    mf1::Keyring keys = one_.pool().keys();
    keys.add_root(2, crypto::SecretKey::random(one_.environment().random));
    return keys;
  }
  void expect_read_only() {
    EXPECT_EQ(kind_thrown([&] { one_.push("ns/new", one_file(2)); }), ErrorKind::unsupported);
    EXPECT_EQ(kind_thrown([&] { one_.pool().log().append({Untagged{"ns/model", "latest"}}, {}); }),
              ErrorKind::unsupported);
    EXPECT_EQ(one_.pull("ns/model"), one_file(1));
    EXPECT_FALSE(one_.pool().log().why_read_only().empty());
  }
  void expect_writable() {
    one_.push("ns/new", one_file(2));
    EXPECT_EQ(one_.pool().log().why_read_only(), "");
    EXPECT_EQ(one_.pull("ns/new"), one_file(2));
  }

  World world_{3};
  Machine one_{world_, Threads::one};
};

TEST_F(Understanding, AnUnknownChangeMakesItReadOnlyForEverybody) {
  put(record_of(1, {UnknownChange{"held", false}}, one_.pool().keys()), {0, 1, 2});
  expect_read_only();
  one_.reopen();
  expect_read_only();
  Machine other(world_, Threads::one, 50);  // its key slot cannot be written, and is known to it alone
  other.recover(one_.recovery_secret(), {0, 1, 2});
  other.reopen();
  EXPECT_EQ(other.pull("ns/model"), one_file(1));
  EXPECT_EQ(kind_thrown([&] { other.push("ns/new", one_file(2)); }), ErrorKind::unsupported);
  EXPECT_FALSE(engine::verify(other.pool(), {}, {}).sound());
}

TEST_F(Understanding, OneThatMayBePassedOverDoesNot) {
  put(record_of(1, {UnknownChange{"remarked", true}}, one_.pool().keys()), {0, 1, 2});
  expect_writable();
}

TEST_F(Understanding, WhatARecordNeedsIsAskedFor) {
  put(record_of(1, {Untagged{"ns/model", "latest"}}, one_.pool().keys(), {"leases"}), {0, 1, 2});
  expect_read_only();
  EXPECT_NE(one_.pool().log().why_read_only().find("leases"), std::string::npos);
}

// What this version does not know goes on in its checkpoints, byte by byte.
TEST_F(Understanding, ACheckpointCarriesOnWhatItDoesNotKnow) {
  mf1::CborMap change;
  change.text("kind", "remarked").text("what", "of a later version").item("may", [](mf1::CborWriter& to) {
    to.boolean(true);
  });
  const Bytes bytes = std::move(change).encoded();
  const auto writer = engine::Settings(one_.environment().registry).writer().value();
  LogRecord record;
  record.writer = writer;
  record.seq = one_.environment().registry.log_records_of(writer).back().seq + 1;
  mf1::CborMap map;  // as a later version of this program wrote it in this home
  map.bytes("writer", record.writer)
      .number("seq", record.seq)
      .bytes("previous", Hash256{})
      .item("heads", [](mf1::CborWriter& to) { to.map({}); })
      .number("time", 0)
      .item("changes", [&](mf1::CborWriter& to) {
        to.array(1);
        to.encoded(bytes);
      });
  const registry::LogRow row{writer, record.seq, Hash256{std::byte{5}}, std::move(map).encoded()};
  one_.environment().registry.add_log_records({&row, 1});
  for (int i = 0; i < 64; ++i) one_.pool().log().append({Untagged{"ns/none", "none"}}, {});
  bool found = false;
  for (const auto& entry : one_.environment().registry.log_records_of(writer)) {
    if (entry.seq != record.seq) continue;
    const auto changes = mf1::record_bytes(entry.cbor).changes;
    ASSERT_EQ(changes.size(), 1U);
    found = equal(changes[0], bytes);
    EXPECT_NE(entry.cbor, row.cbor) << "it is an entry now";
  }
  EXPECT_TRUE(found);
}

TEST_F(Understanding, ARecordOfANewerEpochMakesItReadOnlyOnceItIsWritten) {
  const auto record = record_of(1, {Untagged{"ns/none", "none"}}, newer_keys());
  put(record, {0});
  expect_writable();  // on one store, which may be lost: it does not count as written
  put(record, {1});
  expect_read_only();
  one_.reopen();
  expect_read_only();
}

// Whoever owns as many stores as may be lost cannot keep the others from writing.
TEST_F(Understanding, JunkOnAsManyStoresAsMayBeLostBlocksNothing) {
  for (std::uint64_t seq = 1; seq <= 5; ++seq) put(record_of(seq, {}, newer_keys()), {1});
  expect_writable();
  const Bytes junk = test::random_bytes(300, 7);
  const auto name = ObjectName::of_chain(ObjectType::log, WriterId{std::byte{8}}, 1, crypto::blake3(junk));
  for (std::size_t i = 0; i < world_.size(); ++i) world_.inner(i).put(name, junk, {});  // no object of ours at all
  one_.push("ns/new", one_file(3));
  EXPECT_EQ(one_.pull("ns/new"), one_file(3));
}

// A store that does not answer may have it, too.
TEST_F(Understanding, BesideAStoreThatIsAwayItIsNotTakenForJunk) {
  const auto record = record_of(1, {}, newer_keys());
  put(record, {0});
  world_.faults(2).set_offline(true);
  one_.reopen();
  one_.pool().log().sync({});
  EXPECT_FALSE(one_.pool().log().why_read_only().empty());
  world_.faults(2).set_offline(false);
  one_.reopen();
  expect_writable();
}

}  // namespace
}  // namespace modelfloat
