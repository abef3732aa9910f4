#include "modelfloat/mf1/slot.h"

#include "samples.h"

#include "modelfloat/crypto/hash.h"

namespace modelfloat::mf1 {
namespace {

constexpr PassphraseCost k_cheap{64, 1};

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
  return make_slot(secret, keyring, keyring.current_epoch(), random, k_cheap);
}

void renew_checksum(Bytes& slot) {
  const Hash256 sum = crypto::blake3(ByteSpan(slot).first(188));
  std::copy_n(sum.begin(), 16, slot.begin() + 188);
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
  for (std::size_t i = 0; i < 188; ++i) {
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
  Bytes bad = slot_for(secret, sample_keyring());
  store_le(MutableByteSpan(bad).subspan(16), 0U);
  renew_checksum(bad);
  EXPECT_EQ(kind_thrown([&] { open_slot(bad, secret); }), ErrorKind::corrupt);
}

TEST(Slot, IsForTheEpochThatWasAskedFor) {
  Keyring keyring = sample_keyring();
  test::FixedRandom random(5);
  keyring.add_epoch(2, crypto::SecretKey::random(random));
  EXPECT_TRUE(open_slot(slot_for(code_secret(1), keyring), code_secret(1)).root(2) == keyring.root(2));
  const Bytes older = make_slot(code_secret(1), keyring, 1, random);
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
