#include "modelfloat/formats/stand_in.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/formats/peek_reader.h"
#include "modelfloat/formats/read_layout.h"

namespace modelfloat::formats {
namespace {

using testing::HasSubstr;
using namespace std::string_view_literals;

constexpr auto k_pointer =
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 5368709120\n"sv;

std::string trouble_of(std::string_view content, std::string_view path) {
  MemorySource source(as_bytes(content));
  PeekReader reader(source);
  const auto layout = read_layout(reader, path);
  EXPECT_EQ(layout.format, "opaque") << path;
  return layout.trouble;
}

TEST(StandIn, IsALfsPointerUnderAnyName) {
  for (const auto path : {"model.safetensors", "a.gguf", "sub/pytorch_model.bin", "tokenizer.json", "noname"}) {
    EXPECT_THAT(trouble_of(k_pointer, path), HasSubstr("git lfs pull")) << path;
    EXPECT_THAT(trouble_of("\xEF\xBB\xBF" + std::string(k_pointer), path), HasSubstr("git lfs pull")) << path;
  }
}

TEST(StandIn, IsWhatAServerSendsInsteadOfAFile) {
  for (const auto path : {"model.safetensors", "a.GGUF", "sub/pytorch_model.bin"}) {
    EXPECT_THAT(trouble_of("<!DOCTYPE html><html><head>", path), HasSubstr("web page")) << path;
    EXPECT_THAT(trouble_of("\xEF\xBB\xBF \n<HTML lang=en>", path), HasSubstr("web page")) << path;
    EXPECT_THAT(trouble_of("{\"error\":\"Access to model is restricted\"}", path), HasSubstr("access token")) << path;
    EXPECT_THAT(trouble_of("<?xml version=\"1.0\"?><Error>", path), HasSubstr("XML")) << path;
    EXPECT_THAT(trouble_of("", path), HasSubstr("empty")) << path;
  }
  EXPECT_THAT(trouble_of("<!doctype html>", "config.json"), HasSubstr("web page"));
}

TEST(StandIn, IsAnArchiveUnderAModelsName) {
  EXPECT_THAT(trouble_of("PK\x03\x04 and so on", "a.safetensors"), HasSubstr("ZIP"));
  EXPECT_THAT(trouble_of("\x1F\x8B\x08 and so on", "a.gguf"), HasSubstr("gzip"));
  EXPECT_THAT(trouble_of("\x80\x02}q\x00", "a.gguf"), HasSubstr("pickle"));
  std::string tar(600, '\0');
  tar.replace(257, 5, "ustar");
  EXPECT_THAT(trouble_of(tar, "a.safetensors"), HasSubstr("tar"));
  EXPECT_EQ(trouble_of("PK\x03\x04 and so on", "pytorch_model.bin"), "") << "that is what such a file is";
}

TEST(StandIn, IsADownloadThatHasNotEnded) {
  for (const auto path : {"a.gguf.part", "sub/a.safetensors.incomplete", "a.bin.crdownload", "a.aria2"}) {
    EXPECT_THAT(trouble_of("whatever", path), HasSubstr("download")) << path;
  }
}

TEST(StandIn, IsToldFromShortFilesThatAreCutOff) {
  const std::string text = trouble_of(std::string(130, 'x'), "a.safetensors");
  EXPECT_THAT(text, HasSubstr("does not end inside the file"));
  EXPECT_THAT(text, HasSubstr("download it again"));
}

TEST(StandIn, IsNoOrdinaryFile) {
  EXPECT_EQ(trouble_of("{\"a\": 1}", "config.json"), "");
  EXPECT_EQ(trouble_of("<html>", "index.html"), "");
  EXPECT_EQ(trouble_of("", ".gitkeep"), "");
  EXPECT_EQ(trouble_of("version https://git-lfs.github.com/spec/v1 is what a pointer begins with", "README.md"), "");
  EXPECT_EQ(trouble_of(std::string(k_pointer) + std::string(2000, 'x'), "notes"), "");
  EXPECT_EQ(trouble_of("\x80\x02}q\x00", "data.pkl"), "");
}

}  // namespace
}  // namespace modelfloat::formats
