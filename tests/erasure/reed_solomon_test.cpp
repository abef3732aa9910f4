#include "modelfloat/erasure/reed_solomon.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"

namespace modelfloat::erasure {
namespace {

// The field of MF1, written from its definition and slow: x^8 + x^4 + x^3 + x^2 + 1.
unsigned slow_product(unsigned a, unsigned b) {
  unsigned result = 0;
  for (; b != 0; b >>= 1) {
    if ((b & 1) != 0) result ^= a;
    a = (a & 0x80) != 0 ? (a << 1) ^ 0x11d : a << 1;
  }
  return result;
}

unsigned slow_inverse(unsigned a) {
  for (unsigned b = 1; b < 256; ++b) {
    if (slow_product(a, b) == 1) return b;
  }
  throw std::logic_error("zero has no inverse");
}

Bytes random_bytes(std::size_t size, std::mt19937& random) {
  Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

// All k + m shards, the parities by the slow field.
std::vector<Bytes> slow_shards(std::size_t k, std::size_t m, std::size_t length, std::mt19937& random) {
  std::vector<Bytes> shards;
  for (std::size_t i = 0; i < k; ++i) shards.push_back(random_bytes(length, random));
  for (std::size_t row = k; row < k + m; ++row) {
    Bytes parity(length, std::byte{0});
    for (std::size_t column = 0; column < k; ++column) {
      const unsigned factor = k == 1 ? 1 : slow_inverse(static_cast<unsigned>(row ^ column));
      for (std::size_t i = 0; i < length; ++i) {
        parity[i] ^= static_cast<std::byte>(slow_product(factor, std::to_integer<unsigned>(shards[column][i])));
      }
    }
    shards.push_back(std::move(parity));
  }
  return shards;
}

std::vector<ByteSpan> data_of(const std::vector<Bytes>& shards, std::size_t k) {
  return {shards.begin(), shards.begin() + static_cast<std::ptrdiff_t>(k)};
}

std::vector<Bytes> encoded(const ReedSolomon& code, const std::vector<Bytes>& shards) {
  const std::size_t k = code.data_shards();
  std::vector<Bytes> result = shards;
  std::vector<MutableByteSpan> parity;
  for (std::size_t i = k; i < result.size(); ++i) {
    std::fill(result[i].begin(), result[i].end(), std::byte{0xee});
    parity.emplace_back(result[i]);
  }
  code.encode(data_of(result, k), parity);
  return result;
}

// Rebuilds every shard, also those that are there, from the shards with these numbers.
std::vector<Bytes> rebuilt(const ReedSolomon& code, const std::vector<Bytes>& shards,
                           std::span<const std::size_t> from) {
  std::vector<Shard> have;
  for (const std::size_t index : from) have.push_back({index, shards[index]});
  std::vector<Bytes> result;
  for (const Bytes& shard : shards) result.emplace_back(shard.size(), std::byte{0xee});
  std::vector<WantedShard> want;
  for (std::size_t i = 0; i < result.size(); ++i) want.push_back({i, result[i]});
  code.rebuild(have, want);
  return result;
}

TEST(ReedSolomon, HasTheParityOfTheFormat) {
  // 2+2 by hand: rows 2 and 3 are {inverse(2), inverse(3)} and {inverse(3), inverse(2)}; inverse(2)
  // = 0x8e, inverse(3) = 0xf4.
  std::vector<Bytes> shards = {from_hex("0100").value(), from_hex("0001").value(), Bytes(2), Bytes(2)};
  shards = encoded(ReedSolomon(2, 2), shards);
  EXPECT_EQ(to_hex(shards[2]), "8ef4");
  EXPECT_EQ(to_hex(shards[3]), "f48e");
}

TEST(ReedSolomon, AgreesWithTheSlowFieldForAllCodes) {
  std::mt19937 random(1);
  for (std::size_t k = 1; k <= ReedSolomon::k_max_data; ++k) {
    for (std::size_t m = 0; m <= ReedSolomon::k_max_parity; ++m) {
      const auto shards = slow_shards(k, m, 70, random);
      EXPECT_EQ(encoded(ReedSolomon(k, m), shards), shards) << k << "+" << m;
    }
  }
}

TEST(ReedSolomon, AgreesForLengthsOfEveryKind) {
  std::mt19937 random(2);
  for (std::size_t length = 0; length <= 200; ++length) {
    const auto shards = slow_shards(3, 2, length, random);
    EXPECT_EQ(encoded(ReedSolomon(3, 2), shards), shards) << length;
    EXPECT_EQ(rebuilt(ReedSolomon(3, 2), shards, std::vector<std::size_t>{1, 4, 3}), shards) << length;
  }
  for (const std::size_t length : {8191, 8192, 8193, 20000}) {  // around the step in which it works
    const auto shards = slow_shards(2, 7, length, random);
    EXPECT_EQ(encoded(ReedSolomon(2, 7), shards), shards) << length;
    EXPECT_EQ(rebuilt(ReedSolomon(2, 7), shards, std::vector<std::size_t>{8, 5}), shards) << length;
  }
}

TEST(ReedSolomon, TakesShardsAtAnyAddress) {
  std::mt19937 random(3);
  const auto shards = slow_shards(2, 1, 100, random);
  std::vector<Bytes> buffers(3, Bytes(108));
  std::copy(shards[0].begin(), shards[0].end(), buffers[0].begin() + 1);
  std::copy(shards[1].begin(), shards[1].end(), buffers[1].begin() + 5);
  const std::vector<ByteSpan> data = {ByteSpan(buffers[0]).subspan(1, 100), ByteSpan(buffers[1]).subspan(5, 100)};
  const MutableByteSpan parity = MutableByteSpan(buffers[2]).subspan(3, 100);
  buffers[2][2] = buffers[2][103] = std::byte{0x77};
  ReedSolomon(2, 1).encode(data, std::span(&parity, 1));
  EXPECT_TRUE(equal(parity, shards[2]));
  EXPECT_EQ(buffers[2][2], std::byte{0x77});
  EXPECT_EQ(buffers[2][103], std::byte{0x77});
}

TEST(ReedSolomon, CopiesWhenThereIsOneDataShard) {
  std::mt19937 random(4);
  const Bytes data = random_bytes(100, random);
  const auto shards = encoded(ReedSolomon(1, 3), {data, Bytes(100), Bytes(100), Bytes(100)});
  for (const Bytes& shard : shards) EXPECT_EQ(shard, data);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(rebuilt(ReedSolomon(1, 3), shards, std::vector{i}), shards);
}

TEST(ReedSolomon, RebuildsFromEverySubsetOfSmallCodes) {
  std::mt19937 random(5);
  for (std::size_t k = 1; k <= 6; ++k) {
    for (std::size_t m = 0; m <= 4; ++m) {
      const auto shards = slow_shards(k, m, 33, random);
      std::vector<bool> chosen(k + m, false);
      std::fill(chosen.end() - static_cast<std::ptrdiff_t>(k), chosen.end(), true);
      do {
        std::vector<std::size_t> from;
        for (std::size_t i = 0; i < k + m; ++i) {
          if (chosen[i]) from.push_back(i);
        }
        ASSERT_EQ(rebuilt(ReedSolomon(k, m), shards, from), shards) << k << "+" << m;
      } while (std::next_permutation(chosen.begin(), chosen.end()));
    }
  }
}

TEST(ReedSolomon, RebuildsWideCodesFromRandomSubsetsInAnyOrder) {
  std::mt19937 random(6);
  for (std::size_t k = 7; k <= ReedSolomon::k_max_data; ++k) {
    for (std::size_t m = 1; m <= ReedSolomon::k_max_parity; ++m) {
      const auto shards = slow_shards(k, m, 65, random);
      std::vector<std::size_t> all(k + m);
      std::iota(all.begin(), all.end(), std::size_t{0});
      for (int round = 0; round < 5; ++round) {
        std::shuffle(all.begin(), all.end(), random);
        ASSERT_EQ(rebuilt(ReedSolomon(k, m), shards, std::span(all).first(k)), shards) << k << "+" << m;
      }
    }
  }
}

TEST(ReedSolomon, KeepsItsParityWhenMoreIsAdded) {
  std::mt19937 random(7);
  const auto shards = slow_shards(4, 8, 64, random);
  const std::vector<Bytes> fewer(shards.begin(), shards.begin() + 6);
  EXPECT_EQ(encoded(ReedSolomon(4, 2), fewer), fewer);
  EXPECT_EQ(encoded(ReedSolomon(4, 8), shards), shards);
}

TEST(ReedSolomon, RebuildsOneShardAlone) {
  std::mt19937 random(8);
  const auto shards = slow_shards(4, 2, 4096, random);
  const std::vector<Shard> have = {{5, shards[5]}, {0, shards[0]}, {3, shards[3]}, {4, shards[4]}};
  Bytes two(4096);
  const WantedShard want{2, two};
  ReedSolomon(4, 2).rebuild(have, std::span(&want, 1));
  EXPECT_EQ(two, shards[2]);
  EXPECT_NO_THROW(ReedSolomon(4, 2).rebuild(have, {}));
}

template <typename Action>
void expect_misuse(Action action) {
  try {
    action();
    ADD_FAILURE() << "misuse went through";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind, ErrorKind::internal);
  }
}

TEST(ReedSolomon, RefusesCodesOutsideItsBounds) {
  expect_misuse([] { ReedSolomon(0, 1); });
  expect_misuse([] { ReedSolomon(17, 1); });
  expect_misuse([] { ReedSolomon(1, 9); });
}

TEST(ReedSolomon, RefusesWrongShards) {
  const ReedSolomon code(2, 1);
  Bytes a(8, std::byte{1}), b(8, std::byte{2}), c(8), shorter(7);
  const auto encode = [&](std::vector<ByteSpan> data, std::vector<MutableByteSpan> parity) {
    code.encode(data, parity);
  };
  expect_misuse([&] { encode({a}, {c}); });
  expect_misuse([&] { encode({a, b}, {}); });
  expect_misuse([&] { encode({a, shorter}, {c}); });
  expect_misuse([&] { encode({a, b}, {shorter}); });
  const auto rebuild = [&](std::vector<Shard> have, std::vector<WantedShard> want) { code.rebuild(have, want); };
  expect_misuse([&] { rebuild({{0, a}}, {{1, c}}); });
  expect_misuse([&] { rebuild({{0, a}, {1, b}, {2, a}}, {{1, c}}); });
  expect_misuse([&] { rebuild({{0, a}, {0, a}}, {{1, c}}); });
  expect_misuse([&] { rebuild({{0, a}, {3, b}}, {{1, c}}); });
  expect_misuse([&] { rebuild({{0, a}, {2, b}}, {{3, c}}); });
  expect_misuse([&] { rebuild({{0, a}, {2, shorter}}, {{1, c}}); });
  expect_misuse([&] { rebuild({{0, a}, {2, b}}, {{1, shorter}}); });
}

}  // namespace
}  // namespace modelfloat::erasure
