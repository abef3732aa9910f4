#include "modelfloat/crypto/aead.h"

#include <array>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"

namespace modelfloat::crypto {
namespace {

constexpr std::string_view k_sunscreen =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be "
    "it.";

SecretKey key_of(std::string_view hex) { return SecretKey(array_from_hex<32>(hex).value()); }

const SecretKey& some_key() {
  static const SecretKey key = key_of("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  return key;
}

struct Frame {
  Suite suite;
  SecretKey key;
  std::array<std::byte, 12> nonce;
  Bytes aad;
  Bytes plain;
};

Bytes seal(const Frame& frame) {
  Bytes out(frame.plain.size() + k_tag_bytes);
  Sealer(frame.suite, frame.key).seal(frame.nonce, frame.aad, frame.plain, out);
  return out;
}

// Opens with an output that holds other bytes before, and says whether it was wiped when the tag
// did not fit.
std::optional<Bytes> open(const Frame& frame, std::span<const ByteSpan> parts) {
  std::size_t total = 0;
  for (const ByteSpan part : parts) total += part.size();
  Bytes out(total < k_tag_bytes ? 0 : total - k_tag_bytes, std::byte{0xaa});
  if (Opener(frame.suite, frame.key).open(frame.nonce, frame.aad, parts, out)) return out;
  EXPECT_EQ(out, Bytes(out.size(), std::byte{0}));
  return std::nullopt;
}

std::optional<Bytes> open(const Frame& frame, ByteSpan sealed) { return open(frame, std::span(&sealed, 1)); }

Frame frame_of(Suite suite, std::string_view text = k_sunscreen) {
  return {suite, some_key(), array_from_hex<12>("070000004041424344454647").value(),
          from_hex("50515253c0c1c2c3c4c5c6c7").value(), to_bytes(text)};
}

TEST(Aead, GivesTheGcmVectorOfItsSpecification) {  // McGrew and Viega, test case 16
  const Frame frame{Suite::aes_256_gcm, key_of("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"),
                    array_from_hex<12>("cafebabefacedbaddecaf888").value(),
                    from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2").value(),
                    from_hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e24"
                             "49a6b525b16aedf5aa0de657ba637b39")
                        .value()};
  const Bytes sealed = seal(frame);
  EXPECT_EQ(to_hex(sealed),
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393"
            "ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b");
  EXPECT_EQ(open(frame, sealed), frame.plain);
}

TEST(Aead, GivesTheChachaVectorOfRfc8439) {
  const Frame frame = frame_of(Suite::chacha20_poly1305);
  const Bytes sealed = seal(frame);
  EXPECT_EQ(to_hex(sealed),
            "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e"
            "060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576"
            "d26586cec64b61161ae10b594f09e26a7e902ecbd0600691");
  EXPECT_EQ(open(frame, sealed), frame.plain);
}

class AeadOfSuite : public testing::TestWithParam<Suite> {};
INSTANTIATE_TEST_SUITE_P(Suites, AeadOfSuite, testing::Values(Suite::aes_256_gcm, Suite::chacha20_poly1305),
                         [](const auto& test) { return test.param == Suite::aes_256_gcm ? "Aes" : "Chacha"; });

TEST_P(AeadOfSuite, RefusesEveryFlippedBit) {
  const Frame frame = frame_of(GetParam());
  const Bytes sealed = seal(frame);
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Bytes other = sealed;
    other[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    EXPECT_EQ(open(frame, other), std::nullopt) << bit;
  }
}

TEST_P(AeadOfSuite, RefusesAnotherNonceKeyOrAssociatedData) {
  const Frame frame = frame_of(GetParam());
  const Bytes sealed = seal(frame);
  for (std::size_t i = 0; i < frame.nonce.size(); ++i) {
    Frame other = frame;
    other.nonce[i] ^= std::byte{0x80};
    EXPECT_EQ(open(other, sealed), std::nullopt) << i;
  }
  for (std::size_t i = 0; i < frame.aad.size(); ++i) {
    Frame other = frame;
    other.aad[i] ^= std::byte{1};
    EXPECT_EQ(open(other, sealed), std::nullopt) << i;
  }
  Frame other = frame;
  other.aad.pop_back();
  EXPECT_EQ(open(other, sealed), std::nullopt);
  other = frame;
  other.key = key_of("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9e");
  EXPECT_EQ(open(other, sealed), std::nullopt);
}

TEST_P(AeadOfSuite, RefusesEveryShorterAndLongerText) {
  const Frame frame = frame_of(GetParam());
  Bytes sealed = seal(frame);
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_EQ(open(frame, ByteSpan(sealed).first(size)), std::nullopt) << size;
  }
  sealed.push_back(std::byte{0});
  EXPECT_EQ(open(frame, sealed), std::nullopt);
}

TEST_P(AeadOfSuite, WipesAnOutputWhenEvenTheTagIsMissing) {
  Bytes out(8, std::byte{0xaa});
  Opener opener(GetParam(), some_key());
  const Frame frame = frame_of(GetParam());
  EXPECT_FALSE(opener.open(frame.nonce, frame.aad, ByteSpan(Bytes(15, std::byte{0})), out));
  EXPECT_EQ(out, Bytes(8, std::byte{0}));
}

TEST_P(AeadOfSuite, RefusesTheOtherSuite) {
  const Frame frame = frame_of(GetParam());
  Frame other = frame;
  other.suite = GetParam() == Suite::aes_256_gcm ? Suite::chacha20_poly1305 : Suite::aes_256_gcm;
  EXPECT_EQ(open(other, seal(frame)), std::nullopt);
}

TEST_P(AeadOfSuite, OpensFramesThatStraddleBuffersAtAnyPlace) {
  const Frame frame = frame_of(GetParam());
  const Bytes sealed = seal(frame);
  for (std::size_t cut = 0; cut <= sealed.size(); ++cut) {
    for (const std::size_t middle : {std::size_t{0}, std::size_t{1}, std::size_t{17}}) {
      const ByteSpan rest = ByteSpan(sealed).subspan(cut);
      const std::size_t second = std::min(middle, rest.size());
      const std::vector<ByteSpan> parts = {ByteSpan(sealed).first(cut), rest.first(second), rest.subspan(second)};
      EXPECT_EQ(open(frame, parts), frame.plain) << cut << " " << middle;
    }
  }
}

TEST_P(AeadOfSuite, SealsManyFramesWithOneObjectAsWithFreshOnes) {
  Frame frame = frame_of(GetParam());
  Sealer sealer(GetParam(), frame.key);
  Opener opener(GetParam(), frame.key);
  for (std::uint8_t number = 0; number < 20; ++number) {
    frame.nonce[0] = std::byte{number};
    frame.plain.assign(std::size_t{13} * number, std::byte{number});
    frame.aad.resize(number % 3);
    std::fill(frame.aad.begin(), frame.aad.end(), std::byte{number});
    Bytes sealed(frame.plain.size() + k_tag_bytes);
    sealer.seal(frame.nonce, frame.aad, frame.plain, sealed);
    EXPECT_EQ(sealed, seal(frame)) << int{number};

    Bytes opened(frame.plain.size());
    sealed[0] ^= std::byte{1};  // a refused frame leaves no trace in the next one
    EXPECT_FALSE(opener.open(frame.nonce, frame.aad, sealed, opened));
    sealed[0] ^= std::byte{1};
    EXPECT_TRUE(opener.open(frame.nonce, frame.aad, sealed, opened));
    EXPECT_EQ(opened, frame.plain) << int{number};
  }
}

TEST_P(AeadOfSuite, SealsInPlace) {
  const Frame frame = frame_of(GetParam());
  Bytes buffer = frame.plain;
  buffer.resize(frame.plain.size() + k_tag_bytes);
  Sealer(GetParam(), frame.key).seal(frame.nonce, frame.aad, ByteSpan(buffer).first(frame.plain.size()), buffer);
  EXPECT_EQ(buffer, seal(frame));
}

TEST_P(AeadOfSuite, RefusesOutputsOfWrongSize) {
  const Frame frame = frame_of(GetParam());
  Bytes out(frame.plain.size() + k_tag_bytes - 1);
  EXPECT_THROW(Sealer(GetParam(), frame.key).seal(frame.nonce, frame.aad, frame.plain, out), Error);
  EXPECT_THROW(static_cast<void>(Opener(GetParam(), frame.key).open(frame.nonce, frame.aad, seal(frame), out)), Error);
}

RC_GTEST_PROP(Aead, OpensWhatItSealed, (const std::vector<std::uint8_t>& plain, const std::vector<std::uint8_t>& aad)) {
  Frame frame = frame_of(*rc::gen::element(Suite::aes_256_gcm, Suite::chacha20_poly1305));
  frame.plain = to_bytes(std::as_bytes(std::span(plain)));
  frame.aad = to_bytes(std::as_bytes(std::span(aad)));
  const Bytes sealed = seal(frame);
  RC_ASSERT(open(frame, sealed) == frame.plain);
}

TEST(Suite, KnowsItsNumbersOnly) {
  EXPECT_EQ(suite_from(1), Suite::aes_256_gcm);
  EXPECT_EQ(suite_from(2), Suite::chacha20_poly1305);
  EXPECT_EQ(suite_from(0), std::nullopt);
  EXPECT_EQ(suite_from(3), std::nullopt);
  try {
    Sealer sealer(static_cast<Suite>(3), some_key());
    FAIL() << "an unknown suite was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind, ErrorKind::unsupported);
  }
  const Frame frame = frame_of(preferred_suite());
  EXPECT_EQ(open(frame, seal(frame)), frame.plain);
}

const auto k_long_nonce = array_from_hex<24>("404142434445464748494a4b4c4d4e4f5051525354555657").value();

TEST(Xchacha, GivesTheVectorOfItsDraft) {  // draft-irtf-cfrg-xchacha-03, A.3.1
  const Bytes aad = from_hex("50515253c0c1c2c3c4c5c6c7").value();
  const Bytes sealed = xchacha_seal(some_key(), k_long_nonce, aad, as_bytes(k_sunscreen));
  EXPECT_EQ(to_hex(sealed),
            "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c"
            "54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da97688"
            "12f615c68b13b52ec0875924c1c7987947deafd8780acf49");
  const auto plain = xchacha_open(some_key(), k_long_nonce, aad, sealed);
  ASSERT_TRUE(plain);
  EXPECT_EQ(as_text(plain->bytes()), k_sunscreen);
}

TEST(Xchacha, RefusesWhatIsChangedOrCut) {
  const Bytes aad = to_bytes("slot");
  const Bytes sealed = xchacha_seal(some_key(), k_long_nonce, aad, as_bytes("a wrapped key"));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes other = sealed;
    other[i] ^= std::byte{1};
    EXPECT_FALSE(xchacha_open(some_key(), k_long_nonce, aad, other)) << i;
    EXPECT_FALSE(xchacha_open(some_key(), k_long_nonce, aad, ByteSpan(sealed).first(i))) << i;
  }
  EXPECT_FALSE(xchacha_open(some_key(), k_long_nonce, as_bytes("slob"), sealed));
  auto nonce = k_long_nonce;
  nonce[23] ^= std::byte{1};
  EXPECT_FALSE(xchacha_open(some_key(), nonce, aad, sealed));
  const SecretKey other_key = key_of("008182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  EXPECT_FALSE(xchacha_open(other_key, k_long_nonce, aad, sealed));
}

TEST(Xchacha, SealsNothingAtAll) {
  const Bytes sealed = xchacha_seal(some_key(), k_long_nonce, {}, {});
  EXPECT_EQ(sealed.size(), 16u);
  const auto plain = xchacha_open(some_key(), k_long_nonce, {}, sealed);
  ASSERT_TRUE(plain);
  EXPECT_TRUE(plain->empty());
}

}  // namespace
}  // namespace modelfloat::crypto
