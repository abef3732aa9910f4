#include "modelfloat/server/http/multipart.h"

#include "support/fixed_random.h"
#include "support/stepped_source.h"
#include <gtest/gtest.h>

namespace modelfloat::server {
namespace {

struct Part {
  PartHead head;
  std::string text;
};

std::vector<Part> read_all(std::string_view body, std::size_t step = 1000, std::size_t piece = 100) {
  test::SteppedSource source(as_bytes(body), step);
  MultipartReader form(source, "XX", 1);
  std::vector<Part> parts;
  while (auto head = form.next_part()) {
    parts.push_back({std::move(*head), {}});
    Bytes buffer(piece);
    while (const auto count = form.content().read(buffer)) parts.back().text += as_text(ByteSpan(buffer).first(count));
    EXPECT_EQ(form.content().read(buffer), 0U);
  }
  EXPECT_TRUE(source.used_up());
  return parts;
}

std::string part(const std::string& name, const std::string& content, const std::string& more = "") {
  return "--XX\r\nContent-Disposition: form-data; name=\"" + name + "\"" + more + "\r\n\r\n" + content + "\r\n";
}
const std::string k_end = "--XX--\r\n";

TEST(Multipart, ReadsPartsHoweverTheyAreCut) {
  // What looks like a boundary and is none.
  const std::string tricky = "a\r\n--X\r\n--\r\n\r--XX\n--XX\r\n-\r\n--XY";
  const auto body = part("one", "1") +
                    part("file", tricky, "; filename=\"a/b.bin\"\r\nContent-Type: application/octet-stream") +
                    part("empty", "") + k_end;
  for (std::size_t step = 1; step < 80; ++step) {
    for (const std::size_t piece : {1U, 7U, 1000U}) {
      const auto parts = read_all(body, step, piece);
      ASSERT_EQ(parts.size(), 3U);
      EXPECT_EQ(parts[0].head.name, "one");
      EXPECT_EQ(parts[0].text, "1");
      EXPECT_FALSE(parts[0].head.filename);
      EXPECT_EQ(parts[1].head.filename, "a/b.bin");
      EXPECT_EQ(parts[1].head.content_type, "application/octet-stream");
      EXPECT_EQ(parts[1].text, tricky);
      EXPECT_EQ(parts[2].text, "");
    }
  }
}

TEST(Multipart, GivesBackMuchMoreThanItsBuffer) {
  const auto bytes = test::random_bytes(300'000);
  const std::string content(as_text(bytes));
  const auto parts = read_all(part("file", content) + k_end, 4099, 997);
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_TRUE(parts[0].text == content);
}

TEST(Multipart, SkipsWhatIsNotRead) {
  const auto body = part("a", std::string(50'000, 'x')) + part("b", "2") + k_end;
  test::SteppedSource source(as_bytes(body), 1000);
  MultipartReader form(source, "XX");
  EXPECT_EQ(form.next_part()->name, "a");
  EXPECT_EQ(form.next_part()->name, "b");
  EXPECT_EQ(form.read_text(10), "2");
  EXPECT_FALSE(form.next_part());
  EXPECT_FALSE(form.next_part());
}

TEST(Multipart, UnderstandsFileNames) {
  const auto name_of = [](const std::string& parameter) {
    return read_all(part("f", "", "; " + parameter) + k_end).at(0).head.filename;
  };
  EXPECT_EQ(name_of(R"(filename="a b.bin")"), "a b.bin");
  EXPECT_EQ(name_of(R"(filename=plain.bin)"), "plain.bin");
  EXPECT_EQ(name_of(R"(filename="a\"b\\c\d")"), R"(a"b\c\d)");
  EXPECT_EQ(name_of(R"(filename="x"; filename*=UTF-8''%C3%A4%20b)"), "ä b");
  EXPECT_EQ(name_of(R"(FileName = "up;per" )"), "up;per");
}

TEST(Multipart, RefusesWhatIsNotToTheRule) {
  const auto with_head = [](const std::string& head) { return "--XX\r\n" + head + "\r\n\r\nx\r\n" + k_end; };
  const std::string many_lines = [] {
    std::string lines = "Content-Disposition: form-data; name=a";
    for (int i = 0; i < 2000; ++i) lines += "\r\nX: abc";
    return lines;
  }();
  for (const std::string& bad :
       {std::string(),
        std::string("hello"),
        "\r\n" + std::string(100'000, 'x') + "\r\n" + part("a", "1") + k_end,
        with_head("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64"),
        std::string("--XY\r\n"),
        std::string("--XX"),
        part("a", "1"),
        part("a", "1") + "--XX",
        part("a", "1") + "--XXy\r\n",
        std::string("--XX\r\nContent-Disposition: form-data; name=a\r\n"),
        with_head("X: y"),
        with_head("Content-Disposition: attachment; name=a"),
        with_head("Content-Disposition: form-data"),
        with_head("Content-Disposition: form-data; name=\"a"),
        with_head("Content-Disposition: form-data; name=a; name=b"),
        with_head("Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b"),
        with_head("no colon"),
        with_head("Content-Disposition: form-data; name=\"a\"b"),
        with_head("Content-Disposition: form-data; name=a\n"),
        with_head("Content-Disposition: form-data; name=a; filename*=latin1''x"),
        with_head("Content-Disposition: form-data; name=a; filename*=UTF-8''%z"),
        with_head(many_lines),
        with_head("Content-Disposition: form-data; name=" + std::string(9000, 'a')),
        "--XX" + std::string(100, ' ') + "\r\n",
        part("a", "1") + k_end + std::string(100'000, 'x')}) {
    EXPECT_THROW(read_all(bad), HttpError) << bad.substr(0, 60);
    EXPECT_THROW(read_all(bad, 1), HttpError) << bad.substr(0, 60);
  }
}

TEST(Multipart, APreambleIsPassedOver) {
  for (const std::string& preamble : {std::string("\r\n"), std::string("This is a message in parts.\r\n"),
                                      std::string("--X\r\n\r\n"), std::string(3000, 'x') + "\r\n"}) {
    for (const std::size_t step : {1U, 10U, 1000U}) {
      const auto parts = read_all(preamble + part("a", "1") + part("b", "2") + k_end, step);
      ASSERT_EQ(parts.size(), 2U);
      EXPECT_EQ(parts[0].head.name, "a");
      EXPECT_EQ(parts[1].text, "2");
    }
  }
}

TEST(Multipart, BytesAsTheyAreNeedNoDecoding) {
  const auto with = [](const std::string& coding) {
    return read_all("--XX\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: " + coding +
                    "\r\n\r\nx\r\n" + k_end);
  };
  for (const auto* coding : {"binary", "8bit", "7BIT"}) EXPECT_EQ(with(coding).at(0).text, "x");
  EXPECT_THROW(with("quoted-printable"), HttpError);
}

TEST(Multipart, BoundsFieldsAndParts) {
  const auto body = part("a", std::string(100, 'x')) + k_end;
  test::SteppedSource source(as_bytes(body), 10);
  MultipartReader form(source, "XX");
  form.next_part();
  EXPECT_THROW(form.read_text(99), HttpError);

  std::string many;
  for (std::size_t i = 0; i <= MultipartReader::k_max_parts; ++i) many += part("a", "");
  EXPECT_THROW(read_all(many + k_end), HttpError);
}

TEST(Multipart, ChecksTheBoundary) {
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=----abc"), "----abc");
  EXPECT_EQ(multipart_boundary("Multipart/Form-Data; charset=x; boundary=\"a b\""), "a b");
  for (const std::string& bad :
       {std::string("multipart/form-data"), std::string("multipart/form-data; boundary="),
        "multipart/form-data; boundary=" + std::string(71, 'a'), std::string("multipart/form-data; boundary=\"a\x80\""),
        std::string("multipart/form-data; boundary=\"a \""), std::string("application/json; boundary=a"),
        std::string()}) {
    EXPECT_THROW(multipart_boundary(bad), HttpError) << bad;
  }
}

}  // namespace
}  // namespace modelfloat::server
