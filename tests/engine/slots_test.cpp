// Key slots: which are tried, and what they may cost.
#include "modelfloat/engine/pool/slots.h"

#include "engine/test_pool.h"
#include "support/thrown.h"
#include <gtest/gtest.h>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/crypto/key_derivation.h"

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
  for (int i = 0; i < 8; ++i) found.push_back(slot_of(SecretKind::passphrase, {256 * 1024, 10}));
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
    const Bytes slot = mf1::make_slot(secret, keys, 1, machine_.environment().random, cost);
    for (const std::size_t store : stores)
      world_.inner(store).put(ObjectName::of(ObjectType::slot, crypto::blake3(slot)), slot, {});
  }
  // One that counts.
  void add_slot(const mf1::SlotSecret& secret, PassphraseCost cost) {
    const Bytes slot = mf1::make_slot(secret, machine_.pool().keys(), 1, machine_.environment().random, cost);
    const Hash256 hash = crypto::blake3(slot);
    const engine::NamedObject object{ObjectName::of(ObjectType::slot, hash), slot};
    machine_.environment().registry.keep_document(object.name.path(), slot);
    machine_.pool().documents().enqueue({&object, 1});
    const auto parsed = mf1::parse_slot(slot);
    machine_.pool().log().append({SlotAdded{parsed.id, hash, static_cast<std::uint8_t>(secret.kind()), 1}}, {});
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

TEST_F(SlotsOnStores, DamageIsSaidWhenNothingOpens) {
  registry::Registry& registry = machine_.environment().registry;
  for (const auto& [id, slot] : machine_.pool().log().state().slots) {
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
