#include "modelfloat/formats/safetensors.h"

#include "support/model_files.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace modelfloat::formats {
namespace {

std::string reason_against(std::string_view header, std::size_t data_bytes = 8) {
  const auto file = test::make_safetensors(header, Bytes(data_bytes, std::byte{0}));
  const auto result = parse_safetensors(file, file.size());
  const auto* bad = std::get_if<BadHeader>(&result);
  return bad != nullptr ? bad->reason : "not refused";
}

TEST(Safetensors, FindsTheTensorsAndTheFacts) {
  const auto file =
      test::make_safetensors({.metadata = {{"format", "pt"}},
                              .tensors = {{"b", "BF16", {2, 3}, 1}, {"a", "F32", {4}, 2}, {"none", "I64", {0, 9}, 3}}});
  const auto result = parse_safetensors(file, file.size());
  const auto* layout = std::get_if<FileLayout>(&result);
  ASSERT_NE(layout, nullptr) << std::get<BadHeader>(result).reason;
  const auto data = layout->header_bytes;
  ASSERT_EQ(layout->tensors.size(), 3U);
  EXPECT_EQ(layout->tensors[0], (Tensor{"b", "BF16", {2, 3}, data, 12}));
  EXPECT_EQ(layout->tensors[1], (Tensor{"a", "F32", {4}, data + 12, 16}));
  EXPECT_EQ(layout->tensors[2], (Tensor{"none", "I64", {0, 9}, data + 28, 0}));
  EXPECT_TRUE(equal(ByteSpan(file).subspan(data, 12), test::noise(12, 1)));
  EXPECT_EQ(layout->metadata.at("format"), "pt");
  EXPECT_EQ(layout->metadata.at("parameters"), "10");
  EXPECT_THAT(why_not_runnable(*layout).value_or(""), ::testing::HasSubstr("safetensors"));
}

TEST(Safetensors, ReadsSpacesEscapesAndUnknownTypes) {
  const std::string header =
      "{ \"caf\\u00e9 \\ud83d\\ude00\" :\t{\"shape\" : [ 2 , 1 ],\n \"dtype\":\"NEW_9\", \"data_offsets\":[0, 8]} }  ";
  const auto file = test::make_safetensors(header, Bytes(8, std::byte{0}));
  const auto result = parse_safetensors(file, file.size());
  const auto* layout = std::get_if<FileLayout>(&result);
  ASSERT_NE(layout, nullptr) << std::get<BadHeader>(result).reason;
  EXPECT_EQ(layout->tensors.at(0).name, "caf\xC3\xA9 \xF0\x9F\x98\x80");
  EXPECT_EQ(layout->tensors.at(0).dtype, "NEW_9");
}

TEST(Safetensors, AsksForExactlyItsHeader) {
  const auto file = test::make_safetensors({.metadata = {}, .tensors = {{"a", "F32", {4}, 2}}});
  const auto header_bytes = file.size() - 16;
  for (std::size_t size = 0; size < header_bytes; ++size) {
    const auto result = parse_safetensors(ByteSpan(file).first(size), std::nullopt);
    const auto* more = std::get_if<NeedMore>(&result);
    ASSERT_NE(more, nullptr) << size;
    EXPECT_EQ(more->head_bytes, size < 8 ? 8 : header_bytes);
  }
  EXPECT_TRUE(std::holds_alternative<FileLayout>(parse_safetensors(ByteSpan(file).first(header_bytes), std::nullopt)));
}

TEST(Safetensors, RefusesAFileThatIsTruncatedAtAnyByte) {
  const auto file = test::make_safetensors({.metadata = {{"k", "v"}}, .tensors = {{"a", "F32", {4}, 2}}});
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_TRUE(std::holds_alternative<BadHeader>(parse_safetensors(ByteSpan(file).first(size), size))) << size;
  }
}

TEST(Safetensors, RefusesJsonThatIsCutAnywhere) {
  const std::string header = R"({"a\u0041":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  ASSERT_EQ(reason_against(header), "not refused");
  for (std::size_t size = 0; size < header.size(); ++size)
    EXPECT_NE(reason_against(header.substr(0, size)), "not refused") << size;
}

TEST(Safetensors, RefusesHeadersBeyondTheLimitBeforeReadingThem) {
  for (const auto length : std::vector<std::uint64_t>{100'000'000, 1ULL << 63, UINT64_MAX}) {
    Bytes head(9, std::byte{'{'});
    store_le(MutableByteSpan(head), length);
    const auto result = parse_safetensors(head, std::nullopt);
    ASSERT_TRUE(std::holds_alternative<BadHeader>(result));
    EXPECT_THAT(std::get<BadHeader>(result).reason, ::testing::HasSubstr("32 MiB"));
  }
}

TEST(Safetensors, RefusesDeepJsonWithoutFollowingIt) {
  EXPECT_THAT(reason_against(std::string(1'000'000, '{')), ::testing::HasSubstr("JSON"));
  EXPECT_THAT(reason_against("{\"a\":" + std::string(1'000'000, '[')), ::testing::HasSubstr("JSON"));
  EXPECT_THAT(reason_against(R"({"a":{"dtype":"F32","shape":[[[[2]]]],"data_offsets":[0,8]}})"),
              ::testing::HasSubstr("number"));
}

struct HostileHeader {
  const char* name;
  const char* reason;
  std::string header;
};
void PrintTo(const HostileHeader& hostile, std::ostream* out) { *out << hostile.name; }

class HostileSafetensors : public ::testing::TestWithParam<HostileHeader> {};

TEST_P(HostileSafetensors, IsRefusedForItsReason) {
  EXPECT_THAT(reason_against(GetParam().header), ::testing::HasSubstr(GetParam().reason));
}

std::string tensor(const std::string& shape, const std::string& offsets, const std::string& dtype = "F32") {
  return R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

INSTANTIATE_TEST_SUITE_P(
    All, HostileSafetensors,
    ::testing::Values(
        HostileHeader{"empty_header", "'{'", ""}, HostileHeader{"array_header", "'{'", "[]"},
        HostileHeader{"space_first", "'{'", " {}"}, HostileHeader{"no_tensors_but_data", "follow the last", "{}"},
        HostileHeader{"text_behind", "follows the JSON", tensor("[2]", "[0,8]") + "x"},
        HostileHeader{"trailing_comma", "lacks", R"({"__metadata__":{},})"},
        HostileHeader{
            "name_twice", "are named",
            R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})"},
        HostileHeader{"metadata_twice", "twice", R"({"__metadata__":{},"__metadata__":{}})"},
        HostileHeader{"metadata_key_twice", "twice", R"({"__metadata__":{"k":"1","k":"2"}})"},
        HostileHeader{"metadata_number", "JSON", R"({"__metadata__":{"k":1}})"},
        HostileHeader{"metadata_object", "JSON", R"({"__metadata__":{"k":{"k":"v"}}})"},
        HostileHeader{"field_twice", "twice",
                      R"({"a":{"dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,8]}})"},
        HostileHeader{"field_missing", "lacks its", R"({"a":{"dtype":"F32","shape":[2]}})"},
        HostileHeader{"field_unknown", "unknown key",
                      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":{}}})"},
        HostileHeader{"name_empty", "plain text", R"({"":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})"},
        HostileHeader{"name_control", "plain text", R"({"a\n":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})"},
        HostileHeader{"name_bad_utf8", "plain text",
                      "{\"a\xFF\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"},
        HostileHeader{"name_half_surrogate", "surrogate", R"({"\ud800":{}})"},
        HostileHeader{"name_broken_escape", "escape", R"({"\u00g0":{}})"},
        HostileHeader{"name_unknown_escape", "escape", R"({"\x41":{}})"},
        HostileHeader{"name_too_long", "64 KiB", "{\"" + std::string(70000, 'x') + "\":{}}"},
        HostileHeader{"dimensions_9", "8 dimensions", tensor("[1,1,1,1,1,1,1,1,2]", "[0,8]")},
        HostileHeader{"product_wraps", "impossible shape", tensor("[4294967296,4294967296]", "[0,8]")},
        HostileHeader{"bytes_wrap", "another size", tensor("[4611686018427387906]", "[0,8]")},
        HostileHeader{"number_65_bits", "64 bits", tensor("[18446744073709551616]", "[0,8]")},
        HostileHeader{"number_negative", "whole number", tensor("[-2]", "[0,8]")},
        HostileHeader{"number_fraction", "JSON", tensor("[2.0]", "[0,8]")},
        HostileHeader{"number_leading_zero", "whole number", tensor("[02]", "[0,8]")},
        HostileHeader{"number_text", "whole number", tensor("[\"2\"]", "[0,8]")},
        HostileHeader{"size_not_shape", "another size", tensor("[3]", "[0,8]")},
        HostileHeader{"half_a_block", "another size", tensor("[3]", "[0,1]", "F4")},
        HostileHeader{"offsets_backwards", "impossible offsets", tensor("[2]", "[8,0]")},
        HostileHeader{"offsets_wrap", "impossible offsets",
                      tensor("[2]", "[18446744073709551607,18446744073709551615]")},
        HostileHeader{"offsets_three", "JSON", tensor("[2]", "[0,8,16]")},
        HostileHeader{"behind_file", "inside the file", tensor("[4]", "[0,16]")},
        HostileHeader{"hole_at_front", "hole", tensor("[1]", "[4,8]")},
        HostileHeader{"bytes_behind", "follow the last", tensor("[1]", "[0,4]")},
        HostileHeader{"dtype_lower", "dtype", tensor("[2]", "[0,8]", "f32")},
        HostileHeader{"dtype_long", "dtype", tensor("[2]", "[0,8]", std::string(1000, 'F'))},
        HostileHeader{
            "overlap", "overlaps",
            R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})"},
        HostileHeader{
            "hole", "hole",
            R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})"}),
    [](const auto& hostile) { return hostile.param.name; });

}  // namespace
}  // namespace modelfloat::formats
