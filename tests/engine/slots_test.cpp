// Key slots: which are tried, and what they may cost.
#include "modelfloat/engine/pool/slots.h"

#include "engine/test_pool.h"
#include "support/thrown.h"
#include <gtest/gtest.h>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/crypto/key_derivation.h"
#include "modelfloat/mf1/document.h"
#include "modelfloat/mf1/log_codec.h"

namespace modelfloat {
namespace {

using engine::FoundSlot;
using mf1::PassphraseCost;
using mf1::SecretKind;
using test::k_copies;
using test::Machine;
using test::Threads;
using test::World;

constexpr PoolId k_pool{std::byte{1}};
constexpr PassphraseCost k_cheap{crypto::k_argon2id_min_memory_kib, 1};

FoundSlot slot_of(SecretKind kind, PassphraseCost cost, PoolId pool = k_pool) {
  mf1::Slot slot;
  slot.kind = kind;
  slot.cost = cost;
  slot.pool = pool;
  return {ObjectName::of(ObjectType::slot, Hash256{}), {}, slot};
}

TEST(Slots, TheCheapestAreTriedFirstAndNotMoreThanSixteen) {
  std::vector<FoundSlot> found;
  for (std::uint32_t i = 40; i > 0; --i) found.push_back(slot_of(SecretKind::passphrase, {1024 * i, 1}));
  std::size_t left_out = 0;
  const auto worth = engine::worth_trying(found, SecretKind::passphrase, mf1::pool_tag_of(k_pool), left_out);
  ASSERT_EQ(worth.size(), 16U);
  EXPECT_EQ(left_out, 24U);
  for (std::uint32_t i = 0; i < 16; ++i) EXPECT_EQ(worth[i].slot.cost.memory_kib, 1024 * (i + 1));
}

TEST(Slots, WhatTheyCostTogetherIsBounded) {
  std::vector<FoundSlot> found{slot_of(SecretKind::passphrase, {})};
  for (int i = 0; i < 8; ++i) {
    found.push_back(slot_of(SecretKind::passphrase, {256 * 1024, 10}));
    found.back().slot.salt[0] = static_cast<std::byte>(i);
  }
  std::size_t left_out = 0;
  const auto worth = engine::worth_trying(found, SecretKind::passphrase, std::nullopt, left_out);
  std::uint64_t work = 0;
  for (const FoundSlot& slot : worth) work += std::uint64_t{slot.slot.cost.memory_kib} * slot.slot.cost.passes;
  EXPECT_EQ(worth.front().slot.cost.passes, 3U);
  EXPECT_LE(work, 8ULL * 256 * 1024 * 3);
  EXPECT_EQ(worth.size() + left_out, found.size());
}

TEST(Slots, OfAnotherPoolOrKindAreNotTried) {
  const std::vector<FoundSlot> found{slot_of(SecretKind::passphrase, {}, {std::byte{2}}),
                                     slot_of(SecretKind::key_file, {0, 0}), slot_of(SecretKind::recovery_code, {0, 0})};
  std::size_t left_out = 0;
  EXPECT_EQ(engine::worth_trying(found, SecretKind::passphrase, mf1::pool_tag_of(k_pool), left_out).size(), 0U);
  EXPECT_EQ(engine::worth_trying(found, SecretKind::passphrase, std::nullopt, left_out).size(), 1U);
  EXPECT_EQ(engine::worth_trying(found, SecretKind::key_file, mf1::pool_tag_of(k_pool), left_out).size(), 1U);
  EXPECT_EQ(left_out, 0U);
}

class SlotsOnStores : public testing::Test {
 protected:
  SlotsOnStores() { machine_.create(k_copies); }

  static mf1::SlotSecret passphrase(std::string_view text) {
    return mf1::SlotSecret::passphrase(crypto::SecretBytes(as_bytes(text)));
  }
  // Puts a slot to these stores; the log does not speak of it.
  void put_slot(const mf1::SlotSecret& secret, const mf1::Keyring& keys, PassphraseCost cost,
                std::initializer_list<std::size_t> stores) {
    const Bytes slot = mf1::make_slot(secret, keys, 1, machine_.environment().random, cost).object;
    for (const std::size_t store : stores)
      world_.inner(store).put(ObjectName::of(ObjectType::slot, crypto::blake3(slot)), slot, {});
  }
  // One that counts.
  mf1::MadeSlot add_slot(const mf1::SlotSecret& secret, PassphraseCost cost) {
    const auto made = mf1::make_slot(secret, machine_.pool().keys(), 1, machine_.environment().random, cost);
    const Bytes& slot = made.object;
    const Hash256 hash = crypto::blake3(slot);
    const engine::NamedObject object{ObjectName::of(ObjectType::slot, hash), slot};
    machine_.environment().registry.keep_document(object.name.path(), slot);
    machine_.pool().documents().enqueue({&object, 1});
    const auto kind = static_cast<std::uint8_t>(secret.kind());
    machine_.pool().log().append({SlotAdded{made.id, hash, kind, 1, made.public_key}}, {});
    return made;
  }

  World world_{3};
  Machine machine_{world_, Threads::one};
};

TEST_F(SlotsOnStores, JunkIsNotTriedOnceOneHasOpened) {
  add_slot(passphrase("right"), k_cheap);
  const mf1::Keyring foreign({std::byte{9}}, 1, crypto::SecretKey::random(machine_.environment().random));
  for (int i = 0; i < 30; ++i) put_slot(passphrase("junk"), foreign, k_cheap, {0, 1});
  for (int i = 0; i < 30; ++i) put_slot(passphrase("junk"), machine_.pool().keys(), {16, 2}, {0, 1});
  Machine other(world_, Threads::one, 50);
  EXPECT_EQ(other.recover(passphrase("right"), {0, 1, 2}).slots_tried, 1U);
}

TEST_F(SlotsOnStores, JunkOnOneStoreDoesNotHideTheRightSlotOnAnother) {
  add_slot(passphrase("right"), {16, 2});
  for (int i = 0; i < 30; ++i) put_slot(passphrase("junk"), machine_.pool().keys(), k_cheap, {0});
  Machine other(world_, Threads::one, 50);
  const auto result = other.recover(passphrase("right"), {0, 1, 2});
  EXPECT_EQ(result.slots_tried, 17U);
}

TEST_F(SlotsOnStores, AnotherKeyFileThanTheFirstOpensAfterManyRecoveries) {
  const auto last = crypto::SecretKey::random(machine_.environment().random);
  for (int i = 0; i < 20; ++i)
    add_slot(mf1::SlotSecret::key_file(crypto::SecretKey::random(machine_.environment().random)), {});
  add_slot(mf1::SlotSecret::key_file(last), {});
  Machine other(world_, Threads::one, 50);
  EXPECT_EQ(other.recover(mf1::SlotSecret::key_file(last), {0, 1, 2}).models, 0U);
}

TEST_F(SlotsOnStores, ADamagedSlotInTheRegistryLeavesTheOthers) {
  // Whatever order they are in, a damaged one is before the good one.
  for (int i = 0; i < 8; ++i)
    add_slot(mf1::SlotSecret::key_file(crypto::SecretKey::random(machine_.environment().random)), {});
  registry::Registry& registry = machine_.environment().registry;
  const auto state = machine_.pool().log().state();
  std::size_t damaged = 0;
  for (const auto& [id, slot] : state.slots) {
    const std::string path = ObjectName::of(ObjectType::slot, slot.object).path();
    Bytes bytes = registry.document(path).value();
    if (slot.secret != static_cast<std::uint8_t>(SecretKind::key_file)) continue;
    bytes[100] ^= std::byte{1};
    registry.keep_document(path, bytes);
    const bool still_opens = !test::thrown_by([&] { machine_.reopen(); }).has_value();
    if (still_opens) {
      ++damaged;
    } else {  // the last good one
      bytes[100] ^= std::byte{1};
      registry.keep_document(path, bytes);
    }
  }
  EXPECT_EQ(damaged, 8U);
  machine_.reopen();
}

// Begins epoch 2 in the registry, by a writer of its own that knows nothing of others, and makes
// the slot anew for it. Returns the hash of its record, and the root.
std::pair<Hash256, crypto::SecretKey> begin_epoch_2(const engine::Environment& environment, mf1::Keyring keys,
                                                    const mf1::MadeSlot& slot) {
  Random& random = environment.random;
  const auto root = crypto::SecretKey::random(random);
  keys.add_root(2, root);
  const mf1::Slot earlier = mf1::parse_slot(slot.object);
  const Bytes object = mf1::make_slot_for(slot.public_key, earlier, keys, 2, random);
  const Hash256 name = crypto::blake3(object);
  environment.registry.keep_document(ObjectName::of(ObjectType::slot, name).path(), object);
  LogRecord record;
  record.writer = random.array<16>();
  record.seq = 1;
  record.changes = {mf1::begin_epoch(keys, 2, random),
                    SlotAdded{slot.id, name, static_cast<std::uint8_t>(earlier.kind), 2, slot.public_key}};
  registry::LogRow row{record.writer, 1, random.array<32>(), mf1::to_cbor(record)};
  environment.registry.add_log_records({&row, 1});
  return {row.hash, root};
}

TEST_F(SlotsOnStores, OfTwoEpochsBegunAtOnceBothRootsAreOpened) {
  for (const auto& secret : {passphrase("right"), mf1::SlotSecret::key_file(crypto::SecretKey(Hash256{}))}) {
    Machine machine(world_, Threads::one, 60 + static_cast<std::uint64_t>(secret.kind()));
    machine.recover(machine_.recovery_secret(), {0, 1, 2});
    const engine::Environment& environment = machine.environment();
    const mf1::Keyring before = machine.pool().keys();
    auto made = mf1::make_slot(secret, before, 1, environment.random, k_cheap);
    const Hash256 name = crypto::blake3(made.object);
    environment.registry.keep_document(ObjectName::of(ObjectType::slot, name).path(), made.object);
    LogRecord record;
    record.writer = environment.random.array<16>();
    record.seq = 1;
    record.changes = {SlotAdded{made.id, name, static_cast<std::uint8_t>(secret.kind()), 1, made.public_key}};
    const registry::LogRow row{record.writer, 1, environment.random.array<32>(), mf1::to_cbor(record)};
    environment.registry.add_log_records({&row, 1});

    const auto one = begin_epoch_2(environment, before, made);
    const auto two = begin_epoch_2(environment, before, made);
    const mf1::Keyring keys = engine::open_keys(environment.registry, secret);
    EXPECT_EQ(keys.current_epoch(), 2U);
    ASSERT_EQ(keys.roots(2).size(), 2U);
    EXPECT_TRUE(keys.root(1) == before.root(1)) << "both changes hold it";
    EXPECT_TRUE(keys.root(2) ==
                std::max(one, two, [](const auto& a, const auto& b) { return a.first < b.first; }).second)
        << "the one of the record with the larger hash is written with";
  }
}

// Machine A begins epoch 2. Machine B does so, too, without knowing, and then epoch 3, which has
// the root of its own epoch 2 only.
TEST_F(SlotsOnStores, OfTwoEpochsOfDifferentNumbersBegunAtOnceBothAreRecovered) {
  for (const auto& secret : {passphrase("right"), mf1::SlotSecret::key_file(crypto::SecretKey(Hash256{}))}) {
    World world(3);
    Machine machine(world, Threads::one);
    machine.create(k_copies);
    const engine::Environment& environment = machine.environment();
    const auto put = [&](const ObjectName& name, ByteSpan bytes) {
      for (std::size_t i = 0; i < world.size(); ++i) world.inner(i).put(name, bytes, {});
    };
    const auto slot = [&](const mf1::Keyring& keys, std::uint32_t epoch, const mf1::MadeSlot& made) {
      const Bytes object = epoch == 1 ? made.object
                                      : mf1::make_slot_for(made.public_key, mf1::parse_slot(made.object), keys, epoch,
                                                           environment.random);
      const Hash256 hash = crypto::blake3(object);
      put(ObjectName::of(ObjectType::slot, hash), object);
      return SlotAdded{made.id, hash, static_cast<std::uint8_t>(secret.kind()), epoch, made.public_key};
    };
    struct Chain {
      WriterId writer{};
      std::uint64_t seq = 0;
      Hash256 last{};
    };
    const auto append = [&](Chain& chain, const mf1::Keyring& keys, std::vector<Change> changes) {
      LogRecord record;
      record.writer = chain.writer;
      record.seq = ++chain.seq;
      record.previous = chain.last;
      record.changes = std::move(changes);
      const auto sealed = mf1::seal_document(ObjectType::log, mf1::to_cbor(record), keys, crypto::preferred_suite(),
                                             environment.random);
      put(ObjectName::of_chain(ObjectType::log, chain.writer, chain.seq, sealed.hash), sealed.object);
      chain.last = sealed.hash;
    };
    const mf1::Keyring first = machine.pool().keys();
    const auto made = mf1::make_slot(secret, first, 1, environment.random, k_cheap);
    Chain a{environment.random.array<16>()};
    Chain b{environment.random.array<16>()};
    append(a, first, {slot(first, 1, made)});

    mf1::Keyring of_a = first;
    of_a.add_root(2, crypto::SecretKey::random(environment.random));
    append(a, of_a, {mf1::begin_epoch(of_a, 2, environment.random), slot(of_a, 2, made)});
    mf1::Keyring of_b = first;
    of_b.add_root(2, crypto::SecretKey::random(environment.random));
    append(b, of_b, {mf1::begin_epoch(of_b, 2, environment.random), slot(of_b, 2, made)});
    of_b.add_root(3, crypto::SecretKey::random(environment.random));
    append(b, of_b, {mf1::begin_epoch(of_b, 3, environment.random), slot(of_b, 3, made)});

    Machine other(world, Threads::one, 50);
    other.recover(secret, {0, 1, 2});
    EXPECT_EQ(other.pool().log().why_read_only(), "");
    const mf1::Keyring keys = engine::open_keys(other.environment().registry, secret);
    EXPECT_EQ(keys.current_epoch(), 3U);
    EXPECT_TRUE(keys.root(3) == of_b.root(3));
    ASSERT_EQ(keys.roots(2).size(), 2U) << "that of A is in no epoch that B began";
    EXPECT_TRUE(keys.root(1) == first.root(1));
  }
}

TEST_F(SlotsOnStores, WhatOnlyAWithdrawnSlotGivesIsNotWrittenWith) {
  const auto secret = mf1::SlotSecret::key_file(crypto::SecretKey(Hash256{}));
  const auto made = add_slot(secret, {});
  // Somebody who knows the public key puts a slot with a root key of his own.
  mf1::Keyring his = machine_.pool().keys();
  his.add_root(9, crypto::SecretKey(Hash256{std::byte{1}}));
  const Bytes slot =
      mf1::make_slot_for(made.public_key, mf1::parse_slot(made.object), his, 9, machine_.environment().random);
  world_.inner(1).put(ObjectName::of(ObjectType::slot, crypto::blake3(slot)), slot, {});
  Machine other(world_, Threads::one, 50);
  std::uint32_t epoch = 0;
  other.recover(secret, {0, 1, 2}, [&](const mf1::Keyring& keys) { epoch = keys.current_epoch(); });
  EXPECT_EQ(epoch, 1U);
}

TEST_F(SlotsOnStores, OneOfANewerVersionInTheRegistryLeavesTheOthers) {
  const auto secret = mf1::SlotSecret::key_file(crypto::SecretKey::random(machine_.environment().random));
  add_slot(secret, {});
  registry::Registry& registry = machine_.environment().registry;
  std::vector<Change> changes;
  for (const std::size_t length : {std::size_t{8}, mf1::k_slot_bytes, std::size_t{1000}}) {
    Bytes newer(length);
    for (std::size_t i = 0; i < 4; ++i) newer[i] = mf1::k_magic[i];
    newer[4] = std::byte{1};
    newer[5] = std::byte{6};
    newer[6] = std::byte{77};
    const Hash256 name = crypto::blake3(newer);
    registry.keep_document(ObjectName::of(ObjectType::slot, name).path(), newer);
    changes.push_back(SlotAdded{machine_.environment().random.array<16>(), name, 3, 1, {}});
  }
  machine_.pool().log().append(changes, {});
  EXPECT_TRUE(engine::open_keys(registry, secret).root(1) == machine_.pool().keys().root(1));
}

TEST_F(SlotsOnStores, JunkOfOtherLengthsOnAStoreIsPassedOver) {
  add_slot(passphrase("right"), k_cheap);
  for (const std::size_t length : {0, 8, 204, 236, 237, 5000}) {
    const Bytes junk(length, std::byte{1});
    world_.inner(0).put(ObjectName::of(ObjectType::slot, crypto::blake3(junk)), junk, {});
  }
  Machine other(world_, Threads::one, 50);
  EXPECT_EQ(other.recover(passphrase("right"), {0, 1, 2}).slots_tried, 1U);
}

TEST(Slots, OnceAPassphraseHasOpenedOnlySlotsOfItsIdAreTried) {
  const mf1::SlotId opened{std::byte{1}};
  const mf1::SlotId other{std::byte{2}};
  EXPECT_TRUE(engine::may_have_another_root(SecretKind::passphrase, opened, {opened}));
  EXPECT_FALSE(engine::may_have_another_root(SecretKind::passphrase, other, {opened}));
  EXPECT_TRUE(engine::may_have_another_root(SecretKind::key_file, other, {opened}));
}

TEST(Slots, OneWithTheSameSaltCostsNothingMore) {
  std::vector<FoundSlot> found;
  for (std::uint32_t epoch = 1; epoch <= 40; ++epoch) {
    found.push_back(slot_of(SecretKind::passphrase, {}));
    found.back().slot.epoch = epoch;
  }
  std::size_t left_out = 0;
  EXPECT_EQ(engine::worth_trying(found, SecretKind::passphrase, std::nullopt, left_out).size(), 40U);
  EXPECT_EQ(left_out, 0U);
}

TEST(Slots, WhatTheyGiveIsKeptOfAllEpochs) {
  const auto root = [](int number) { return crypto::SecretKey(Hash256{static_cast<std::byte>(number)}); };
  std::optional<mf1::Keyring> keys;
  engine::add_opened(keys, {k_pool, 1, root(1)});
  engine::add_opened(keys, {k_pool, 2, root(2)});
  engine::add_opened(keys, {k_pool, 2, root(3)});
  engine::add_opened(keys, {k_pool, 2, root(2)});
  engine::add_opened(keys, {k_pool, 1, root(1)});
  EXPECT_EQ(keys->current_epoch(), 2U);
  EXPECT_EQ(keys->roots(2).size(), 2U);
  EXPECT_EQ(keys->roots(1).size(), 1U);
}

TEST_F(SlotsOnStores, DamageIsSaidWhenNothingOpens) {
  registry::Registry& registry = machine_.environment().registry;
  const PoolState state = machine_.pool().log().state();
  for (const auto& [id, slot] : state.slots) {
    const std::string path = ObjectName::of(ObjectType::slot, slot.object).path();
    Bytes bytes = registry.document(path).value();
    bytes[100] ^= std::byte{1};
    registry.keep_document(path, bytes);
  }
  const Error error = test::thrown_by([&] { machine_.reopen(); }).value();
  EXPECT_EQ(error.kind, ErrorKind::denied);
  EXPECT_NE(std::string(error.what()).find("recover"), std::string::npos) << error.what();
}

}  // namespace
}  // namespace modelfloat
