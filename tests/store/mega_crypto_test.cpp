// MEGA's arithmetic against tests/golden/mega-vectors.json, which tests/golden/mega_vectors.py
// computed with other libraries.

#include <fstream>

#include "support/source_folder.h"
#include "support/thrown.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/store/mega/cipher.h"
#include "modelfloat/store/mega/hashcash.h"
#include "modelfloat/store/mega/login_crypto.h"
#include "modelfloat/store/mega/tree.h"

namespace modelfloat::test {
namespace {

using namespace store::mega;
using nlohmann::json;

const json& vectors() {
  static const json all = json::parse(std::ifstream(source_folder() / "tests/golden/mega-vectors.json"));
  return all;
}

std::string text(const json& object, const char* name) { return object.at(name).get<std::string>(); }
Bytes hex(const json& object, const char* name) { return from_hex(text(object, name)).value(); }

Bytes pattern(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 31 + (i >> 8) * 17 + (i >> 16) * 7);
  return bytes;
}

FileKey key_of(const json& vector) {
  FileKey key{};
  key.key = array_from_hex<16>(text(vector, "key")).value();
  key.nonce = array_from_hex<8>(text(vector, "nonce")).value();
  return key;
}

TEST(MegaCryptoTest, Base64IsTakenInBothFormsAndGivenInOne) {
  EXPECT_EQ(to_base64url(as_bytes("\xfb\xff\xfe")), "-__-");
  EXPECT_EQ(to_base64url(as_bytes("a")), "YQ");
  EXPECT_EQ(to_base64url({}), "");
  for (const std::string_view same : {"-__-", "+//+", "-_/-"}) EXPECT_EQ(from_base64(same), to_bytes("\xfb\xff\xfe"));
  EXPECT_EQ(from_base64("YQ=="), to_bytes("a"));
  for (const std::string_view wrong : {"a", "abcde", "ab cd", "a\nbc", "ä"}) EXPECT_FALSE(from_base64(wrong)) << wrong;
}

TEST(MegaCryptoTest, PasswordsOfOldAccounts) {
  for (const json& vector : vectors().at("v1")) {
    const PasswordKeys keys = password_keys_v1(text(vector, "email"), text(vector, "password"));
    EXPECT_EQ(to_hex(keys.key.bytes()), text(vector, "key")) << vector;
    EXPECT_EQ(keys.proof, text(vector, "proof")) << vector;
  }
}

TEST(MegaCryptoTest, PasswordsOfNewAccounts) {
  for (const json& vector : vectors().at("v2")) {
    const PasswordKeys keys = password_keys_v2(text(vector, "password"), hex(vector, "salt"));
    EXPECT_EQ(to_hex(keys.key.bytes()), text(vector, "key")) << vector;
    EXPECT_EQ(keys.proof, text(vector, "proof")) << vector;
  }
}

TEST(MegaCryptoTest, SessionsAreOpenedAlsoWhenTheyBeginWithZero) {
  for (const json& vector : vectors().at("sessions")) {
    const auto challenge = from_base64(text(vector, "challenge")).value();
    const auto key = from_base64(text(vector, "private_key")).value();
    EXPECT_EQ(open_session(challenge, key, hex(vector, "master_key"), text(vector, "user"), "here"),
              text(vector, "session"));
  }
}

TEST(MegaCryptoTest, SessionsThatAreNotOursAreRefused) {
  const json& vector = vectors().at("sessions")[0];
  const auto challenge = from_base64(text(vector, "challenge")).value();
  const auto key = from_base64(text(vector, "private_key")).value();
  const Bytes master_key = hex(vector, "master_key");
  EXPECT_EQ(kind_thrown([&] { open_session(challenge, key, master_key, "AAAAAAAAAAA", "here"); }), ErrorKind::denied);
  Bytes wrong_key = master_key;
  wrong_key[0] ^= std::byte{1};
  EXPECT_EQ(kind_thrown([&] { open_session(challenge, key, wrong_key, text(vector, "user"), "here"); }),
            ErrorKind::denied);
  EXPECT_EQ(kind_thrown([&] { open_session({}, key, master_key, text(vector, "user"), "here"); }), ErrorKind::corrupt);
  EXPECT_EQ(
      kind_thrown([&] { open_session(ByteSpan(challenge).first(20), key, master_key, text(vector, "user"), "here"); }),
      ErrorKind::corrupt);
  for (const std::size_t length : {0U, 1U, 16U, 100U, 160U}) {
    EXPECT_EQ(kind_thrown([&] {
                open_session(challenge, ByteSpan(key).first(length), master_key, text(vector, "user"), "here");
              }),
              ErrorKind::denied);
  }
}

TEST(MegaCryptoTest, ContentIsEncryptedAndItsMacIsRight) {
  for (const json& vector : vectors().at("contents")) {
    const Bytes plain = pattern(vector.at("size"));
    const FileKey key = key_of(vector);
    Bytes encrypted(plain.size());
    crypt_content(key, 0, plain, encrypted);
    EXPECT_EQ(to_hex(crypto::sha256(encrypted)), text(vector, "encrypted_sha256")) << vector;
    ContentMac mac(key.key, key.nonce);
    mac.update(plain);
    EXPECT_EQ(to_hex(mac.finish()), text(vector, "mac")) << vector;
  }
}

TEST(MegaCryptoTest, TheMacDoesNotDependOnThePieces) {
  const json& vector = vectors().at("contents").back();
  const Bytes plain = pattern(vector.at("size"));
  for (const std::size_t length : {7UL, 16UL, 4097UL, 131'072UL, 1'000'003UL}) {
    ContentMac mac(key_of(vector).key, key_of(vector).nonce);
    for (std::size_t at = 0; at < plain.size(); at += length)
      mac.update(ByteSpan(plain).subspan(at, std::min(length, plain.size() - at)));
    EXPECT_EQ(to_hex(mac.finish()), text(vector, "mac")) << length;
  }
}

TEST(MegaCryptoTest, AnyPartOfAContentCanBeDecrypted) {
  const json& vector = vectors().at("contents").back();
  const Bytes plain = pattern(vector.at("size"));
  const FileKey key = key_of(vector);
  Bytes encrypted(plain.size());
  crypt_content(key, 0, plain, encrypted);
  for (const std::uint64_t offset : {0UL, 1UL, 15UL, 16UL, 17UL, 131'071UL, 5'999'999UL}) {
    const std::size_t length = std::min<std::size_t>(1000, plain.size() - offset);
    Bytes part(length);
    crypt_content(key, offset, ByteSpan(encrypted).subspan(offset, length), part);
    EXPECT_TRUE(equal(part, ByteSpan(plain).subspan(offset, length))) << offset;
  }
}

TEST(MegaCryptoTest, ChunksGrowToOneMebibyte) {
  const std::uint64_t kib = 1024;
  const std::vector<std::uint64_t> ends = {128, 384, 768, 1280, 1920, 2688, 3584, 4608, 5632, 6656};
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const std::uint64_t begin = i == 0 ? 0 : ends[i - 1] * kib;
    EXPECT_EQ(end_of_chunk(begin), ends[i] * kib);
    EXPECT_EQ(end_of_chunk(ends[i] * kib - 1), ends[i] * kib);
  }
}

TEST(MegaCryptoTest, KeysOfFilesArePackedAndUnpacked) {
  std::array<std::byte, 32> node_key;
  for (std::size_t i = 0; i < node_key.size(); ++i) node_key[i] = static_cast<std::byte>(i * i);
  const FileKey key = FileKey::unpack(node_key);
  EXPECT_EQ(key.pack(), node_key);
  EXPECT_EQ(key.key[1], std::byte{1} ^ static_cast<std::byte>(17 * 17));
  EXPECT_EQ(key.mac[7], static_cast<std::byte>(31 * 31));
}

TEST(MegaCryptoTest, NamesAreSealedAndOpened) {
  for (const json& vector : vectors().at("names")) {
    EXPECT_EQ(seal_name(hex(vector, "key"), text(vector, "name")), text(vector, "attributes"));
    EXPECT_EQ(open_name(hex(vector, "key"), text(vector, "attributes")), text(vector, "name"));
  }
  const json& vector = vectors().at("names")[0];
  for (const std::string& wrong :
       {std::string(), std::string("AAAA"), std::string(22, 'A'), text(vector, "attributes").substr(1)}) {
    EXPECT_FALSE(open_name(hex(vector, "key"), wrong)) << wrong;
  }
  EXPECT_FALSE(open_name(hex(vectors().at("names")[1], "key"), text(vector, "attributes")));
}

TEST(MegaCryptoTest, CodesOfTheSecondFactor) {  // RFC 6238, appendix B, the last six digits
  const std::string secret = to_base32(as_bytes("12345678901234567890"));
  const std::vector<std::pair<std::uint64_t, std::string>> codes = {{59, "287082"},
                                                                    {1'111'111'109, "081804"},
                                                                    {1'111'111'111, "050471"},
                                                                    {1'234'567'890, "005924"},
                                                                    {2'000'000'000, "279037"}};
  for (const auto& [seconds, code] : codes) EXPECT_EQ(totp_code(secret, from_unix_seconds(seconds), "here"), code);
  EXPECT_EQ(totp_code("GEZD GNBV-gy3tqojqGEZDGNBVGY3TQOJQ", from_unix_seconds(59), "here"), "287082");
  for (const std::string_view wrong : {"", " ", "no base32!", "18"}) {
    EXPECT_EQ(kind_thrown([&] { totp_code(wrong, from_unix_seconds(59), "here"); }), ErrorKind::invalid) << wrong;
  }
}

TEST(MegaCryptoTest, HashcashIsFoundAsOthersFindIt) {
  for (const json& vector : vectors().at("hashcash")) {
    const Challenge challenge{vector.at("easiness"), text(vector, "token")};
    const auto token = from_base64(challenge.token).value();
    std::vector<std::uint32_t> solutions;
    for (std::uint32_t prefix = 0; prefix < vector.at("tried").get<std::uint32_t>(); ++prefix) {
      if (solves(challenge, token, prefix)) solutions.push_back(prefix);
    }
    EXPECT_EQ(solutions, vector.at("solutions").get<std::vector<std::uint32_t>>());
    const auto answer = solve(challenge, {});
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->starts_with("1:" + challenge.token + ":"));
    const auto prefix = from_base64(answer->substr(answer->rfind(':') + 1)).value();
    ASSERT_EQ(prefix.size(), 4U);
    std::uint32_t number = 0;
    for (const std::byte byte : prefix) number = number << 8 | static_cast<std::uint32_t>(byte);
    EXPECT_TRUE(solves(challenge, token, number));
  }
}

TEST(MegaCryptoTest, ChallengesThatMakeNoSenseAreNotWorkedOn) {
  const auto challenge = parse_challenge("1:192:1731410499:AAAA");
  ASSERT_TRUE(challenge);
  EXPECT_EQ(challenge->easiness, 192U);
  EXPECT_EQ(challenge->token, "AAAA");
  for (const std::string_view wrong :
       {"", "1:192:17", "2:192:17:AAAA", "1:256:17:AAAA", "1:x:17:AAAA", "1:192:17:AAAA:more", "1::17:A"}) {
    EXPECT_FALSE(parse_challenge(wrong)) << wrong;
  }
  EXPECT_FALSE(solve(*challenge, {}));  // too short a token
  std::stop_source stop;
  stop.request_stop();
  // Which would take years.
  EXPECT_FALSE(solve({0, text(vectors().at("hashcash")[0], "token")}, stop.get_token()));
}

}  // namespace
}  // namespace modelfloat::test
