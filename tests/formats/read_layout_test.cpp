#include "modelfloat/formats/read_layout.h"

#include "support/model_files.h"
#include "support/stepped_source.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/formats/head_cursor.h"
#include "modelfloat/formats/sniff.h"

namespace modelfloat::formats {
namespace {

using test::GgufWriter;

// Zeros without end behind a head.
class Endless final : public ByteSource {
 public:
  explicit Endless(Bytes head) : head_(std::move(head)) {}
  std::size_t read(MutableByteSpan to) override {
    for (auto& byte : to) {
      byte = given < head_.size() ? head_[given] : std::byte{0};
      ++given;
    }
    return to.size();
  }
  std::optional<std::uint64_t> size_bytes() const override { return std::nullopt; }
  std::uint64_t given = 0;

 private:
  Bytes head_;
};

FileLayout layout_of(ByteSpan bytes, std::string_view path) {
  MemorySource source(bytes);
  PeekReader reader(source);
  return read_layout(reader, path);
}

TEST(ReadLayout, KnowsFilesByTheirContentWhateverTheirName) {
  const auto gguf = test::make_gguf({.tensors = test::little_llama(1)});
  const auto safetensors = test::make_safetensors({.metadata = {}, .tensors = test::little_llama(1)});
  EXPECT_EQ(layout_of(gguf, "model.bin").format, "gguf");
  EXPECT_EQ(layout_of(safetensors, "model.bin").format, "safetensors");
  EXPECT_EQ(layout_of(gguf, "x.safetensors").format, "gguf");
  EXPECT_EQ(layout_of(safetensors, "x.onnx").format, "safetensors");
}

TEST(ReadLayout, GrowsTheHeadOverAStreamAndReadsNothingAway) {
  const auto file = test::make_gguf({.vocabulary = 20'000, .tensors = test::little_llama(1)});
  test::SteppedSource source(file, 777);
  PeekReader reader(source);
  const auto layout = read_layout(reader, "a.gguf");
  EXPECT_EQ(layout.tensors, layout_of(file, "a.gguf").tensors);
  EXPECT_GT(layout.header_bytes, 100'000U);
  EXPECT_LE(source.given(), 2 * layout.header_bytes + 777);
  Bytes all(file.size() + 1);
  EXPECT_EQ(reader.read(all), file.size());
  all.resize(file.size());
  EXPECT_TRUE(equal(all, file));
}

TEST(ReadLayout, KeepsABrokenHeaderAsOpaqueBytesWithTheReason) {
  auto gguf = test::make_gguf({.tensors = test::little_llama(1)});
  gguf.resize(gguf.size() / 2);
  const auto layout = layout_of(gguf, "a.gguf");
  EXPECT_EQ(layout.format, "opaque");
  EXPECT_TRUE(layout.tensors.empty());
  EXPECT_EQ(layout.header_bytes, 0U);
  EXPECT_EQ(layout.trouble.find("cannot be used as GGUF: tensor"), 0U) << layout.trouble;
  EXPECT_EQ(why_not_runnable(layout), layout.trouble);
}

TEST(ReadLayout, StopsReadingAtTheLimitHoweverLongTheHeaderClaimsToBe) {
  // A text of 20 MiB, then one of 20 MiB more: neither is over the limit alone.
  GgufWriter file;
  file.preamble(0, 2).text("k").number32(8).number64(20U << 20);
  Endless source(file.bytes());
  PeekReader reader(source);
  const auto layout = read_layout(reader, "a.gguf");
  EXPECT_FALSE(layout.trouble.empty());
  EXPECT_LE(source.given, k_max_header_bytes);

  GgufWriter strings;  // 2^40 empty strings
  strings.preamble(0, 1).text("k").number32(9).number32(8).number64(1ULL << 40);
  Endless endless(strings.bytes());
  PeekReader second(endless);
  EXPECT_THAT(read_layout(second, "").trouble, ::testing::HasSubstr("32 MiB"));
  EXPECT_LE(endless.given, k_max_header_bytes);
}

TEST(ReadLayout, TakesAHeaderThatIsClaimedToHave100MegabytesAsRefused) {
  Bytes file(4096, std::byte{'{'});
  store_le<std::uint64_t>(file, 100'000'000);
  Endless source(file);
  PeekReader reader(source);
  EXPECT_THAT(read_layout(reader, "any").trouble, ::testing::HasSubstr("32 MiB"));
  EXPECT_LE(source.given, 100'000U);
}

TEST(ReadLayout, SaysWhatIsWrongWithAFileThatIsNamedLikeAModel) {
  EXPECT_THAT(layout_of(as_bytes("version https://git-lfs..."), "a.gguf").trouble, ::testing::HasSubstr("GGUF"));
  EXPECT_THAT(layout_of(as_bytes("weights of some kind"), "a.safetensors").trouble,
              ::testing::HasSubstr("safetensors"));
  EXPECT_FALSE(layout_of({}, "empty.gguf").trouble.empty());
}

TEST(ReadLayout, LeavesOtherFilesAlone) {
  for (const std::string text : {"", "x", "{\"a\": 1}", "GGU", "a text that is longer than any magic number"}) {
    const auto layout = layout_of(as_bytes(text), "README.md");
    EXPECT_EQ(layout.format, "opaque");
    EXPECT_TRUE(layout.trouble.empty()) << text;
    EXPECT_THAT(why_not_runnable(layout).value_or(""), ::testing::HasSubstr("opaque"));
  }
}

TEST(WhyNotRunnable, WantsTensorsAndAnArchitecture) {
  GgufWriter no_tensors;
  no_tensors.preamble(0, 1).text_key("general.architecture", "llama");
  EXPECT_THAT(why_not_runnable(layout_of(no_tensors.bytes(), "")).value_or(""), ::testing::HasSubstr("no tensors"));
  GgufWriter no_architecture;
  no_architecture.preamble(1, 0).tensor("a", {8}, 0, 0).pad_to(32).zeros(32);
  EXPECT_THAT(why_not_runnable(layout_of(no_architecture.bytes(), "")).value_or(""),
              ::testing::HasSubstr("architecture"));
}

TEST(Sniff, KnowsAnOnnxModelByItsProtobuf) {
  // ir_version 8, producer "pytorch", a graph of 300 bytes, one opset.
  Bytes model = to_bytes(as_bytes(std::string_view("\x08\x08\x12\x07pytorch\x3a\xac\x02", 14)));
  const auto begin = model;
  model.resize(model.size() + 300, std::byte{1});
  append(model, as_bytes(std::string_view("\x42\x02\x10\x11", 4)));
  EXPECT_TRUE(looks_like_onnx(model, model.size()));
  EXPECT_TRUE(looks_like_onnx(begin, std::nullopt));
  EXPECT_TRUE(looks_like_onnx(begin, model.size()));
  EXPECT_FALSE(looks_like_onnx(begin, begin.size())) << "the graph does not end inside the file";
  EXPECT_EQ(layout_of(model, "whatever").format, "onnx");

  EXPECT_FALSE(looks_like_onnx(as_bytes(std::string_view("\x08\x08\x12\x07pytorch", 11)), 11)) << "no graph";
  EXPECT_FALSE(looks_like_onnx(as_bytes(std::string_view("\x08\x08\x7a\x01x\x3a\x01x", 8)), 8)) << "an unknown field";
  EXPECT_FALSE(looks_like_onnx(as_bytes(std::string_view("\x08\x00\x3a\x01x", 5)), 5)) << "version 0";
  EXPECT_FALSE(looks_like_onnx(as_bytes(std::string_view("\x3a\x01x", 3)), 3)) << "no version first";
  EXPECT_FALSE(looks_like_onnx({}, 0));
}

TEST(PlainText, IsValidUtf8WithoutControls) {
  for (const std::string text : {"", "a b", "caf\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_plain_text(text)) << text;
  }
  for (const std::string text : {"\n", "\x7F", "\xC2\x9B", "\x80", "\xC0\xAF", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80",
                                 "\xE2\x82", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80"}) {
    EXPECT_FALSE(is_plain_text(text)) << quoted(text);
  }
}

}  // namespace
}  // namespace modelfloat::formats
