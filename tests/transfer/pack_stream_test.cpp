#include "modelfloat/transfer/packs/pack_stream.h"

#include "support/fixed_random.h"
#include <gtest/gtest.h>

namespace modelfloat::transfer {
namespace {

constexpr std::uint64_t k_full_pack_bytes = std::uint64_t{8} << 20;  // of a small model at 2+1
constexpr std::uint64_t k_numbered_bytes = k_full_pack_bytes / 32;

mf1::EncodedFragment numbered(std::uint64_t number, std::uint64_t size_bytes = k_numbered_bytes) {
  mf1::EncodedFragment fragment;
  fragment.bytes = test::random_bytes(size_bytes, number);
  fragment.plain_bytes = static_cast<std::uint32_t>(fragment.bytes.size());
  store_le(MutableByteSpan(fragment.id), number + 1);
  return fragment;
}

class PackStreamTest : public testing::Test {
 protected:
  // Adds fragments from this number on until a pack is full. Returns the number of the next.
  std::uint64_t fill_from(std::uint64_t number) {
    do stream_.add(numbered(number++));
    while (!stream_.fill(MoreFragments::may_come));
    return number;
  }
  static std::vector<FragmentId> ids(const mf1::SealedPack& pack) {
    std::vector<FragmentId> all;
    for (const Fragment& fragment : pack.fragments) all.push_back(fragment.id);
    return all;
  }

  test::FixedRandom random_{7};
  const mf1::Keyring keys_{PoolId{std::byte{9}}, 1, crypto::SecretKey::random(random_)};
  InlineExecutor cpu_;
  std::size_t sealed_ = 0;
  PackStream stream_{{keys_, random_, cpu_},
                     {{2, 1}, 1, crypto::Suite::aes_256_gcm, 4 * k_full_pack_bytes, UINT64_MAX},
                     [this] { ++sealed_; }};
};

TEST_F(PackStreamTest, FullPacksAndAShortLastOne) {
  EXPECT_TRUE(stream_.is_empty());
  fill_from(0);
  EXPECT_FALSE(stream_.sealed_if_ready());
  stream_.seal(MoreFragments::may_come);
  EXPECT_EQ(sealed_, 1U);
  const auto full = stream_.sealed_if_ready();
  ASSERT_TRUE(full);
  EXPECT_FALSE(stream_.is_sealing());
  EXPECT_EQ(full->pack.pack_bytes(), k_full_pack_bytes);
  EXPECT_EQ(full->shards.size(), 3U);

  EXPECT_FALSE(stream_.is_empty());
  EXPECT_FALSE(stream_.fill(MoreFragments::none));
  stream_.seal(MoreFragments::none);
  const auto last = stream_.wait_until_sealed();
  EXPECT_LT(last->pack.pack_bytes(), k_full_pack_bytes);
  EXPECT_TRUE(stream_.is_empty());
  stream_.seal(MoreFragments::none);
  EXPECT_FALSE(stream_.is_sealing()) << "there was nothing to seal";
}

TEST_F(PackStreamTest, AFragmentOfThoseToComeFillsTheEnd) {
  const std::uint64_t next = fill_from(0);
  stream_.add(numbered(next, 1000));
  EXPECT_TRUE(stream_.fill(MoreFragments::may_come));
  stream_.seal(MoreFragments::may_come);
  EXPECT_EQ(ids(*stream_.sealed_if_ready()).back(), numbered(next, 1).id);
}

TEST_F(PackStreamTest, WhatIsTakenBackIsPackedAnewBeforeAllOthers) {
  const std::uint64_t next = fill_from(0);
  stream_.seal(MoreFragments::may_come);
  const auto given_up = stream_.sealed_if_ready();
  stream_.fill(MoreFragments::none);  // some are in the open pack by now
  stream_.take_back(*given_up);
  stream_.set_redundancy({1, 1});  // with half the room for each
  std::vector<FragmentId> packed;
  while (!stream_.is_empty()) {
    const bool is_full = stream_.fill(MoreFragments::none);
    stream_.seal(is_full ? MoreFragments::may_come : MoreFragments::none);
    const auto pack = stream_.sealed_if_ready();
    EXPECT_EQ(pack->pack.k, 1U);
    EXPECT_NE(pack->pack.id, given_up->pack.id);
    for (const FragmentId& id : ids(*pack)) packed.push_back(id);
  }
  ASSERT_EQ(packed.size(), next);
  for (std::uint64_t number = 0; number < next; ++number) EXPECT_EQ(packed[number], numbered(number, 1).id) << number;
}

}  // namespace
}  // namespace modelfloat::transfer
