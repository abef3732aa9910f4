#include "modelfloat/mf1/keyring.h"

#include <utility>

#include "samples.h"
#include <sys/wait.h>
#include <unistd.h>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/crypto/key_derivation.h"

namespace modelfloat::mf1 {
namespace {

crypto::SecretKey key_of(std::uint64_t seed) {
  test::FixedRandom random(seed);
  return crypto::SecretKey::random(random);
}

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
  keyring.add_epoch(2, key_of(9));
  const Keyring copy = keyring;
  std::vector<ByteSpan> keys;
  for (const Keyring* notify : {&std::as_const(keyring), &copy}) {
    keys.emplace_back(notify->root(2).bytes());
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
  keyring.add_epoch(2, key_of(9));
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

TEST(Keyring, AnEpochKeepsItsKey) {
  Keyring keyring = sample_keyring();
  keyring.add_epoch(1, keyring.root(1));
  EXPECT_EQ(kind_thrown([&] { keyring.add_epoch(1, key_of(3)); }), ErrorKind::invalid);
  EXPECT_EQ(kind_thrown([&] { keyring.add_epoch(0, key_of(3)); }), ErrorKind::invalid);
}

TEST(Keyring, ANewEpochGivesTheOlderKeyBack) {
  Keyring both = sample_keyring();
  both.add_epoch(2, key_of(9));
  test::FixedRandom random(4);
  const EpochBegun change = begin_epoch(both, 2, random);

  const Keyring newer(both.pool_id(), 2, key_of(9));
  EXPECT_TRUE(open_older_epoch(newer, change) == both.root(1));

  const Keyring other(both.pool_id(), 2, key_of(10));
  EXPECT_EQ(kind_thrown([&] { open_older_epoch(other, change); }), ErrorKind::corrupt);
  EXPECT_EQ(kind_thrown([&] { open_older_epoch(sample_keyring(), change); }), ErrorKind::denied);
  for (std::size_t i = 0; i < change.wrapped.size(); ++i) {
    EpochBegun bad = change;
    bad.wrapped[i] ^= std::byte{4};
    EXPECT_EQ(kind_thrown([&] { open_older_epoch(newer, bad); }), ErrorKind::corrupt);
  }
}

}  // namespace
}  // namespace modelfloat::mf1
