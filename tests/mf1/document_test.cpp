#include "modelfloat/mf1/document.h"

#include "samples.h"
#include <rapidcheck.h>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/mf1/padme.h"

namespace modelfloat::mf1 {
namespace {

constexpr ObjectType k_types[] = {ObjectType::structure, ObjectType::content, ObjectType::log, ObjectType::checkpoint};

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
  // Log and checkpoint are under one key: the type byte alone must not turn one into the other.
  Bytes disguised = sealed.object;
  disguised[5] = std::byte{5};
  EXPECT_EQ(open(ObjectType::checkpoint, disguised, keyring), ErrorKind::denied);
}

}  // namespace
}  // namespace modelfloat::mf1
