#include "modelfloat/codec/codec.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"

namespace modelfloat::codec {
namespace {

constexpr std::size_t k_mib = std::size_t{1} << 20;

const FragmentShape k_tensor{.dtype = "F32", .phase = 0};

Bytes random_bytes(std::size_t size) {
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> words(size / 8 + 1);
  for (std::uint64_t& word : words) word = random();
  return to_bytes(std::as_bytes(std::span(words)).first(size));
}

// Like the weights of a layer: normally distributed 32-bit floats. About 8 % can be gained.
Bytes weights(std::size_t size) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal(0, 0.05F);
  std::vector<float> values(size / 4 + 1);
  for (float& value : values) value = normal(random);
  return to_bytes(std::as_bytes(std::span(values)).first(size));
}

Bytes text(std::size_t size) {
  std::string lines;
  for (int number = 0; lines.size() < size; ++number) lines += "token " + std::to_string(number) + "\n";
  return to_bytes(std::string_view(lines).substr(0, size));
}

// Decodes into the middle of a larger buffer and checks that nothing around it was touched.
std::optional<ErrorKind> decode_guarded(const Codec& codec, ByteSpan encoded, std::size_t plain_bytes,
                                        Bytes* plain = nullptr) {
  constexpr std::size_t guard = 64;
  Bytes buffer(plain_bytes + 2 * guard);
  std::memset(buffer.data(), 0xc5, buffer.size());
  std::optional<ErrorKind> kind;
  try {
    decode(codec, encoded, MutableByteSpan(buffer).subspan(guard, plain_bytes));
  } catch (const Error& error) {
    kind = error.kind;
  }
  const std::string untouched(guard, '\xc5');
  EXPECT_EQ(as_text(ByteSpan(buffer).first(guard)), untouched);
  EXPECT_EQ(as_text(ByteSpan(buffer).last(guard)), untouched);
  if (plain != nullptr) *plain = to_bytes(ByteSpan(buffer).subspan(guard, plain_bytes));
  return kind;
}

void expect_round_trip(ByteSpan plain, const std::string& dtype) {
  const Encoded encoded = encode(plain, {.dtype = dtype, .phase = std::nullopt});
  Bytes back;
  if (encoded.codec.id == CodecId::raw) {
    EXPECT_TRUE(encoded.bytes.empty());
    EXPECT_EQ(decode_guarded(encoded.codec, plain, plain.size(), &back), std::nullopt);
  } else {
    EXPECT_LE(encoded.bytes.size() * 100, plain.size() * 98);
    EXPECT_EQ(decode_guarded(encoded.codec, encoded.bytes, plain.size(), &back), std::nullopt);
  }
  EXPECT_TRUE(equal(back, plain));
}

TEST(Codec, RoundTripsDataOfEveryKindAndSize) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{49}, std::size_t{50}, std::size_t{1000},
                                 k_mib / 8, k_mib / 8 + 1, k_mib, k_mib + 7}) {
    for (const char* dtype : {"", "F32"}) {
      expect_round_trip(random_bytes(size), dtype);
      expect_round_trip(weights(size), dtype);
      expect_round_trip(text(size), dtype);
      expect_round_trip(Bytes(size, std::byte{0}), dtype);
    }
  }
}

RC_GTEST_PROP(Codec, RoundTripsAnyBytes, (const std::vector<std::uint8_t>& piece)) {
  const auto repeats = *rc::gen::inRange<std::size_t>(1, 500);
  const auto noise = *rc::gen::inRange<std::size_t>(0, 200'000);
  Bytes plain = random_bytes(noise);
  plain.reserve(noise + repeats * piece.size());
  for (std::size_t i = 0; i < repeats; ++i) append(plain, std::as_bytes(std::span(piece)));
  expect_round_trip(plain, *rc::gen::element<std::string>("", "F16"));
}

TEST(Codec, CompressesTextHarderThanTensors) {
  const Encoded header = encode(text(k_mib), {});
  EXPECT_EQ(header.codec, (Codec{CodecId::zstd, 3}));
  EXPECT_LT(header.bytes.size(), k_mib / 2);
  const Encoded tensor = encode(weights(k_mib), k_tensor);
  EXPECT_EQ(tensor.codec, (Codec{CodecId::zstd, 1}));
  EXPECT_LT(tensor.bytes.size(), k_mib * 95 / 100);
}

TEST(Codec, LeavesAloneWhatGainsTooLittle) {
  EXPECT_EQ(encode(random_bytes(k_mib), k_tensor).codec, Codec{});
  EXPECT_EQ(encode(random_bytes(1000), {}).codec, Codec{});
  EXPECT_EQ(encode({}, {}).codec, Codec{});
  // Too short for the probe, so that the limit itself decides: 1 % of zeros is not worth it, 10 %
  // are.
  Bytes nearly = random_bytes(100'000);
  std::fill_n(nearly.begin(), 1'000, std::byte{0});
  EXPECT_EQ(encode(nearly, {}).codec.id, CodecId::raw);
  std::fill_n(nearly.begin(), 10'000, std::byte{0});
  EXPECT_EQ(encode(nearly, {}).codec.id, CodecId::zstd);
}

TEST(Codec, FindsGainsInOnePartOfAFragment) {
  Bytes plain = random_bytes(k_mib);
  std::fill_n(plain.begin() + 500'000, 200'000, std::byte{7});
  EXPECT_EQ(encode(plain, k_tensor).codec.id, CodecId::zstd);
}

TEST(Codec, GivesTheSameBytesInEveryThread) {
  const Bytes plain = weights(k_mib);
  encode(text(2 * k_mib), {});  // a thread that has worked before
  const Encoded here = encode(plain, k_tensor);
  Encoded there;
  std::thread([&] { there = encode(plain, k_tensor); }).join();
  EXPECT_EQ(here.codec, there.codec);
  EXPECT_EQ(here.bytes, there.bytes);
}

// What a coder must not do, and encode() is there to notice: it keeps one byte of all.
std::optional<Written> keep_one_byte(ByteSpan plain, const FragmentShape& /*shape*/, MutableByteSpan out) {
  if (plain.empty() || out.empty()) return std::nullopt;
  out[0] = plain[0];
  return Written{.bytes = 1, .parameter = 9};
}
bool repeat_one_byte(const Codec& codec, ByteSpan encoded, MutableByteSpan plain) {
  if (encoded.size() != 1 || codec.parameter != 9) return false;
  std::fill(plain.begin(), plain.end(), encoded[0]);
  return true;
}
std::optional<Written> only_for_bf16(ByteSpan plain, const FragmentShape& shape, MutableByteSpan out) {
  return shape.dtype == "BF16" && shape.phase == 1 ? keep_one_byte(plain, shape, out) : std::nullopt;
}

TEST(Codec, ComparesWhatEveryCoderMade) {
  const Coder lossy[] = {{static_cast<CodecId>(2), "lossy", keep_one_byte, repeat_one_byte}};
  const Encoded encoded = encode(Bytes(1000, std::byte{7}), {}, lossy);
  EXPECT_EQ(encoded.codec, (Codec{static_cast<CodecId>(2), 9}));
  EXPECT_EQ(encoded.bytes, Bytes(1, std::byte{7}));
  try {
    encode(text(1000), {}, lossy);
    ADD_FAILURE() << "not noticed";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind, ErrorKind::internal);
    EXPECT_EQ(error.where, "lossy");
  }
}

TEST(Codec, TriesCodersInOrderAndTellsThemWhatTheFragmentIs) {
  std::vector<Coder> table = {{static_cast<CodecId>(2), "planes", only_for_bf16, repeat_one_byte}};
  table.insert(table.end(), coders().begin(), coders().end());
  const Bytes zeros(1000, std::byte{0});
  EXPECT_EQ(encode(zeros, {.dtype = "BF16", .phase = 1}, table).codec.id, static_cast<CodecId>(2));
  EXPECT_EQ(encode(zeros, {.dtype = "BF16", .phase = 0}, table).codec.id, CodecId::zstd);
  EXPECT_EQ(encode(zeros, {.dtype = "BF16", .phase = std::nullopt}, table).codec.id, CodecId::zstd);
  EXPECT_EQ(encode(random_bytes(1000), {}, table).codec, Codec{});
  EXPECT_EQ(encode(zeros, {}, {}).codec, Codec{});
}

TEST(Coders, HaveOneEntryForEachCodec) {
  std::set<CodecId> ids;
  std::set<std::string_view> names;
  for (const Coder& coder : coders()) {
    EXPECT_TRUE(ids.insert(coder.id).second);
    EXPECT_TRUE(names.insert(coder.name).second);
    EXPECT_EQ(find_coder(coder.id), &coder);
  }
  EXPECT_EQ(ids, (std::set<CodecId>{CodecId::raw, CodecId::zstd}));
  EXPECT_EQ(find_coder(static_cast<CodecId>(2)), nullptr);
}

TEST(Coders, KeepToTheRoomThatTheyAreGiven) {
  const Bytes plain = text(5000);
  for (const Coder& coder : coders()) {
    Bytes out(plain.size() + 100);
    const auto written = coder.try_encode(plain, {}, out);
    ASSERT_TRUE(written) << coder.name;
    Bytes back(plain.size());
    EXPECT_TRUE(coder.decode({coder.id, written->parameter}, ByteSpan(out).first(written->bytes), back));
    EXPECT_EQ(back, plain) << coder.name;
    EXPECT_FALSE(coder.try_encode(plain, {}, MutableByteSpan(out).first(written->bytes - 1))) << coder.name;
  }
}

TEST(Codec, SpeaksOfCodecsByName) {
  EXPECT_EQ(to_string(CodecId::raw), "raw");
  EXPECT_EQ(to_string(CodecId::zstd), "zstd");
  EXPECT_EQ(to_string(static_cast<CodecId>(200)), "unknown");
}

TEST(Decode, RefusesUnknownCodecs) {
  for (const int id : {2, 3, 255}) {
    EXPECT_EQ(decode_guarded({static_cast<CodecId>(id), 0}, as_bytes("x"), 1), ErrorKind::unsupported) << id;
  }
}

TEST(Decode, RefusesABaseFragment) {
  const Codec with_base{CodecId::raw, 0, FragmentId{}};
  EXPECT_FALSE(can_decode(with_base));
  EXPECT_TRUE(can_decode({}));
  EXPECT_FALSE(can_decode({static_cast<CodecId>(2), 0}));
  EXPECT_EQ(decode_guarded(with_base, as_bytes("x"), 1), ErrorKind::unsupported);
}

TEST(Decode, RefusesRawBytesOfAnotherLength) {
  EXPECT_EQ(decode_guarded({}, as_bytes("abc"), 2), ErrorKind::corrupt);
  EXPECT_EQ(decode_guarded({}, as_bytes("abc"), 4), ErrorKind::corrupt);
  EXPECT_EQ(decode_guarded({}, as_bytes("abc"), 3), std::nullopt);
}

const Codec k_zstd{CodecId::zstd, 3};

TEST(Decode, RefusesEveryTruncationAndAnyTrailer) {
  const Bytes plain = text(5000);
  const Encoded encoded = encode(plain, {});
  ASSERT_EQ(encoded.codec.id, CodecId::zstd);
  for (std::size_t size = 0; size < encoded.bytes.size(); ++size) {
    EXPECT_EQ(decode_guarded(k_zstd, ByteSpan(encoded.bytes).first(size), plain.size()), ErrorKind::corrupt) << size;
  }
  for (const std::string_view trailer : {std::string_view("\0", 1), std::string_view("\x50\x2a\x4d\x18\0\0\0\0", 8)}) {
    Bytes longer = encoded.bytes;  // the second trailer is a frame that zstd itself would skip
    append(longer, as_bytes(trailer));
    EXPECT_EQ(decode_guarded(k_zstd, longer, plain.size()), ErrorKind::corrupt);
  }
  Bytes twice = encoded.bytes;
  append(twice, encoded.bytes);
  EXPECT_EQ(decode_guarded(k_zstd, twice, plain.size() * 2), ErrorKind::corrupt);
}

TEST(Decode, RefusesAnotherPlainSize) {
  const Bytes plain = text(5000);
  const Encoded encoded = encode(plain, {});
  for (const std::size_t size : {0, 1, 4999, 5001, 100000}) {
    EXPECT_EQ(decode_guarded(k_zstd, encoded.bytes, size), ErrorKind::corrupt) << size;
  }
}

// A frame that claims `claimed` bytes and holds one block that repeats a byte `repeats` times (RFC
// 8878, section 3.1.1).
Bytes repeating_frame(std::uint32_t claimed, std::uint32_t repeats) {
  // Magic; single segment, content size in four bytes.
  Bytes frame = from_hex("28b52ffda0").value();
  frame.resize(13);
  store_le(MutableByteSpan(frame).subspan(5, 4), claimed);
  const std::uint32_t block = (repeats << 3) | (1U << 1) | 1U;  // a run, the last block
  for (std::size_t i = 0; i < 3; ++i) frame[9 + i] = static_cast<std::byte>(block >> (8 * i));
  frame[12] = std::byte{'x'};
  return frame;
}

TEST(Decode, IsNotBlownUp) {
  Bytes plain;
  EXPECT_EQ(decode_guarded(k_zstd, repeating_frame(1000, 1000), 1000, &plain), std::nullopt);
  EXPECT_EQ(plain, Bytes(1000, std::byte{'x'}));
  // More than it says.
  EXPECT_EQ(decode_guarded(k_zstd, repeating_frame(1000, 100'000), 1000), ErrorKind::corrupt);
  // less.
  EXPECT_EQ(decode_guarded(k_zstd, repeating_frame(100'000, 1000), 100'000), ErrorKind::corrupt);
  EXPECT_EQ(decode_guarded(k_zstd, repeating_frame(0xffffffff, 100'000), 1000), ErrorKind::corrupt);
}

TEST(Decode, RefusesFramesOfOtherKinds) {
  EXPECT_EQ(decode_guarded(k_zstd, from_hex("502a4d180400000061626364").value(), 0),
            ErrorKind::corrupt);  // to be skipped
  // Zstd 0.7.
  EXPECT_EQ(decode_guarded(k_zstd, from_hex("27b52ffd0000000000000000").value(), 8), ErrorKind::corrupt);
  EXPECT_EQ(decode_guarded(k_zstd, {}, 0), ErrorKind::corrupt);
}

// zstd has no checksum here (the seal is one), so a flipped bit may decode to other bytes; it must
// not do worse.
TEST(Decode, SurvivesFlippedBits) {
  const Bytes plain = weights(6'000);
  const Encoded encoded = encode(plain, k_tensor);
  ASSERT_EQ(encoded.codec.id, CodecId::zstd);
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < encoded.bytes.size() * 8; bit += bit < 2000 ? 1 : 97) {
    Bytes other = encoded.bytes;
    other[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    const auto kind = decode_guarded(encoded.codec, other, plain.size());
    EXPECT_EQ(kind.value_or(ErrorKind::corrupt), ErrorKind::corrupt);
    refused += kind ? 1 : 0;
  }
  EXPECT_GT(refused, 0u);
}

RC_GTEST_PROP(Decode, SurvivesAnyBytes, (const std::vector<std::uint8_t>& noise)) {
  Bytes frame = from_hex("28b52ffd").value();
  append(frame, std::as_bytes(std::span(noise)));
  const auto kind = decode_guarded(k_zstd, frame, *rc::gen::inRange<std::size_t>(0, 300));
  RC_ASSERT(!kind || *kind == ErrorKind::corrupt);
}

}  // namespace
}  // namespace modelfloat::codec
