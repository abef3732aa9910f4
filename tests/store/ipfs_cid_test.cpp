#include "support/fixed_random.h"
#include <gtest/gtest.h>

#include "modelfloat/store/ipfs/cid.h"

namespace modelfloat::test {
namespace {

using store::ipfs::Cid;
using store::ipfs::cid_of_file;
using store::ipfs::k_codec_dag_pb;
using store::ipfs::k_codec_raw;
using store::ipfs::parse_cid;

// Pairs of texts as nodes write them; the bytes are one and the same.
TEST(IpfsCid, OneCidHasManyTexts) {
  const auto v0 = parse_cid("QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n");
  const auto v1 = parse_cid("bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
  const auto base58 = parse_cid("zdj7Wkkhxcu2rsiN6GUyHCLsSLL47kdUNfjbFqBUUhMFTZKBi");
  ASSERT_TRUE(v0 && v1 && base58);
  EXPECT_EQ(*v0, *v1);
  EXPECT_EQ(*v1, *base58);
  EXPECT_EQ(v0->codec, k_codec_dag_pb);
  EXPECT_EQ(to_string(*v0), "bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
}

TEST(IpfsCid, OtherTextsAreNone) {
  for (const std::string_view text :
       {"", "b", "z", "Q", "Qm", "hello", "bafy", "bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyk",
        "zdj7Wk0hxcu2rsiN6GUyHCLsSLL47kdUNfjbFqBUUhMFTZKBi", "Qm0fTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n",
        "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1", "f01551220"}) {
    EXPECT_FALSE(parse_cid(text)) << text;
  }
  EXPECT_FALSE(parse_cid(std::string(100'000, 'z')));
}

// As js-ipfs and Kubo give them.
TEST(IpfsCid, AFileOfOneChunkIsItsHash) {
  EXPECT_EQ(to_string(*cid_of_file({})), "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
  EXPECT_EQ(to_string(*cid_of_file(as_bytes("hello world"))),
            "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e");
  EXPECT_EQ(cid_of_file(random_bytes(1 << 20))->codec, k_codec_raw);
}

TEST(IpfsCid, ALargerFileIsAListOfLinks) {
  const std::string zeros((std::size_t{174} << 20) + 1, '\0');
  const auto cid_of = [&](std::size_t size) { return cid_of_file(as_bytes(zeros).first(size)); };
  EXPECT_EQ(to_string(*cid_of(3'000'000)), "bafybeigmdn54ysmbug2zhflk2dygoxlh6yn2tnjmaoyp55mtxqvje7erxi");
  EXPECT_EQ(cid_of((1 << 20) + 1)->codec, k_codec_dag_pb);
  EXPECT_NE(cid_of(2 << 20), cid_of(3 << 20));
  EXPECT_TRUE(cid_of(std::size_t{174} << 20));
  EXPECT_FALSE(cid_of((std::size_t{174} << 20) + 1));
}

}  // namespace
}  // namespace modelfloat::test
