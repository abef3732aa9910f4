#include "modelfloat/mf1/keyring.h"

#include <utility>

#include "samples.h"
#include <sys/wait.h>
#include <unistd.h>

#include "modelfloat/crypto/aead.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/crypto/key_derivation.h"

namespace modelfloat::mf1 {
namespace {

crypto::SecretKey key_of(std::uint64_t seed) {
  test::FixedRandom random(seed);
  return crypto::SecretKey::random(random);
}

crypto::SecretKey key_of_sample() { return sample_keyring().root(1); }

TEST(Keyring, DerivesEachKeyAsTheFormatSays) {
  const Keyring keyring = sample_keyring();
  const auto expected =
      crypto::hkdf_sha256_key(keyring.root(1).bytes(), keyring.pool_id(), as_bytes("modelfloat/mf1/key/structure"));
  EXPECT_TRUE(keyring.key(1, KeyUse::structure) == expected);
  for (std::size_t a = 0; a < k_key_uses; ++a) {
    EXPECT_FALSE(keyring.key(1, static_cast<KeyUse>(a)) == keyring.root(1));
    for (std::size_t b = 0; b < a; ++b) {
      EXPECT_FALSE(keyring.key(1, static_cast<KeyUse>(a)) == keyring.key(1, static_cast<KeyUse>(b)));
    }
  }
}

TEST(Keyring, KeepsItsKeysInLockedMemory) {
  Keyring keyring = sample_keyring();
  keyring.add_root(2, key_of(9));
  keyring.add_root(2, key_of(10));
  const Keyring copy = keyring;
  std::vector<ByteSpan> keys;
  for (const Keyring* notify : {&std::as_const(keyring), &copy}) {
    for (const RootKey& root : notify->roots(2)) keys.emplace_back(root.root().bytes());
    keys.emplace_back(notify->key(1, KeyUse::sealing).bytes());
  }
  const pid_t child = ::fork();
  if (child == 0) {  // where locked memory is zero, and no keyring can be used
    const auto is_zero = [](std::byte byte) { return byte == std::byte{0}; };
    const bool gone = std::all_of(keys.begin(), keys.end(),
                                  [&](ByteSpan key) { return std::all_of(key.begin(), key.end(), is_zero); });
    ::_exit(gone ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "a child has the keys";
}

TEST(Keyring, FragmentIdsDependOnPoolAndEpoch) {
  Keyring keyring = sample_keyring();
  keyring.add_root(2, key_of(9));
  EXPECT_EQ(keyring.current_epoch(), 2U);
  const Bytes plain = dull_bytes(1000);
  EXPECT_NE(keyring.fragment_id(1, plain), keyring.fragment_id(2, plain));
  EXPECT_NE(keyring.fragment_id(1, plain), sample_keyring(2).fragment_id(1, plain));
  EXPECT_EQ(keyring.fragment_id(1, plain), sample_keyring().fragment_id(1, plain));
}

TEST(Keyring, AnUnknownEpochIsDenied) {
  const Keyring keyring = sample_keyring();
  EXPECT_EQ(kind_thrown([&] { keyring.key(2, KeyUse::log); }), ErrorKind::denied);
  EXPECT_EQ(kind_thrown([&] { keyring.root(0); }), ErrorKind::denied);
}

TEST(Keyring, EpochsAreCountedFromOne) {
  Keyring keyring = sample_keyring();
  EXPECT_EQ(kind_thrown([&] { keyring.add_root(0, key_of(3)); }), ErrorKind::invalid);
  EXPECT_EQ(kind_thrown([&] { Keyring({}, 0, key_of(3)); }), ErrorKind::invalid);
}

TEST(Keyring, TheSameRootTwiceIsOneRoot) {
  Keyring keyring = sample_keyring();
  EXPECT_FALSE(keyring.add_root(1, key_of_sample()));
  EXPECT_EQ(keyring.roots(1).size(), 1U);
  EXPECT_TRUE(keyring.add_root(2, key_of_sample()));
  EXPECT_EQ(keyring.root_count(), 2U);
}

TEST(Keyring, AnEpochMayHaveSeveralRoots) {
  Keyring keyring = sample_keyring();
  EXPECT_TRUE(keyring.add_root(2, key_of(9)));
  EXPECT_TRUE(keyring.add_root(2, key_of(10)));
  EXPECT_FALSE(keyring.add_root(2, key_of(9)));
  ASSERT_EQ(keyring.roots(2).size(), 2U);
  EXPECT_TRUE(keyring.roots(2).front().root() == key_of(9));
  EXPECT_TRUE(keyring.roots(2).back().root() == key_of(10));
  EXPECT_EQ(keyring.root_count(), 3U);
  EXPECT_EQ(keyring.current_epoch(), 2U);
  EXPECT_EQ(keyring.epoch_before(2), 1U);
  EXPECT_EQ(keyring.epoch_before(1), std::nullopt);
  EXPECT_EQ(keyring.epoch_before(9), 2U);
}

TEST(Keyring, ThePreferredRootIsTheOneToWriteWith) {
  Keyring keyring = sample_keyring();
  keyring.add_root(2, key_of(9));
  keyring.add_root(2, key_of(10));
  EXPECT_TRUE(keyring.root(2) == key_of(9)) << "the one that was added first";
  keyring.prefer(2, key_of(10));
  EXPECT_TRUE(keyring.root(2) == key_of(10));
  EXPECT_TRUE(keyring.key(2, KeyUse::log) == Keyring(keyring.pool_id(), 2, key_of(10)).key(2, KeyUse::log));
  const Keyring copy = keyring;
  EXPECT_TRUE(copy.root(2) == key_of(10));
  EXPECT_EQ(keyring.roots(2).size(), 2U);
  EXPECT_EQ(kind_thrown([&] { keyring.prefer(2, key_of(11)); }), ErrorKind::denied);
  EXPECT_EQ(kind_thrown([&] { keyring.prefer(3, key_of(10)); }), ErrorKind::denied);
}

TEST(Keyring, AnyRootOfTheNumberProvesAFragment) {
  Keyring keyring = sample_keyring();
  keyring.add_root(2, key_of(9));
  keyring.add_root(2, key_of(10));
  const Bytes plain = dull_bytes(1000);
  for (const std::uint64_t seed : {9, 10}) {
    const FragmentId id = Keyring(keyring.pool_id(), 2, key_of(seed)).fragment_id(2, plain);
    EXPECT_TRUE(keyring.proves(2, id, plain));
    EXPECT_FALSE(keyring.proves(1, id, plain));
    EXPECT_FALSE(keyring.proves(2, id, dull_bytes(1001)));
  }
  EXPECT_EQ(kind_thrown([&] { (void)keyring.proves(3, {}, plain); }), ErrorKind::denied);
}

// A keyring with epochs 1, and 2 with two roots.
Keyring two_begun_at_once() {
  Keyring keyring = sample_keyring();
  keyring.add_root(2, key_of(9));
  keyring.add_root(2, key_of(10));
  return keyring;
}

TEST(Epoch, ANewOneGivesTheOlderKeyBack) {
  Keyring both = sample_keyring();
  both.add_root(2, key_of(9));
  test::FixedRandom random(4);
  const EpochBegun change = begin_epoch(both, 2, random);
  ASSERT_EQ(change.wrapped.size(), 1U);
  EXPECT_EQ(change.wrapped[0].epoch, 1U);

  Keyring newer(both.pool_id(), 2, key_of(9));
  EXPECT_TRUE(add_older_roots(newer, change));
  EXPECT_TRUE(newer.root(1) == both.root(1));
  EXPECT_FALSE(add_older_roots(newer, change)) << "it has it already";
}

TEST(Epoch, WrapsWhatThePageSays) {
  const Keyring both = two_begun_at_once();
  test::FixedRandom random(4);
  const EpochBegun change = begin_epoch(both, 2, random);
  Bytes aad = to_bytes(both.pool_id());
  for (const int byte : {2, 0, 0, 0, 1, 0, 0, 0}) aad.push_back(static_cast<std::byte>(byte));
  const auto key =
      crypto::hkdf_sha256_key(key_of(9).bytes(), both.pool_id(), as_bytes("modelfloat/mf1/key/older-epochs"));
  const auto opened = crypto::xchacha_open(key, change.wrapped[0].nonce, aad, change.wrapped[0].sealed);
  ASSERT_TRUE(opened);
  EXPECT_TRUE(equal(opened->bytes(), both.root(1).bytes()));
}

TEST(Epoch, TheNextOneWrapsEveryOlderRoot) {
  Keyring writer = two_begun_at_once();
  writer.add_root(3, key_of(11));
  test::FixedRandom random(4);
  const EpochBegun change = begin_epoch(writer, 3, random);
  ASSERT_EQ(change.wrapped.size(), 3U);

  Keyring reader(writer.pool_id(), 3, key_of(11));
  EXPECT_TRUE(add_older_roots(reader, change));
  ASSERT_EQ(reader.roots(2).size(), 2U);
  EXPECT_TRUE(reader.roots(2).front().root() == key_of(9));
  EXPECT_TRUE(reader.roots(2).back().root() == key_of(10));
  EXPECT_TRUE(reader.root(1) == writer.root(1));
}

// Each half of a pool that was split comes back by the root that began it.
TEST(Epoch, AnyRootOfTheNumberOpensWhatAnEpochWraps) {
  test::FixedRandom random(4);
  Keyring writer = sample_keyring();
  writer.add_root(2, key_of(10));
  const EpochBegun change = begin_epoch(writer, 2, random);
  Keyring reader(writer.pool_id(), 2, key_of(9));
  EXPECT_FALSE(add_older_roots(reader, change)) << "its root is not here yet";
  EXPECT_EQ(root_that_began(reader, change), nullptr);
  reader.add_root(2, key_of(10));
  const RootKey* const root = root_that_began(reader, change);
  ASSERT_NE(root, nullptr);
  EXPECT_TRUE(root->root() == key_of(10));
  EXPECT_TRUE(add_older_roots(reader, change));
  EXPECT_TRUE(reader.root(1) == writer.root(1));
}

TEST(Epoch, NumbersMayBeLeftOut) {
  Keyring writer = sample_keyring();
  writer.add_root(7, key_of(9));
  test::FixedRandom random(4);
  const EpochBegun change = begin_epoch(writer, 7, random);
  Keyring reader(writer.pool_id(), 7, key_of(9));
  EXPECT_TRUE(add_older_roots(reader, change));
  EXPECT_TRUE(reader.root(1) == writer.root(1));
}

TEST(Epoch, WhatDoesNotOpenIsPassedOver) {
  const Keyring writer = two_begun_at_once();
  test::FixedRandom random(4);
  Keyring three = writer;
  three.add_root(3, key_of(11));
  const EpochBegun change = begin_epoch(three, 3, random);
  const auto adds = [&](const EpochBegun& bad) {
    Keyring reader(writer.pool_id(), 3, key_of(11));
    add_older_roots(reader, bad);
    return reader.root_count() - 1;
  };
  EXPECT_EQ(adds(change), 3U);
  for (std::size_t i = 0; i < change.wrapped[0].sealed.size(); ++i) {
    EpochBegun bad = change;
    bad.wrapped[0].sealed[i] ^= std::byte{4};
    EXPECT_EQ(adds(bad), 2U) << i;
  }
  for (const std::uint32_t number : {0U, 1U, 3U, 4U}) {
    EpochBegun bad = change;
    bad.wrapped[0].epoch = number;
    EXPECT_EQ(adds(bad), 2U) << number << " is another number than it was wrapped as";
  }
  EpochBegun other = change;
  other.epoch = 4;
  EXPECT_EQ(adds(other), 0U);

  Keyring of_another_pool(sample_keyring(2).pool_id(), 3, key_of(11));
  EXPECT_FALSE(add_older_roots(of_another_pool, change));
  Keyring of_another_root(writer.pool_id(), 3, key_of(12));
  EXPECT_FALSE(add_older_roots(of_another_root, change));
}

// Whoever is in the pool can wrap anything: still no root gets a number that no older one has.
TEST(Epoch, ARootOfALaterNumberIsNotTakenFromIt) {
  Keyring keyring(sample_keyring().pool_id(), 2, key_of(9));
  test::FixedRandom random(4);
  for (const std::uint32_t number : {0U, 2U, 3U}) {
    EpochBegun change;
    change.epoch = 2;
    WrappedRoot& wrapped = change.wrapped.emplace_back();
    wrapped.epoch = number;
    Bytes aad = to_bytes(keyring.pool_id());
    for (const std::uint32_t value : {2U, number}) {
      std::array<std::byte, 4> bytes;
      store_le(MutableByteSpan(bytes), value);
      append(aad, bytes);
    }
    const Bytes sealed =
        crypto::xchacha_seal(keyring.key(2, KeyUse::older_epochs), wrapped.nonce, aad, key_of(10).bytes());
    std::copy(sealed.begin(), sealed.end(), wrapped.sealed.begin());
    EXPECT_FALSE(add_older_roots(keyring, change)) << number;
  }
  EXPECT_EQ(keyring.root_count(), 1U);
}

TEST(Epoch, NeedsItsOwnRootAndAnOlderOne) {
  test::FixedRandom random(4);
  EXPECT_EQ(kind_thrown([&] { begin_epoch(sample_keyring(), 2, random); }), ErrorKind::denied);
  EXPECT_EQ(kind_thrown([&] { begin_epoch(sample_keyring(), 1, random); }), ErrorKind::denied);
}

}  // namespace
}  // namespace modelfloat::mf1
