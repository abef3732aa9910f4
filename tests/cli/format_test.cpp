#include "modelfloat/cli/format.h"

#include <gtest/gtest.h>

#include "modelfloat/base/error.h"
#include "modelfloat/cli/failure.h"

namespace modelfloat::cli {
namespace {

TEST(HumanBytes, HasThreeDigitsAndPowersOfThousand) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1000), "1.00 kB");
  EXPECT_EQ(human_bytes(98'400'000), "98.4 MB");
  EXPECT_EQ(human_bytes(234'567'890), "235 MB");
  EXPECT_EQ(human_bytes(UINT64_MAX), "18.4 EB");
}

TEST(HumanBytes, NeverShowsAThousandOfAUnit) {
  EXPECT_EQ(human_bytes(999'499), "999 kB");
  EXPECT_EQ(human_bytes(999'500), "1.00 MB");
  EXPECT_EQ(human_bytes(9'994), "9.99 kB");
  EXPECT_EQ(human_bytes(9'996), "10.0 kB");
  EXPECT_EQ(human_bytes(99'960), "100 kB");
}

TEST(HumanSeconds, GrowsCoarserWithTime) {
  EXPECT_EQ(human_seconds(0.418), "0.42 s");
  EXPECT_EQ(human_seconds(9.996), "10 s");
  EXPECT_EQ(human_seconds(59.7), "1 min 00 s");
  EXPECT_EQ(human_seconds(185), "3 min 05 s");
  EXPECT_EQ(human_seconds(7800), "2 h 10 min");
}

TEST(HumanSeconds, StandsWhatADivisionByZeroGives) {
  EXPECT_EQ(human_seconds(-1), "0.00 s");
  EXPECT_EQ(human_seconds(0.0 / 0.0), "0.00 s");
  EXPECT_FALSE(human_seconds(1e300).empty());
}

TEST(Printable, TakesControlCharactersAway) {
  EXPECT_EQ(printable("plain"), "plain");
  EXPECT_EQ(printable("\x1b[2Jgone\n"), "?[2Jgone?");
  EXPECT_EQ(printable("a\xc2\x9b"
                      "b"),
            "a?b");  // CSI beyond ASCII
  EXPECT_EQ(printable("Gr\xc3\xbc\xc3\x9f"
                      "e"),
            "Gr\xc3\xbc\xc3\x9f"
            "e");  // letters stay
  EXPECT_EQ(printable("\xc2\xa0"), "\xc2\xa0");
  EXPECT_EQ(printable("\xc2"), "?");
}

TEST(Printable, TakesAwayWhatIsNoUtf8AndWhatTurnsTheDirectionOfWriting) {
  EXPECT_EQ(printable("a\x9b"
                      "31mb"),
            "a?31mb");  // CSI of terminals that read single bytes
  EXPECT_EQ(printable("model\xe2\x80\xae"
                      "fugg.bin"),
            "model?fugg.bin");
  EXPECT_EQ(printable("\xe2\x81\xa6x"), "?x");
  EXPECT_EQ(printable("\xe6\xa8\xa1\xe5\x9e\x8b"), "\xe6\xa8\xa1\xe5\x9e\x8b");
  EXPECT_EQ(printable_lines("one\n\ttwo\r\x1b[2J"), "one\n\ttwo??[2J");
}

TEST(Size, IsReadInItsForms) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("1500000"), 1'500'000U);
  EXPECT_EQ(parse_size("12B"), 12U);
  EXPECT_EQ(parse_size("5MB"), 5'000'000U);
  EXPECT_EQ(parse_size("1.5GB"), 1'500'000'000U);
  EXPECT_EQ(parse_size("500G"), 500'000'000'000U);
  EXPECT_EQ(parse_size("2TiB"), std::uint64_t{2} << 40);
  EXPECT_EQ(parse_size("3 ki"), 3072U);
  EXPECT_EQ(parse_size("0.5MiB"), 524'288U);
  EXPECT_EQ(parse_size("9007199254740993"), 9'007'199'254'740'993U);  // no double is this
  EXPECT_EQ(parse_size("9223372036854775807"), std::uint64_t{INT64_MAX});
  EXPECT_EQ(parse_size("7EiB"), std::uint64_t{7} << 60);
}

TEST(Size, RefusesWhatItIsNot) {
  for (const char* text : {"",
                           " ",
                           "-5",
                           "-0.5G",
                           "+5",
                           "5X",
                           "5GBB",
                           "5iB",
                           "5 G B",
                           "GB",
                           ".",
                           "1.5.5",
                           "1,5G",
                           "0x10",
                           "1e9",
                           "nan",
                           "inf",
                           "5G\n",
                           "18446744073709551611",
                           "18446744073709551616",
                           "9223372036854775808",
                           "8EiB",
                           "10E",
                           "99999999999999999999T",
                           "1000000000000000000000.5"}) {
    EXPECT_THROW(parse_size(text), Error) << text;
  }
}

TEST(ListenAddress, IsReadInItsForms) {
  EXPECT_EQ(parse_listen_address("127.0.0.1:8080"), (ListenAddress{"127.0.0.1", 8080}));
  EXPECT_EQ(parse_listen_address("localhost:0"), (ListenAddress{"localhost", 0}));
  EXPECT_EQ(parse_listen_address("[::1]:65535"), (ListenAddress{"::1", 65535}));
}

TEST(ListenAddress, OtherFormsAreRefused) {
  for (const char* text : {"", "8080", ":8080", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:80x",
                           "::1:80", "[]:80", "[::1]80", "127.0.0.1: 80"}) {
    try {
      parse_listen_address(text);
      ADD_FAILURE() << text << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind, ErrorKind::invalid) << text;
    }
  }
}

TEST(ModelName, IsTheStemOfAFileAndTheWholeNameOfAFolder) {
  EXPECT_EQ(model_name_for("SmolLM2-135M-Instruct.Q4_1.gguf", false), "SmolLM2-135M-Instruct.Q4_1");
  EXPECT_EQ(model_name_for("all-MiniLM-L6.v2", true), "all-MiniLM-L6.v2");
  EXPECT_EQ(model_name_for("model", false), "model");
}

TEST(ModelName, HasOnlyCharactersThatANameMayHave) {
  EXPECT_EQ(model_name_for("my model (1).bin", false), "my-model--1-");
  EXPECT_EQ(model_name_for("a:b@c", true), "a-b-c");
  EXPECT_EQ(model_name_for(std::string(300, 'x'), true).size(), 96U);
}

TEST(ModelName, IsRefusedWhenNothingOfTheFilesOwnIsLeft) {
  EXPECT_THROW(model_name_for("\xe6\xa8\xa1\xe5\x9e\x8b.gguf", false), UsageError);
  EXPECT_THROW(model_name_for("(...).bin", false), UsageError);
  EXPECT_EQ(model_name_for("\xe6\xa8\xa1-v2.gguf", false), "----v2");
  EXPECT_THROW(model_name_for("", true), Error);
  EXPECT_THROW(model_name_for("..", true), Error);
}

}  // namespace
}  // namespace modelfloat::cli
