#include "modelfloat/mf1/document.h"

#include "samples.h"
#include <rapidcheck.h>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/mf1/padme.h"
#include "modelfloat/mf1/seal.h"

namespace modelfloat::mf1 {
namespace {

constexpr ObjectType k_types[] = {ObjectType::structure, ObjectType::content, ObjectType::log, ObjectType::checkpoint,
                                  ObjectType::part};

TEST(Padme, FollowsThePaper) {
  EXPECT_EQ(padme(0), 0U);
  EXPECT_EQ(padme(1), 1U);
  EXPECT_EQ(padme(2), 2U);
  EXPECT_EQ(padme(9), 10U);
  EXPECT_EQ(padme(1000), 1024U);
  EXPECT_EQ(padme(1025), 1088U);
  EXPECT_EQ(padme((1U << 20) + 1), (1U << 20) + (1U << 15));
  EXPECT_TRUE(rc::check([] {
    const auto size = *rc::gen::inRange<std::uint64_t>(2, std::uint64_t{1} << 40);
    RC_ASSERT(padme(size) >= size);
    RC_ASSERT(padme(size) - size <= size / 8 + 1);
    RC_ASSERT(padme(padme(size)) == padme(size));
  }));
}

TEST(Document, RoundTripsAndHidesItsSize) {
  const Keyring keyring = sample_keyring();
  EXPECT_TRUE(rc::check([&](const std::vector<std::uint8_t>& raw) {
    const Bytes cbor = to_bytes(std::as_bytes(std::span(raw)));
    const auto type = *rc::gen::elementOf(std::vector<ObjectType>(std::begin(k_types), std::end(k_types)));
    test::FixedRandom random(*rc::gen::arbitrary<std::uint64_t>());
    const auto sealed = seal_document(type, cbor, keyring, raw.size() % 2 == 0 ? k_aes : k_chacha, random);
    RC_ASSERT(sealed.hash == crypto::blake3(sealed.object));
    const std::uint64_t padded = sealed.object.size() - k_header_bytes - crypto::k_tag_bytes;
    RC_ASSERT(padme(padded) == padded);
    RC_ASSERT(open_document(type, sealed.object, keyring) == cbor);
  }));
}

TEST(Document, ALongOneIsCompressed) {
  test::FixedRandom random;
  const Keyring keyring = sample_keyring();
  const Bytes cbor = dull_bytes(3 << 20);
  const auto sealed = seal_document(ObjectType::content, cbor, keyring, k_aes, random);
  EXPECT_LT(sealed.object.size(), cbor.size() / 10);
  EXPECT_EQ(open_document(ObjectType::content, sealed.object, keyring), cbor);
}

TEST(Document, EveryDamageIsSeen) {
  test::FixedRandom random;
  const Keyring keyring = sample_keyring();
  for (const auto suite : {k_aes, k_chacha}) {
    const auto sealed = seal_document(ObjectType::log, raw_bytes(200, 1), keyring, suite, random);
    for_each_damage(sealed.object, [&](const Bytes& bad, const std::string& what) {
      EXPECT_TRUE(kind_thrown([&] { open_document(ObjectType::log, bad, keyring); })) << what;
    });
  }
}

TEST(Document, AnotherPoolEpochKeyOrTypeDoesNotOpenIt) {
  test::FixedRandom random;
  const Keyring keyring = sample_keyring();
  const auto sealed = seal_document(ObjectType::log, raw_bytes(200, 1), keyring, k_aes, random);
  const auto open = [&](ObjectType type, const Bytes& object, const Keyring& keys) {
    return kind_thrown([&] { open_document(type, object, keys); });
  };
  EXPECT_EQ(open(ObjectType::log, sealed.object, sample_keyring(2)), ErrorKind::denied);
  EXPECT_EQ(open(ObjectType::log, sealed.object, Keyring(keyring.pool_id(), 1, sample_keyring(2).root(1))),
            ErrorKind::denied);
  EXPECT_EQ(open(ObjectType::log, sealed.object, Keyring(keyring.pool_id(), 2, keyring.root(1))), ErrorKind::denied);
  EXPECT_EQ(open(ObjectType::checkpoint, sealed.object, keyring), ErrorKind::corrupt);
  // Records, checkpoints and parts are under one key: the type byte alone must not turn one into
  // the other.
  constexpr ObjectType chain_types[] = {ObjectType::log, ObjectType::checkpoint, ObjectType::part};
  for (const ObjectType is : chain_types) {
    for (const ObjectType claimed : chain_types) {
      if (is == claimed) continue;
      Bytes disguised = seal_document(is, raw_bytes(200, 1), keyring, k_aes, random).object;
      EXPECT_EQ(open(claimed, disguised, keyring), ErrorKind::corrupt);
      disguised[5] = static_cast<std::byte>(claimed);
      EXPECT_EQ(open(claimed, disguised, keyring), ErrorKind::denied);
    }
  }
}

TEST(Document, APartIsSealedUnderTheLogKeyWithItsOwnNumber) {
  test::FixedRandom random;
  const Keyring keyring = sample_keyring();
  const Bytes object = seal_document(ObjectType::part, raw_bytes(200, 1), keyring, k_aes, random).object;
  EXPECT_EQ(object[5], std::byte{8});
  Hash256 salt;
  std::copy_n(object.begin() + 32, salt.size(), salt.begin());
  const SaltKey key = derive_salt_key(keyring.key(1, KeyUse::log), salt, ObjectType::part, k_aes);
  EXPECT_TRUE(equal(key.commitment, ByteSpan(object).subspan(64, 32)));
}

TEST(Document, OtherTypesAreNone) {
  test::FixedRandom random;
  const Keyring keyring = sample_keyring();
  for (const ObjectType type : {ObjectType::shard, ObjectType::slot, ObjectType::marker, ObjectType(9)}) {
    EXPECT_EQ(kind_thrown([&] { seal_document(type, raw_bytes(9, 1), keyring, k_aes, random); }), ErrorKind::internal);
    EXPECT_EQ(kind_thrown([&] { open_document(type, raw_bytes(200, 1), keyring); }), ErrorKind::internal);
  }
}

// Two machines began epoch 2 at once, and each sealed things before they met.
TEST(Document, OfTwoRootsOfOneNumberTheCommitmentChooses) {
  test::FixedRandom random;
  const PoolId pool = sample_keyring().pool_id();
  const auto roots = {crypto::SecretKey::random(random), crypto::SecretKey::random(random)};
  Keyring both(pool, 2, *roots.begin());
  both.add_root(2, *(roots.begin() + 1));
  for (const ObjectType type : k_types) {
    for (const auto& root : roots) {
      const Keyring alone(pool, 2, root);
      const Bytes cbor = raw_bytes(300, 7);
      const auto sealed = seal_document(type, cbor, alone, k_chacha, random);
      EXPECT_EQ(open_document(type, sealed.object, both), cbor);
      both.prefer(2, root);
      EXPECT_EQ(open_document(type, sealed.object, both), cbor);
      EXPECT_EQ(open_document(type, seal_document(type, cbor, both, k_aes, random).object, alone), cbor)
          << "new things are sealed under the preferred root";
      const Keyring third(pool, 2, crypto::SecretKey::random(random));
      EXPECT_EQ(kind_thrown([&] { open_document(type, sealed.object, third); }), ErrorKind::denied);
    }
  }
}

}  // namespace
}  // namespace modelfloat::mf1
