#include "modelfloat/server/http/chunked.h"

#include <array>

#include <gtest/gtest.h>

#include "modelfloat/server/http/http.h"

namespace modelfloat::server {
namespace {

// Decodes in pieces of `step` bytes into a buffer of `room` bytes; what is left of the input behind
// the body goes to `rest`.
std::string decode(std::string_view text, std::size_t step, std::size_t room, std::string* rest = nullptr) {
  ChunkedDecoder decoder;
  std::string body;
  Bytes buffer(room);
  while (!text.empty() && !decoder.done()) {
    const auto result = decoder.decode(as_bytes(text.substr(0, step)), buffer);
    body += as_text(ByteSpan(buffer).first(result.written));
    text.remove_prefix(result.taken);
  }
  if (rest != nullptr) *rest = text;
  if (!decoder.done()) throw std::runtime_error("the body does not end");
  return body;
}

TEST(Chunked, JoinsChunksHoweverTheyAreCut) {
  const std::string text = "5\r\nhello\r\n01;a=\"b\"\r\n,\r\nA\r\n wonderful\r\n0\r\nTrailer: x\r\n\r\nGET /";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    for (const std::size_t room : {1U, 3U, 100U}) {
      std::string rest;
      EXPECT_EQ(decode(text, step, room, &rest), "hello, wonderful") << step << " " << room;
      EXPECT_EQ(rest, "GET /");
    }
  }
}

TEST(Chunked, AnEmptyBodyMayComeByteByByte) { EXPECT_EQ(decode("0\r\n\r\n", 1, 10), ""); }

TEST(Chunked, BytesInsideOfAChunkMayPassItBy) {
  ChunkedDecoder decoder;
  std::array<std::byte, 2> two;
  EXPECT_EQ(decoder.decode(as_bytes("5\r\nhello"), two).written, 2U);
  EXPECT_EQ(decoder.rest_of_chunk(), 3U);
  decoder.skip(3);
  EXPECT_EQ(decoder.rest_of_chunk(), 0U);
  decoder.decode(as_bytes("\r\n0\r\n\r\n"), two);
  EXPECT_TRUE(decoder.done());
}

TEST(Chunked, RefusesWhatIsNotToTheRule) {
  const std::string long_extension = "1;" + std::string(300, 'x') + "\r\na\r\n0\r\n\r\n";
  const std::string long_trailer = "0\r\nX: " + std::string(9000, 'x') + "\r\n\r\n";
  for (const std::string& bad :
       {std::string("-2\r\n"), std::string("+5\r\nhello\r\n"), std::string("0x5\r\nhello\r\n"),
        std::string(" 5\r\nhello\r\n"), std::string("5 \r\nhello\r\n"), std::string("5\nhello\r\n"),
        std::string("5\r\nhello\n0\r\n\r\n"), std::string("5\r\nhello!\r\n"), std::string("\r\n"), std::string("g\r\n"),
        std::string("ffffffffffffffff\r\n"), std::string("10000000000000005\r\nhello\r\n"),
        std::string("5\r\rhello\r\n"), std::string("0\r\n\r\r"), std::string("0\r\n\n"),
        std::string("5;a\nb\r\nhello\r\n"), std::string("0\r\nX: a\nb\r\n\r\n"), long_extension, long_trailer}) {
    EXPECT_THROW(decode(bad, 1, 100), HttpError) << bad.substr(0, 20);
    EXPECT_THROW(decode(bad, bad.size(), 100), HttpError) << bad.substr(0, 20);
  }
}

}  // namespace
}  // namespace modelfloat::server
