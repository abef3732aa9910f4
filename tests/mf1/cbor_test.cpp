#include "modelfloat/mf1/cbor.h"

#include "samples.h"
#include <rapidcheck.h>

#include "modelfloat/base/hex.h"

namespace modelfloat::mf1 {
namespace {

std::string hex_of(CborWriter& writer) { return to_hex(writer.view()); }

bool is_refused(std::string_view hex) {
  const Bytes bytes = from_hex(hex).value();
  return kind_thrown([&] {
           CborReader reader(bytes);
           reader.skip();
           reader.finish();
         }) == ErrorKind::corrupt;
}

// Examples of RFC 8949, appendix A.
TEST(Cbor, WritesAsTheRfcShows) {
  const std::pair<std::uint64_t, std::string> numbers[] = {{0, "00"},
                                                           {23, "17"},
                                                           {24, "1818"},
                                                           {255, "18ff"},
                                                           {256, "190100"},
                                                           {65535, "19ffff"},
                                                           {65536, "1a00010000"},
                                                           {1000000, "1a000f4240"},
                                                           {0xFFFFFFFF, "1affffffff"},
                                                           {0x100000000, "1b0000000100000000"},
                                                           {UINT64_MAX, "1bffffffffffffffff"}};
  for (const auto& [value, hex] : numbers) {
    CborWriter writer;
    writer.number(value);
    EXPECT_EQ(hex_of(writer), hex);
  }
  CborWriter writer;
  writer.array(3);
  writer.text("ü");
  writer.bytes(from_hex("01020304").value());
  CborMap map;
  map.number("b", 2).number("aa", 3).number("a", 1);
  writer.map(std::move(map));
  EXPECT_EQ(hex_of(writer),
            "8362c3bc4401020304a3616101616202626161"
            "03");
}

TEST(Cbor, RefusesWhatIsNotDeterministic) {
  for (const auto* hex : {"1817",
                          "1900ff",
                          "1a0000ffff",
                          "1b00000000ffffffff",  // longer than need be
                          "9fff",
                          "5f4101ff",
                          "bfff",  // indefinite lengths
                          "c000",
                          "f90000",
                          "fa00000000",
                          "f7",
                          "e0",
                          "f818",  // tag, floats, undefined, other simples
                          "a2616201616102",
                          "a2616101616102",  // unsorted, twice
                          "a1810101",
                          "a1f501",  // keys that no map of ours has
                          "62c328",
                          "61ff",
                          "63eda080",
                          "62c080",
                          "64f4908080",  // not UTF-8
                          "1c",
                          "3e",
                          "ff",
                          "",
                          "18",
                          "4201",
                          "8201",
                          "a101",  // reserved, cut off
                          "5bffffffffffffffff",
                          "9bffffffffffffffff",
                          "bb7fffffffffffffff",
                          "0000"}) {
    EXPECT_TRUE(is_refused(hex)) << hex;
  }
  for (const auto* hex : {"00", "20", "f4", "f5", "f6", "a2616101616202", "a201026161f6", "80", "a0", "40", "60"}) {
    EXPECT_FALSE(is_refused(hex)) << hex;
  }
}

TEST(Cbor, BoundsTheDepth) {
  std::string nested;
  for (int i = 0; i < 15; ++i) nested += "81";
  EXPECT_FALSE(is_refused(nested + "00"));
  EXPECT_TRUE(is_refused(nested + "8100"));
  std::string many;
  for (int i = 0; i < 100000; ++i) many += "81";
  EXPECT_TRUE(is_refused(many));
}

TEST(Cbor, ANumberBeyondItsTypeIsCorrupt) {
  const Bytes bytes = from_hex("190100").value();
  EXPECT_EQ(kind_thrown([&] { CborReader(bytes).small<std::uint8_t>(); }), ErrorKind::corrupt);
  EXPECT_EQ(CborReader(bytes).small<std::uint16_t>(), 256);
}

TEST(Cbor, TheSameKeyTwiceIsNotWritten) {
  CborMap map;
  map.number("a", 1).number("a", 2);
  EXPECT_EQ(kind_thrown([&] { std::move(map).encoded(); }), ErrorKind::internal);
}

TEST(Cbor, RoundTripsAndSortsMaps) {
  EXPECT_TRUE(rc::check([](const std::map<std::vector<std::uint8_t>, std::uint64_t>& numbers) {
    std::map<std::string, std::uint64_t> values;
    for (const auto& [key, value] : numbers) values.emplace(to_hex(std::as_bytes(std::span(key))), value);
    CborMap map;
    for (const auto& [key, value] : values) map.number(key, value);
    const Bytes encoded = std::move(map).encoded();
    std::map<std::string, std::uint64_t> read;
    CborReader reader(encoded);
    reader.map([&](std::string_view key) { read.emplace(key, reader.number()); });
    reader.finish();
    RC_ASSERT(read == values);
  }));
}

TEST(Cbor, ReadsAnyBytesWithoutHarm) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint8_t>& raw) {
    const auto bytes = std::as_bytes(std::span(raw));
    const auto kind = kind_thrown([&] { CborReader(bytes).skip(); });
    RC_ASSERT(!kind || *kind == ErrorKind::corrupt);
  }));
}

}  // namespace
}  // namespace modelfloat::mf1
