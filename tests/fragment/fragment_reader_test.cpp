#include "modelfloat/fragment/fragment_reader.h"

#include <set>

#include "support/model_files.h"
#include "support/stepped_source.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "modelfloat/base/error.h"

namespace modelfloat::fragment {
namespace {

using test::GgufSpec;
using test::SteppedSource;

constexpr SplitChoice k_choices[] = {SplitChoice::automatic, SplitChoice::fixed, SplitChoice::content_defined};

std::vector<Piece> all_pieces(FragmentReader& reader) {
  std::vector<Piece> pieces;
  while (auto piece = reader.next()) pieces.push_back(std::move(*piece));
  return pieces;
}

std::vector<Piece> split(ByteSpan file, SplitChoice choice = SplitChoice::automatic, std::string_view path = "file") {
  MemorySource source(file);
  FragmentReader reader(source, path, choice);
  return all_pieces(reader);
}

Bytes join(const std::vector<Piece>& pieces) {
  Bytes file;
  for (const auto& piece : pieces) append(file, piece.bytes);
  return file;
}

std::vector<std::uint64_t> offsets_of(const std::vector<Piece>& pieces) {
  std::vector<std::uint64_t> offsets;
  for (const auto& piece : pieces) offsets.push_back(piece.offset);
  return offsets;
}

// The bytes of the fragments of `now` that `before` does not have.
std::uint64_t new_bytes(const std::vector<Piece>& before, const std::vector<Piece>& now) {
  std::set<std::string_view> known;
  for (const auto& piece : before) known.insert(as_text(piece.bytes));
  std::uint64_t bytes = 0;
  for (const auto& piece : now) bytes += known.contains(as_text(piece.bytes)) ? 0 : piece.bytes.size();
  return bytes;
}

GgufSpec little_model() {
  GgufSpec spec;
  spec.vocabulary = 20'000;
  spec.tensors = test::little_llama(3);
  return spec;
}

TEST(FragmentReader, GivesEveryByteOnceInOrderWithEveryCutter) {
  const auto gguf = test::make_gguf(little_model());
  const auto safetensors = test::make_safetensors({.tensors = test::little_llama(2)});
  const auto other = test::noise(5'000'000, 9);
  for (const auto& file : {gguf, safetensors, other, Bytes(), test::noise(1, 1), Bytes(3'000'000, std::byte{7})}) {
    for (const auto choice : k_choices) {
      const auto pieces = split(file, choice);
      std::uint64_t offset = 0;
      for (const auto& piece : pieces) {
        EXPECT_EQ(piece.offset, offset);
        EXPECT_GE(piece.bytes.size(), 1U);
        EXPECT_LE(piece.bytes.size(), k_max_fragment_bytes);
        offset += piece.bytes.size();
      }
      EXPECT_TRUE(equal(join(pieces), file));
    }
  }
}

TEST(FragmentReader, SaysHowItCuts) {
  const auto cutter_of = [](ByteSpan file, SplitChoice choice) {
    MemorySource source(file);
    return std::string(FragmentReader(source, "file", choice).cutter());
  };
  const auto gguf = test::make_gguf(little_model());
  EXPECT_EQ(cutter_of(gguf, SplitChoice::automatic), "tensor");
  EXPECT_EQ(cutter_of(gguf, SplitChoice::fixed), "fixed");
  EXPECT_EQ(cutter_of(gguf, SplitChoice::content_defined), "content-defined");
  EXPECT_EQ(cutter_of(as_bytes("text"), SplitChoice::automatic), "content-defined");
}

TEST(FragmentReader, FixedCutsAtEveryMebibyte) {
  EXPECT_EQ(offsets_of(split(test::noise((2U << 20) + 5, 1), SplitChoice::fixed)),
            (std::vector<std::uint64_t>{0, 1U << 20, 2U << 20}));
}

TEST(FragmentReader, CutsTensorsAtTheirStartsAndNamesTheirDtype) {
  const auto file = test::make_gguf(little_model());
  MemorySource source(file);
  FragmentReader reader(source, "a.gguf", SplitChoice::automatic);
  const auto layout = reader.layout();
  const auto pieces = all_pieces(reader);
  const auto starts = offsets_of(pieces);
  EXPECT_THAT(starts, ::testing::Contains(layout.header_bytes));
  for (const auto& tensor : layout.tensors) {
    if (tensor.length_bytes <= k_max_fragment_bytes) continue;
    EXPECT_THAT(starts, ::testing::Contains(tensor.offset)) << tensor.name;
  }
  for (const auto& piece : pieces) {
    EXPECT_EQ(piece.shape.dtype.empty(), piece.offset < layout.header_bytes);
  }
  EXPECT_EQ(pieces.back().shape.dtype, "F32");
  EXPECT_EQ(reader.layout().trouble, "");
}

TEST(FragmentReader, SaysWhereInABlockEachFragmentBegins) {
  auto spec = little_model();
  for (const char* dtype : {"F32", "Q4_1"}) {
    spec.tensors = test::little_llama(1, dtype);
    const auto file = test::make_gguf(spec);
    MemorySource source(file);
    FragmentReader reader(source, "a.gguf", SplitChoice::automatic);
    const auto header_bytes = reader.layout().header_bytes;
    for (const auto& piece : all_pieces(reader)) {
      const auto expected = piece.offset < header_bytes ? std::nullopt : std::optional<std::uint32_t>(0);
      EXPECT_EQ(piece.shape.phase, expected) << dtype << " at " << piece.offset;
    }
    for (const auto choice : {SplitChoice::fixed, SplitChoice::content_defined}) {
      for (const auto& piece : split(file, choice, "a.gguf")) EXPECT_EQ(piece.shape, FragmentShape());
    }
  }
}

TEST(FragmentReader, AChangedTensorMovesNothingElse) {
  auto spec = little_model();
  const auto before = split(test::make_gguf(spec));
  for (auto& tensor : spec.tensors) {
    if (tensor.name == "blk.1.ffn_up.weight") tensor.seed = 4711;
  }
  // It is 0.4 MB and may share its fragment, but no more than that one is new.
  const auto extra = new_bytes(before, split(test::make_gguf(spec)));
  EXPECT_GT(extra, 0U);
  EXPECT_LE(extra, k_max_fragment_bytes);
}

TEST(FragmentReader, AGrownHeaderMovesNothingElse) {
  auto spec = little_model();
  const auto before = split(test::make_gguf(spec));
  spec.texts = {{"general.comment", std::string(1000, 'c')}};
  const auto extra = new_bytes(before, split(test::make_gguf(spec)));
  EXPECT_GT(extra, 0U);
  EXPECT_LE(extra, 2 * k_header_cuts.max);
}

TEST(FragmentReader, AGrownSafetensorsHeaderMovesNothingElse) {
  const auto tensors = test::little_llama(2);
  const auto before = split(test::make_safetensors({.tensors = tensors}));
  const auto now = split(test::make_safetensors({.metadata = {{"epoch", "two"}}, .tensors = tensors}));
  EXPECT_LE(new_bytes(before, now), 10'000U);
}

TEST(FragmentReader, AnInsertedByteMovesFewCutsOfAnUnknownFile) {
  const auto file = test::noise(4U << 20, 8);
  const auto before = split(file);
  EXPECT_TRUE(rc::check([&] {
    const auto at = *rc::gen::inRange<std::size_t>(0, file.size() + 1);
    auto changed = file;
    changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(at), std::byte{*rc::gen::arbitrary<std::uint8_t>()});
    RC_ASSERT(new_bytes(before, split(changed)) <= 2 * k_max_fragment_bytes);
  }));
}

TEST(FragmentReader, CutsTheSameHoweverTheBytesCome) {
  auto spec = little_model();
  spec.tensors = test::little_llama(1, "Q4_1");
  const auto files =
      std::vector<Bytes>{test::make_gguf(spec), test::make_safetensors({.tensors = test::little_llama(1, "BF16", 128)}),
                         test::noise(1'500'000, 4)};
  std::vector<std::vector<std::vector<std::uint64_t>>> expected;
  for (const auto& file : files) {
    expected.emplace_back();
    for (const auto choice : k_choices) expected.back().push_back(offsets_of(split(file, choice)));
  }
  EXPECT_TRUE(rc::check([&] {
    const auto index = *rc::gen::inRange<std::size_t>(0, files.size());
    const auto& file = files[index];
    const auto choice = *rc::gen::elementOf(std::vector<SplitChoice>(std::begin(k_choices), std::end(k_choices)));
    const auto step = *rc::gen::inRange<std::size_t>(1000, 2'000'000);
    const bool knows_size = *rc::gen::arbitrary<bool>();
    SteppedSource source(file, step, knows_size ? std::optional<std::uint64_t>(file.size()) : std::nullopt);
    FragmentReader reader(source, "file", choice);
    const auto pieces = all_pieces(reader);
    RC_ASSERT(equal(join(pieces), file));
    RC_ASSERT(offsets_of(pieces) == expected[index][static_cast<std::size_t>(choice)]);
    RC_ASSERT(reader.layout().trouble.empty());
  }));
}

TEST(FragmentReader, ThrowsWhenTheSourceBreaksItsPromise) {
  const auto gguf = test::make_gguf(little_model());
  const auto other = test::noise(3'000'000, 4);
  for (const auto& file : {gguf, other}) {
    for (const auto choice : k_choices) {
      for (const std::int64_t lie : {-1, 1, -1'500'000, 1'500'000}) {
        SteppedSource source(file, 1U << 20, file.size() + static_cast<std::uint64_t>(lie));
        FragmentReader reader(source, "file", choice);
        try {
          all_pieces(reader);
          ADD_FAILURE() << "not noticed: " << lie;
        } catch (const Error& error) {
          EXPECT_EQ(error.kind, ErrorKind::invalid);
          EXPECT_EQ(error.where, "file");
        }
      }
    }
  }
}

TEST(FragmentReader, StoresAStreamThatEndsTooEarlyAsOpaqueBytes) {
  const auto whole = test::make_gguf(little_model());
  for (const auto length : {whole.size() - 100, whole.size() / 2, whole.size() / 3}) {
    const auto file = ByteSpan(whole).first(length);
    SteppedSource source(file, 100'000, std::nullopt);
    FragmentReader reader(source, "a.gguf", SplitChoice::automatic);
    EXPECT_EQ(reader.layout().format, "gguf");
    EXPECT_TRUE(equal(join(all_pieces(reader)), file));
    EXPECT_EQ(reader.layout().format, "opaque");
    EXPECT_TRUE(reader.layout().tensors.empty());
    EXPECT_THAT(reader.layout().trouble, ::testing::HasSubstr("do not end inside"));
    EXPECT_EQ(reader.next().has_value(), false);
  }
}

TEST(FragmentReader, StoresSafetensorsWithBytesBehindThemAsOpaqueBytes) {
  auto file = test::make_safetensors({.tensors = test::little_llama(1)});
  file.resize(file.size() + 3, std::byte{1});
  for (const auto size : {std::optional<std::uint64_t>(file.size()), std::optional<std::uint64_t>()}) {
    SteppedSource source(file, 100'000, size);
    FragmentReader reader(source, "a.safetensors", SplitChoice::automatic);
    EXPECT_TRUE(equal(join(all_pieces(reader)), file));
    EXPECT_EQ(reader.layout().format, "opaque");
    EXPECT_THAT(reader.layout().trouble, ::testing::HasSubstr("follow the last"));
  }
}

TEST(FragmentReader, KeepsAGgufWithBytesBehindItsTensorsAsGguf) {
  auto file = test::make_gguf(little_model());
  append(file, test::noise(3'000'000, 5));
  for (const auto size : {std::optional<std::uint64_t>(file.size()), std::optional<std::uint64_t>()}) {
    SteppedSource source(file, 100'000, size);
    FragmentReader reader(source, "a.gguf", SplitChoice::automatic);
    const auto pieces = all_pieces(reader);
    EXPECT_TRUE(equal(join(pieces), file));
    EXPECT_EQ(pieces.back().shape.dtype, "");
    EXPECT_EQ(reader.layout().format, "gguf");
    EXPECT_FALSE(formats::why_not_runnable(reader.layout()));
  }
}

}  // namespace
}  // namespace modelfloat::fragment
