#include "modelfloat/mf1/slot.h"

#include "samples.h"

#include "modelfloat/crypto/aead.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/crypto/key_derivation.h"

namespace modelfloat::mf1 {
namespace {

constexpr PassphraseCost k_cheap{64, 1};
constexpr std::size_t k_checked_bytes = 220;
constexpr std::size_t k_ephemeral_at = 140;

SlotSecret code_secret(std::uint64_t seed) {
  test::FixedRandom random(seed);
  return SlotSecret::recovery_code(RecoveryCode::random(random));
}
SlotSecret phrase(std::string_view text) { return SlotSecret::passphrase(crypto::SecretBytes(text)); }
SlotSecret file_secret(std::uint64_t seed) {
  test::FixedRandom random(seed);
  return SlotSecret::key_file(crypto::SecretKey::random(random));
}

Bytes slot_for(const SlotSecret& secret, const Keyring& keyring) {
  test::FixedRandom random(77);
  return make_slot(secret, keyring, keyring.current_epoch(), random, k_cheap).object;
}

void renew_checksum(Bytes& slot) {
  const Hash256 sum = crypto::blake3(ByteSpan(slot).first(k_checked_bytes));
  std::copy_n(sum.begin(), 16, slot.begin() + k_checked_bytes);
}

TEST(Slot, OpensWithItsSecretAlone) {
  const Keyring keyring = sample_keyring();
  const std::pair<SlotSecret, SlotSecret> secrets[] = {
      {code_secret(1), code_secret(2)}, {phrase("right"), phrase("Right")}, {file_secret(1), file_secret(2)}};
  for (const auto& [right, wrong] : secrets) {
    const Bytes slot = slot_for(right, keyring);
    EXPECT_EQ(slot.size(), k_slot_bytes);
    const Keyring opened = open_slot(slot, right);
    EXPECT_EQ(opened.pool_id(), keyring.pool_id());
    EXPECT_EQ(opened.current_epoch(), 1U);
    EXPECT_TRUE(opened.root(1) == keyring.root(1));
    EXPECT_EQ(kind_thrown([&] { open_slot(slot, wrong); }), ErrorKind::denied);
  }
  // The same 32 bytes are another secret when they are of another kind.
  EXPECT_EQ(kind_thrown([&] { open_slot(slot_for(code_secret(1), keyring), file_secret(1)); }), ErrorKind::denied);
}

TEST(Slot, EveryDamageIsSeen) {
  const auto secret = code_secret(1);
  for_each_damage(slot_for(secret, sample_keyring()), [&](const Bytes& bad, const std::string& what) {
    const auto kind = kind_thrown([&] { open_slot(bad, secret); });
    EXPECT_TRUE(kind == ErrorKind::corrupt || kind == ErrorKind::unsupported) << what;
  });
}

TEST(Slot, EveryForgeryIsSeen) {
  const auto secret = code_secret(1);
  const Bytes slot = slot_for(secret, sample_keyring());
  for (std::size_t i = 0; i < k_checked_bytes; ++i) {
    Bytes bad = slot;
    bad[i] ^= std::byte{1};
    renew_checksum(bad);
    EXPECT_TRUE(kind_thrown([&] { open_slot(bad, secret); })) << i;
  }
}

TEST(Slot, ExcessiveCostIsRefused) {
  const auto secret = phrase("x");
  for (const auto& [offset, value] :
       {std::pair<std::size_t, std::uint32_t>{12, 1024 * 1024 + 1}, {12, UINT32_MAX}, {16, 11}}) {
    Bytes bad = slot_for(secret, sample_keyring());
    store_le(MutableByteSpan(bad).subspan(offset), value);
    renew_checksum(bad);
    EXPECT_EQ(kind_thrown([&] { open_slot(bad, secret); }), ErrorKind::unsupported);
  }
  test::FixedRandom random(5);
  const auto make = [&](PassphraseCost cost) {
    return kind_thrown([&] { make_slot(secret, sample_keyring(), 1, random, cost); });
  };
  EXPECT_EQ(make({1024 * 1024 + 1, 1}), ErrorKind::unsupported);
  EXPECT_EQ(make({64, 11}), ErrorKind::unsupported);
  EXPECT_EQ(make({7, 1}), ErrorKind::invalid);
  EXPECT_EQ(make({64, 0}), ErrorKind::invalid);
}

TEST(Slot, NumbersThatCannotBeAreDamage) {
  struct Case {
    SlotSecret secret;
    std::size_t offset;
    std::uint32_t value;
  };
  for (const Case& bad : {Case{code_secret(1), 8, 0},
                          {phrase("x"), 8, 0},
                          {phrase("x"), 12, 7},
                          {phrase("x"), 16, 0},
                          {code_secret(1), 12, 64},
                          {file_secret(1), 16, 1}}) {
    Bytes slot = slot_for(bad.secret, sample_keyring());
    store_le(MutableByteSpan(slot).subspan(bad.offset), bad.value);
    renew_checksum(slot);
    EXPECT_EQ(kind_thrown([&] { parse_slot(slot); }), ErrorKind::corrupt) << bad.offset;
  }
}

// Whatever the length: it goes by the cipher.
TEST(Slot, AnotherCipherOrFormatIsPassedOver) {
  const Bytes good = slot_for(code_secret(1), sample_keyring());
  for (const std::size_t at : {std::size_t{4}, std::size_t{6}}) {
    for (const int value : {1, 3, 255}) {
      if (static_cast<std::byte>(value) == good[at]) continue;
      for (const std::size_t length : {std::size_t{8}, std::size_t{204}, k_slot_bytes, std::size_t{5000}}) {
        Bytes other = good;
        other.resize(length);
        other[at] = static_cast<std::byte>(value);
        EXPECT_EQ(kind_thrown([&] { parse_slot(other); }), ErrorKind::unsupported) << at << " " << value;
      }
    }
  }
}

TEST(Slot, AnotherKindOfSecretIsPassedOver) {
  for (const int kind : {0, 4, 255}) {
    Bytes other = slot_for(code_secret(1), sample_keyring());
    other[7] = static_cast<std::byte>(kind);
    EXPECT_EQ(kind_thrown([&] { parse_slot(other); }), ErrorKind::corrupt) << "its checksum is the one of kind 1";
    renew_checksum(other);
    EXPECT_EQ(kind_thrown([&] { parse_slot(other); }), ErrorKind::unsupported);
    EXPECT_EQ(kind_thrown([&] { open_slot(other, code_secret(1)); }), ErrorKind::unsupported);
  }
}

TEST(Slot, JunkOfAnyLengthIsDamage) {
  const Bytes good = slot_for(code_secret(1), sample_keyring());
  for (const std::size_t length : {std::size_t{0}, std::size_t{4}, std::size_t{7}, std::size_t{8}, std::size_t{204},
                                   k_slot_bytes - 1, k_slot_bytes + 1, std::size_t{5000}}) {
    EXPECT_EQ(kind_thrown([&] { parse_slot(Bytes(length)); }), ErrorKind::corrupt) << length;
    EXPECT_EQ(kind_thrown([&] { parse_slot(raw_bytes(length, 3)); }), ErrorKind::corrupt) << length;
    Bytes cut = good;
    cut.resize(length);
    EXPECT_EQ(kind_thrown([&] { parse_slot(cut); }), ErrorKind::corrupt) << length;
  }
}

// By the formulas of the page, and no function of the slot's own.
TEST(Slot, IsSealedAsTheFormatSays) {
  const Keyring keyring = sample_keyring();
  test::FixedRandom random(77);
  const auto key = file_secret(1);
  const MadeSlot made = make_slot(key, keyring, 1, random);
  const ByteSpan bytes = made.object;
  EXPECT_TRUE(equal(bytes.subspan(36, 16), made.id));
  const ByteSpan salt = bytes.subspan(52, 32);
  const auto p = crypto::hkdf_sha256_key(key.bytes(), salt, as_bytes(std::string_view("modelfloat/mf1/slot-key\3")));
  EXPECT_EQ(made.public_key, crypto::x25519_public_key(p));
  crypto::PublicKey e;
  std::copy_n(bytes.begin() + k_ephemeral_at, e.size(), e.begin());
  Bytes info = to_bytes(std::string_view("modelfloat/mf1/slot\3"));
  append(info, e);
  append(info, made.public_key);
  Bytes both(64);
  crypto::hkdf_sha256(crypto::x25519_shared(p, e).value().bytes(), salt, info, both);
  EXPECT_TRUE(equal(bytes.subspan(84, 32), ByteSpan(both).subspan(32)));
  const crypto::SecretKey wrap(ByteSpan(both).first<32>());
  const auto root =
      crypto::xchacha_open(wrap, bytes.subspan(116).first<24>(), bytes.first(172), bytes.subspan(172, 48));
  ASSERT_TRUE(root);
  EXPECT_TRUE(equal(root->bytes(), keyring.root(1).bytes()));
}

TEST(Slot, ForASecretThatIsNotAtHandOpensWithIt) {
  Keyring keyring = sample_keyring();
  test::FixedRandom random(77);
  for (const SlotSecret& secret : {code_secret(1), phrase("right"), file_secret(1)}) {
    const MadeSlot first = make_slot(secret, keyring, 1, random, k_cheap);
    const Slot earlier = parse_slot(first.object);
    EXPECT_EQ(earlier.id, first.id);
    if (!keyring.has_epoch(2)) keyring.add_root(2, crypto::SecretKey::random(random));
    const Bytes second = make_slot_for(first.public_key, earlier, keyring, 2, random);

    const Slot slot = parse_slot(second);
    EXPECT_EQ(slot.epoch, 2U);
    EXPECT_EQ(slot.id, earlier.id);
    EXPECT_EQ(slot.salt, earlier.salt);
    EXPECT_EQ(slot.kind, secret.kind());
    EXPECT_EQ(slot.cost.memory_kib, earlier.cost.memory_kib);
    EXPECT_EQ(slot.cost.passes, earlier.cost.passes);
    EXPECT_NE(slot.nonce, earlier.nonce);
    EXPECT_NE(slot.ephemeral, earlier.ephemeral);
    const Keyring opened = open_slot(second, secret);
    EXPECT_EQ(opened.current_epoch(), 2U);
    EXPECT_TRUE(opened.root(2) == keyring.root(2));
    EXPECT_FALSE(opened.has_epoch(1));
  }
  const MadeSlot other = make_slot(code_secret(2), keyring, 1, random);
  const Bytes for_other = make_slot_for(other.public_key, parse_slot(other.object), keyring, 2, random);
  EXPECT_EQ(kind_thrown([&] { open_slot(for_other, code_secret(1)); }), ErrorKind::denied);
}

TEST(Slot, ForASecretThatIsNotAtHandNeedsItsPoolAndEpoch) {
  const Keyring keyring = sample_keyring();
  test::FixedRandom random(77);
  const MadeSlot made = make_slot(code_secret(1), keyring, 1, random);
  const Slot earlier = parse_slot(made.object);
  const auto refusal = [&](const crypto::PublicKey& key, const Keyring& keys, std::uint32_t epoch) {
    return kind_thrown([&] { make_slot_for(key, earlier, keys, epoch, random); });
  };
  EXPECT_EQ(refusal(made.public_key, keyring, 2), ErrorKind::denied);
  EXPECT_EQ(refusal(made.public_key, sample_keyring(2), 1), ErrorKind::invalid);
  EXPECT_EQ(refusal(crypto::PublicKey{}, keyring, 1), ErrorKind::invalid) << "everybody could open it";
  EXPECT_EQ(refusal(crypto::PublicKey{std::byte{1}}, keyring, 1), ErrorKind::invalid);
}

TEST(Slot, IsForThePreferredRootOfItsEpoch) {
  Keyring keyring = sample_keyring();
  test::FixedRandom random(5);
  keyring.add_root(2, crypto::SecretKey::random(random));
  const auto second = crypto::SecretKey::random(random);
  keyring.add_root(2, second);
  EXPECT_TRUE(open_slot(slot_for(code_secret(1), keyring), code_secret(1)).root(2) == keyring.root(2));
  keyring.prefer(2, second);
  EXPECT_TRUE(open_slot(slot_for(code_secret(1), keyring), code_secret(1)).root(2) == second);
}

// An E of small order makes the shared secret zero whatever the secret: the forger knows it, too.
TEST(Slot, AForgedEphemeralKeyIsRefused) {
  const auto secret = code_secret(1);
  const Bytes good = slot_for(secret, sample_keyring());
  for (const int order : {0, 1}) {
    Bytes forged = good;
    std::fill_n(forged.begin() + k_ephemeral_at, 32, std::byte{0});
    forged[k_ephemeral_at] = static_cast<std::byte>(order);
    // With a commitment and a key that fit it, by whoever knows the public key.
    test::FixedRandom random(77);
    const auto made = make_slot(secret, sample_keyring(), 1, random);
    Bytes info = to_bytes(std::string_view("modelfloat/mf1/slot\1"));
    append(info, ByteSpan(forged).subspan(k_ephemeral_at, 32));
    append(info, made.public_key);
    Bytes both(64);
    crypto::hkdf_sha256(Bytes(32), ByteSpan(forged).subspan(52, 32), info, both);
    std::copy_n(both.begin() + 32, 32, forged.begin() + 84);
    const crypto::SecretKey wrap(ByteSpan(both).first<32>());
    const Bytes sealed = crypto::xchacha_seal(wrap, ByteSpan(forged).subspan(116).first<24>(),
                                              ByteSpan(forged).first(172), Bytes(32, std::byte{0x66}));
    std::copy(sealed.begin(), sealed.end(), forged.begin() + 172);
    renew_checksum(forged);
    EXPECT_EQ(kind_thrown([&] { open_slot(forged, secret); }), ErrorKind::corrupt);
  }
  Bytes another = good;
  another[k_ephemeral_at] ^= std::byte{1};
  renew_checksum(another);
  EXPECT_EQ(kind_thrown([&] { open_slot(another, secret); }), ErrorKind::denied);
}

// With the right commitment it is the right secret, so the rest is damaged.
TEST(Slot, AWrongSecretIsToldFromADamagedSlot) {
  const Bytes good = slot_for(code_secret(1), sample_keyring());
  EXPECT_EQ(kind_thrown([&] { open_slot(good, code_secret(2)); }), ErrorKind::denied);
  Bytes damaged = good;
  damaged[180] ^= std::byte{1};
  EXPECT_EQ(kind_thrown([&] { open_slot(damaged, code_secret(1)); }), ErrorKind::corrupt);
  EXPECT_EQ(kind_thrown([&] { open_slot(damaged, code_secret(2)); }), ErrorKind::corrupt) << "its checksum says so";
  renew_checksum(damaged);
  EXPECT_EQ(kind_thrown([&] { open_slot(damaged, code_secret(1)); }), ErrorKind::corrupt);
  EXPECT_EQ(kind_thrown([&] { open_slot(damaged, code_secret(2)); }), ErrorKind::denied);
}

TEST(Slot, IsForTheEpochThatWasAskedFor) {
  Keyring keyring = sample_keyring();
  test::FixedRandom random(5);
  keyring.add_root(2, crypto::SecretKey::random(random));
  EXPECT_TRUE(open_slot(slot_for(code_secret(1), keyring), code_secret(1)).root(2) == keyring.root(2));
  const Bytes older = make_slot(code_secret(1), keyring, 1, random).object;
  EXPECT_EQ(parse_slot(older).epoch, 1U);
  EXPECT_EQ(kind_thrown([&] { make_slot(code_secret(1), keyring, 3, random); }), ErrorKind::denied);
}

TEST(Slot, APassphraseLosesOneLineEnd) {
  const Bytes slot = slot_for(phrase("two words"), sample_keyring());
  EXPECT_FALSE(kind_thrown([&] { open_slot(slot, phrase("two words\n")); }));
  EXPECT_FALSE(kind_thrown([&] { open_slot(slot, phrase("two words\r\n")); }));
  EXPECT_EQ(kind_thrown([&] { open_slot(slot, phrase("two words\n\n")); }), ErrorKind::denied);
  EXPECT_EQ(kind_thrown([&] { phrase("\n"); }), ErrorKind::invalid);
}

TEST(RecoveryCode, RoundTripsThroughPaper) {
  test::FixedRandom random;
  const auto code = RecoveryCode::random(random);
  std::string text = code.text();
  EXPECT_EQ(text.size(), 56U + 7U);
  EXPECT_TRUE(RecoveryCode::parse(text).key() == code.key());
  std::string typed = "  ";
  for (const char c : text) typed += c == '-' ? std::string(" \n") : std::string(1, static_cast<char>(std::toupper(c)));
  EXPECT_TRUE(RecoveryCode::parse(typed).key() == code.key());
}

TEST(RecoveryCode, SeesTypingErrors) {
  test::FixedRandom random;
  const std::string text = RecoveryCode::random(random).text();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '-') continue;
    std::string bad = text;
    bad[i] = bad[i] == 'a' ? 'b' : 'a';
    EXPECT_EQ(kind_thrown([&] { RecoveryCode::parse(bad); }), ErrorKind::denied) << i;
    EXPECT_EQ(kind_thrown([&] { RecoveryCode::parse(text.substr(0, i)); }), ErrorKind::denied);
  }
  EXPECT_EQ(kind_thrown([&] { RecoveryCode::parse(text + "a"); }), ErrorKind::denied);
  EXPECT_EQ(kind_thrown([&] { RecoveryCode::parse("1" + text.substr(1)); }), ErrorKind::denied);
}

TEST(KeyFile, RoundTrips) {
  test::FixedRandom random;
  const auto key = crypto::SecretKey::random(random);
  const std::string text = key_file_text(key);
  EXPECT_TRUE(parse_key_file(text) == key);
  EXPECT_TRUE(parse_key_file(text.substr(0, text.size() - 1)) == key);
  for (const std::string& bad :
       {std::string(), text.substr(1), text.substr(0, text.size() - 2), "x" + text, text + "0"}) {
    EXPECT_EQ(kind_thrown([&] { parse_key_file(bad); }), ErrorKind::invalid) << bad;
  }
}

}  // namespace
}  // namespace modelfloat::mf1
