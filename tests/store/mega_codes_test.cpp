// What each of MEGA's numbers becomes: every one that its own clients know.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "modelfloat/store/mega/api.h"

namespace modelfloat::test {
namespace {

using store::mega::code_error;
using store::mega::Purpose;

struct Meaning {
  int code;
  ErrorKind login, write, read;
  const char* words;  // of the write's message
};

TEST(MegaCodes, EachMeansSomething) {
  using enum ErrorKind;
  const std::vector<Meaning> meanings = {
      {-1, transient, transient, transient, "trouble inside"},
      {-2, internal, internal, internal, "call wrong"},
      {-3, transient, transient, transient, "try again later"},
      {-4, rate_limited, rate_limited, rate_limited, "fewer calls"},
      {-5, denied, transient, transient, "begin anew"},
      {-6, rate_limited, rate_limited, rate_limited, "fewer calls"},
      {-7, internal, internal, internal, "call wrong"},
      {-8, transient, transient, transient, "expired"},
      {-9, denied, not_found, not_found, "does not have it"},
      {-10, internal, internal, internal, "call wrong"},
      {-11, denied, denied, denied, "may not do this"},
      {-12, internal, internal, internal, "call wrong"},
      {-13, denied, transient, transient, "not complete"},
      {-14, corrupt, corrupt, corrupt, "cannot open a key"},
      {-15, denied, denied, denied, "session"},
      {-16, denied, denied, denied, "blocked"},
      {-17, out_of_space, out_of_space, rate_limited, "is full"},
      {-18, transient, transient, transient, "not available"},
      {-19, rate_limited, rate_limited, rate_limited, "fewer calls"},
      {-20, transient, transient, transient, "storage server"},
      {-21, transient, transient, transient, "storage server"},
      {-22, denied, denied, denied, "application key"},
      {-23, denied, denied, denied, "connection"},
      {-24, out_of_space, out_of_space, rate_limited, "is full"},
      {-25, transient, transient, transient, "took the call back"},
      {-26, denied, denied, denied, "totp_secret"},
      {-27, denied, denied, denied, "administrator"},
      {-28, denied, denied, denied, "business account has expired"},
      {-29, denied, out_of_space, denied, "over its quota"},
      {-30, denied, denied, denied, "business account"},
  };
  for (const Meaning& meaning : meanings) {
    for (const auto& [purpose, kind] :
         {std::pair(Purpose::login, meaning.login), std::pair(Purpose::write, meaning.write),
          std::pair(Purpose::read, meaning.read)}) {
      const Error error = code_error(meaning.code, purpose, "mega:/f");
      const std::string text = error.what();
      EXPECT_EQ(error.kind, kind) << text;
      EXPECT_EQ(error.retry_after.has_value(), kind == rate_limited) << text;
      EXPECT_THAT(text, testing::StartsWith("mega:/f: "));
      EXPECT_THAT(text, testing::EndsWith("(MEGA's error " + std::to_string(meaning.code) + ")"));
      EXPECT_THAT(text, testing::Not(testing::HasSubstr("not known")));
      if (purpose == Purpose::write) {
        EXPECT_THAT(text, testing::HasSubstr(meaning.words));
      }
    }
  }
}

TEST(MegaCodes, WhatEachCallIsToldFitsIt) {
  const auto text = [](int code, Purpose purpose) { return std::string(code_error(code, purpose, "x").what()); };
  EXPECT_THAT(text(-5, Purpose::login), testing::HasSubstr("second factor"));
  EXPECT_THAT(text(-5, Purpose::read), testing::Not(testing::HasSubstr("upload")));
  EXPECT_THAT(text(-9, Purpose::login), testing::HasSubstr("password"));
  EXPECT_THAT(text(-13, Purpose::login), testing::HasSubstr("confirmed"));
  EXPECT_THAT(text(-17, Purpose::read), testing::HasSubstr("transfer quota"));
}

TEST(MegaCodes, OthersAreUnknown) {
  for (const int code : {-31, -400, -999}) {
    const Error error = code_error(code, Purpose::read, "x");
    EXPECT_EQ(error.kind, ErrorKind::internal);
    EXPECT_THAT(error.what(), testing::HasSubstr("not known"));
  }
}

}  // namespace
}  // namespace modelfloat::test
