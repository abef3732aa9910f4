#include "modelfloat/formats/gguf.h"

#include <functional>

#include "support/model_files.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace modelfloat::formats {
namespace {

using test::GgufSpec;
using test::GgufWriter;

FileLayout layout_of(const Bytes& file) {
  const auto result = parse_gguf(file, file.size());
  if (const auto* bad = std::get_if<BadHeader>(&result)) ADD_FAILURE() << bad->reason;
  const auto* layout = std::get_if<FileLayout>(&result);
  return layout != nullptr ? *layout : FileLayout();
}

// The reason why it is refused; with the size of the file known and not known.
std::string reason_against(const GgufWriter& writer) {
  const auto& file = writer.bytes();
  const auto unknown_size = parse_gguf(file, std::nullopt);
  EXPECT_FALSE(std::holds_alternative<FileLayout>(unknown_size) && file.size() < 100)
      << "taken when the size is unknown";
  const auto result = parse_gguf(file, file.size());
  const auto* bad = std::get_if<BadHeader>(&result);
  return bad != nullptr ? bad->reason : "not refused";
}

TEST(Gguf, FindsTheTensorsAndTheFacts) {
  GgufSpec spec;
  spec.texts = {{"general.name", "Little"}, {"general.license", "mit"}, {"tokenizer.chat_template", "{{ x }}"}};
  spec.tensors = {{"a", "F32", {3}, 1}, {"b", "Q4_1", {64, 2}, 2}, {"c", "F16", {}, 3}};
  const auto file = make_gguf(spec);
  const auto layout = layout_of(file);

  EXPECT_EQ(layout.format, "gguf");
  EXPECT_EQ(layout.header_bytes % 32, 0U);
  ASSERT_EQ(layout.tensors.size(), 3U);
  const auto data = layout.header_bytes;
  EXPECT_EQ(layout.tensors[0], (Tensor{"a", "F32", {3}, data, 12}));
  EXPECT_EQ(layout.tensors[1], (Tensor{"b", "Q4_1", {64, 2}, data + 32, 80}));
  EXPECT_EQ(layout.tensors[2], (Tensor{"c", "F16", {}, data + 128, 2}));
  EXPECT_TRUE(equal(ByteSpan(file).subspan(data + 32, 80), test::noise(80, 2)));
  EXPECT_EQ(layout.metadata.at("architecture"), "llama");
  EXPECT_EQ(layout.metadata.at("name"), "Little");
  EXPECT_EQ(layout.metadata.at("license"), "mit");
  EXPECT_EQ(layout.metadata.at("context_length"), "2048");
  EXPECT_EQ(layout.metadata.at("parameters"), "132");
  EXPECT_EQ(layout.metadata.at("quantization"), "Q4_1");
  EXPECT_EQ(layout.metadata.at("chat_template"), "yes");
  EXPECT_FALSE(why_not_runnable(layout));
}

TEST(Gguf, HonoursAlignmentAndVersion2) {
  GgufSpec spec;
  spec.version = 2;
  spec.alignment = 4096;
  spec.tensors = {{"a", "F32", {3}, 1}, {"b", "F32", {3}, 2}};
  const auto layout = layout_of(make_gguf(spec));
  EXPECT_EQ(layout.alignment, 4096U);
  EXPECT_EQ(layout.header_bytes % 4096, 0U);
  EXPECT_EQ(layout.tensors[1].offset - layout.tensors[0].offset, 4096U);
}

TEST(Gguf, PrefersTheFileTypeThatTheHeaderNames) {
  GgufWriter file;
  file.preamble(1, 1).number_key("general.file_type", 15).tensor("a", {1}, 0, 0).pad_to(32).zeros(32);
  EXPECT_EQ(layout_of(file.bytes()).metadata.at("quantization"), "Q4_K_M");
}

TEST(Gguf, AsksForMoreAtEveryByteWhereTheHeadIsCut) {
  GgufSpec spec;
  spec.vocabulary = 20;
  spec.tensors = {{"a", "F32", {3}, 1}, {"b", "Q4_1", {64, 2}, 2}};
  const auto file = make_gguf(spec);
  std::uint64_t end_of_table = 0;
  for (std::size_t size = 0; size < file.size(); ++size) {
    const auto result = parse_gguf(ByteSpan(file).first(size), file.size());
    if (std::holds_alternative<FileLayout>(result)) {
      end_of_table = size;
      break;
    }
    const auto* more = std::get_if<NeedMore>(&result);
    ASSERT_NE(more, nullptr) << size << ": " << std::get<BadHeader>(result).reason;
    EXPECT_GT(more->head_bytes, size);
    EXPECT_LE(more->head_bytes, file.size());
  }
  EXPECT_GT(end_of_table, 0U);
}

TEST(Gguf, RefusesAFileThatIsTruncatedAtAnyByte) {
  GgufSpec spec;
  spec.vocabulary = 20;
  spec.tensors = {{"a", "F32", {3}, 1}, {"b", "F32", {8}, 2}};
  const auto file = make_gguf(spec);
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_TRUE(std::holds_alternative<BadHeader>(parse_gguf(ByteSpan(file).first(size), size))) << size;
  }
  EXPECT_TRUE(std::holds_alternative<FileLayout>(parse_gguf(file, file.size())));
}

TEST(Gguf, AcceptsAFileThatEndsWithoutPaddingOrWithBytesOfItsOwn) {
  GgufWriter file;
  file.preamble(1, 0).tensor("a", {3}, 0, 0).pad_to(32).zeros(12);
  EXPECT_EQ(layout_of(file.bytes()).tensors.at(0).length_bytes, 12U);
  file.zeros(1000);
  EXPECT_EQ(layout_of(file.bytes()).tensors.at(0).length_bytes, 12U);
}

TEST(Gguf, LetsATensorOfUnknownTypeReachToTheNextOne) {
  GgufWriter file;
  file.preamble(2, 1).text_key("general.architecture", "x");
  file.tensor("a", {100}, 99, 0).tensor("b", {7}, 98, 64).pad_to(32).zeros(96);
  const auto layout = layout_of(file.bytes());
  EXPECT_EQ(layout.tensors.at(0).dtype, "TYPE_99");
  EXPECT_EQ(layout.tensors.at(0).length_bytes, 64U);
  EXPECT_EQ(layout.tensors.at(1).length_bytes, 32U);
  EXPECT_THAT(why_not_runnable(layout).value_or(""), ::testing::HasSubstr("TYPE_99"));
}

TEST(Gguf, SortsTensorsThatTheHeaderLists) {
  GgufWriter file;
  file.preamble(2, 0).tensor("late", {8}, 0, 32).tensor("early", {8}, 0, 0).pad_to(32).zeros(64);
  EXPECT_EQ(layout_of(file.bytes()).tensors.at(0).name, "early");
}

struct HostileFile {
  const char* name;
  const char* reason;
  std::function<void(GgufWriter&)> write;
};
void PrintTo(const HostileFile& hostile, std::ostream* out) { *out << hostile.name; }

class HostileGguf : public ::testing::TestWithParam<HostileFile> {};

TEST_P(HostileGguf, IsRefusedForItsReason) {
  GgufWriter file;
  GetParam().write(file);
  EXPECT_THAT(reason_against(file), ::testing::HasSubstr(GetParam().reason));
}

constexpr std::uint64_t k_2_63 = 1ULL << 63;
constexpr std::uint32_t k_u32 = 4;
constexpr std::uint32_t k_string = 8;
constexpr std::uint32_t k_array = 9;
constexpr std::uint32_t k_f32 = 6;

void one_tensor(GgufWriter& file, const std::vector<std::uint64_t>& shape, std::uint32_t type, std::uint64_t offset) {
  file.preamble(1, 0).tensor("t", shape, type, offset).pad_to(32).zeros(64);
}

INSTANTIATE_TEST_SUITE_P(
    All, HostileGguf,
    ::testing::Values(
        HostileFile{"magic", "begin with", [](auto& f) { f.data(as_bytes("GGML")).zeros(100); }},
        HostileFile{"empty", "inside the file", [](auto&) {}},
        HostileFile{"version_1", "version is 1", [](auto& f) { f.preamble(0, 0, 1); }},
        HostileFile{"version_4", "version is 4", [](auto& f) { f.preamble(0, 0, 4); }},
        HostileFile{"big_endian", "big-endian", [](auto& f) { f.preamble(0, 0, 0x03000000); }},
        HostileFile{"tensors_2_63", "tensors", [](auto& f) { f.preamble(k_2_63, 0); }},
        HostileFile{"keys_2_63", "metadata keys", [](auto& f) { f.preamble(0, k_2_63); }},
        HostileFile{"keys_wrap", "metadata keys", [](auto& f) { f.preamble(0, UINT64_MAX); }},
        HostileFile{"key_length_2_63", "does not end inside the file",
                    [](auto& f) { f.preamble(0, 1).number64(k_2_63); }},
        HostileFile{"key_length_wraps", "does not end inside the file",
                    [](auto& f) { f.preamble(0, 1).number64(UINT64_MAX); }},
        HostileFile{"key_too_long", "64 KiB", [](auto& f) { f.preamble(0, 1).text_key(std::string(65537, 'k'), "v"); }},
        HostileFile{"key_empty", "empty name", [](auto& f) { f.preamble(0, 1).text_key("", "v"); }},
        HostileFile{"key_not_text", "plain text", [](auto& f) { f.preamble(0, 1).text_key("a\n", "v"); }},
        HostileFile{"key_not_utf8", "plain text", [](auto& f) { f.preamble(0, 1).text_key("a\xC0\xAF", "v"); }},
        HostileFile{"key_twice", "twice", [](auto& f) { f.preamble(0, 2).text_key("k", "v").text_key("k", "w"); }},
        HostileFile{"value_type", "metadata type 13",
                    [](auto& f) { f.preamble(0, 1).text("k").number32(13).zeros(32); }},
        HostileFile{"text_length_2_63", "does not end inside the file",
                    [](auto& f) { f.preamble(0, 1).text("k").number32(k_string).number64(k_2_63); }},
        HostileFile{"array_wraps", "metadata array",
                    [](auto& f) { f.preamble(0, 1).text("k").number32(k_array).number32(k_u32).number64(1ULL << 62); }},
        HostileFile{"array_2_63_texts", "inside the file",
                    [](auto& f) { f.preamble(0, 1).text("k").number32(k_array).number32(k_string).number64(k_2_63); }},
        HostileFile{"array_of_arrays", "nested",
                    [](auto& f) {
                      f.preamble(0, 1).text("k").number32(k_array);
                      for (int i = 0; i < 1000; ++i) f.number32(k_array).number64(1);
                    }},
        HostileFile{"alignment_0", "alignment of 0",
                    [](auto& f) { f.preamble(0, 1).number_key("general.alignment", 0); }},
        HostileFile{"alignment_48", "alignment of 48",
                    [](auto& f) { f.preamble(0, 1).number_key("general.alignment", 48); }},
        HostileFile{"alignment_huge", "alignment of 2147483648",
                    [](auto& f) { f.preamble(0, 1).number_key("general.alignment", 1U << 31); }},
        HostileFile{"alignment_float", "32-bit number",
                    [](auto& f) { f.preamble(0, 1).text("general.alignment").number32(k_f32).number32(0x42000000); }},
        HostileFile{"dimensions_5", "5 dimensions", [](auto& f) { one_tensor(f, {1, 1, 1, 1, 1}, 0, 0); }},
        HostileFile{"dimensions_2_32", "4294967295 dimensions",
                    [](auto& f) { f.preamble(1, 0).text("t").number32(UINT32_MAX).zeros(64); }},
        HostileFile{"dimension_0", "impossible shape", [](auto& f) { one_tensor(f, {4, 0}, 0, 0); }},
        HostileFile{"dimension_2_63", "impossible shape", [](auto& f) { one_tensor(f, {k_2_63}, 0, 0); }},
        HostileFile{"product_wraps_to_0", "impossible shape",
                    [](auto& f) { one_tensor(f, {1ULL << 32, 1ULL << 32}, 0, 0); }},
        HostileFile{"product_wraps_to_1", "impossible shape",
                    [](auto& f) { one_tensor(f, {0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF}, 0, 0); }},
        HostileFile{"bytes_wrap", "too large", [](auto& f) { one_tensor(f, {1ULL << 62}, 0, 0); }},
        HostileFile{"row_breaks_block", "break a block", [](auto& f) { one_tensor(f, {16, 2}, 3, 0); }},
        HostileFile{"offset_wraps", "end of any file", [](auto& f) { one_tensor(f, {4}, 0, UINT64_MAX - 31); }},
        HostileFile{"offset_behind_file", "inside the file", [](auto& f) { one_tensor(f, {4}, 0, 4096); }},
        HostileFile{"length_behind_file", "inside the file", [](auto& f) { one_tensor(f, {1000}, 0, 0); }},
        HostileFile{"unaligned", "not aligned", [](auto& f) { one_tensor(f, {4}, 0, 8); }},
        HostileFile{
            "overlap", "overlaps",
            [](auto& f) { f.preamble(2, 0).tensor("a", {16}, 0, 0).tensor("b", {16}, 0, 32).pad_to(32).zeros(128); }},
        HostileFile{
            "same_place", "overlaps",
            [](auto& f) { f.preamble(2, 0).tensor("a", {8}, 0, 0).tensor("b", {8}, 0, 0).pad_to(32).zeros(128); }},
        HostileFile{
            "unknown_types_in_one_place", "overlaps",
            [](auto& f) { f.preamble(2, 0).tensor("a", {8}, 99, 0).tensor("b", {8}, 99, 0).pad_to(32).zeros(128); }},
        HostileFile{
            "name_twice", "are named",
            [](auto& f) { f.preamble(2, 0).tensor("a", {8}, 0, 0).tensor("a", {8}, 0, 32).pad_to(32).zeros(64); }}),
    [](const auto& hostile) { return hostile.param.name; });

}  // namespace
}  // namespace modelfloat::formats
