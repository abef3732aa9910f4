#include "modelfloat/crypto/hash.h"

#include <string>

#include <gtest/gtest.h>

#include "modelfloat/base/hex.h"

namespace modelfloat::crypto {
namespace {

// The input of the official BLAKE3 vectors: 0, 1, ... 250, 0, 1, ...
Bytes counting(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i % 251);
  return bytes;
}

SecretKey official_key() {
  return SecretKey(std::span<const std::byte, 32>(as_bytes("whats the Elvish word for friend").data(), 32));
}

struct Vector {
  std::size_t length;
  std::string plain;
  std::string keyed;
};

// https://github.com/BLAKE3-team/BLAKE3/blob/master/test_vectors/test_vectors.json
const Vector k_vectors[] = {
    {0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
     "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26"},
    {1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
     "6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b"},
    {1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
     "75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4"},
    {1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
     "357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69"},
    {7169, "a003fc7a51754a9b3c7fae0367ab3d782dccf28855a03d435f8cfe74605e7817",
     "ed9b1a922c046fdb3d423ae34e143b05ca1bf28b710432857bf738bcedbfa511"},
};

TEST(Blake3, GivesTheOfficialVectors) {
  for (const Vector& vector : k_vectors) {
    EXPECT_EQ(to_hex(blake3(counting(vector.length))), vector.plain) << vector.length;
    EXPECT_EQ(to_hex(blake3_keyed(official_key(), counting(vector.length))), vector.keyed) << vector.length;
  }
}

TEST(Blake3, GivesTheSameInPieces) {
  const Bytes bytes = counting(7169);
  for (const std::size_t piece : {1, 63, 1024, 5000}) {
    Blake3 plain;
    Blake3 keyed(official_key());
    for (std::size_t done = 0; done < bytes.size(); done += piece) {
      const ByteSpan part = ByteSpan(bytes).subspan(done, std::min(piece, bytes.size() - done));
      plain.update(part);
      keyed.update(part);
    }
    EXPECT_EQ(to_hex(plain.finish()), k_vectors[4].plain) << piece;
    EXPECT_EQ(to_hex(keyed.finish()), k_vectors[4].keyed) << piece;
  }
}

TEST(Blake3, GoesOnAfterFinishAndAfterMove) {
  const Bytes bytes = counting(1025);
  Blake3 first;
  first.update(ByteSpan(bytes).first(1024));
  EXPECT_EQ(to_hex(first.finish()), k_vectors[2].plain);
  Blake3 second = std::move(first);
  second.update(ByteSpan(bytes).last(1));
  EXPECT_EQ(to_hex(second.finish()), k_vectors[3].plain);
}

TEST(Sha256, GivesTheVectorsOfFips180) {
  EXPECT_EQ(to_hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// RFC 4231, test cases 1, 2 and 6.
TEST(HmacSha256, GivesTheVectorsOfTheRfc) {
  EXPECT_EQ(to_hex(hmac_sha256(Bytes(20, std::byte{0x0b}), as_bytes("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha256(Bytes(131, std::byte{0xaa}),
                               as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(HmacSha256, TakesAnEmptyKey) {
  EXPECT_EQ(to_hex(hmac_sha256({}, {})), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Sha256, StartsOverAfterFinish) {
  Sha256 hasher;
  hasher.update(as_bytes("a"));
  hasher.update(as_bytes("bc"));
  EXPECT_EQ(hasher.finish(), sha256(as_bytes("abc")));
  EXPECT_EQ(hasher.finish(), sha256({}));
  hasher.update(as_bytes("abc"));
  EXPECT_EQ(hasher.finish(), sha256(as_bytes("abc")));
}

TEST(Md5, GivesTheVectorsOfRfc1321) {
  EXPECT_EQ(to_hex(md5({})), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(to_hex(md5(as_bytes("message digest"))), "f96b697d7cb7938d525a2f31aaf161d0");
}

TEST(Sha1, GivesTheIdOfAGitBlob) {
  Sha1 hasher;
  hasher.update(as_bytes(std::string_view("blob 12\0", 8)));
  hasher.update(as_bytes("hello world\n"));
  EXPECT_EQ(to_hex(hasher.finish()), "3b18e512dba79e4c8300dd08aeb37f8e728b8dad");
  hasher.update(as_bytes("abc"));
  EXPECT_EQ(to_hex(hasher.finish()), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

}  // namespace
}  // namespace modelfloat::crypto
