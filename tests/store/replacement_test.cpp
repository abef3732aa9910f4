// What readers see while an object is replaced in several steps.

#include "modelfloat/store/replacement.h"

#include <functional>
#include <optional>

#include "support/thrown.h"
#include <gtest/gtest.h>

namespace modelfloat::store {
namespace {

using test::kind_thrown;

// A look that comes in the middle of a replacement, and what it finds then; afterwards the object is there.
std::optional<int> look_in_the_middle(const std::function<std::optional<int>()>& found_first) {
  Replacement replacement;
  int looks = 0;
  const auto look = [&]() -> std::optional<int> {
    if (++looks > 1) return 7;
    std::optional<int> found;
    replacement.run({}, "there", [&] { found = found_first(); });
    return found;
  };
  return replacement.look({}, "there", look);
}

TEST(Replacement, WhoFindsNothingInTheMiddleLooksAgain) {
  EXPECT_EQ(look_in_the_middle([] { return std::nullopt; }), 7);
}

TEST(Replacement, WhoseReadBreaksInTheMiddleLooksAgain) {
  EXPECT_EQ(look_in_the_middle([]() -> std::optional<int> { throw Error(ErrorKind::transient, "there", "broke"); }), 7);
}

TEST(Replacement, WhatIsFoundInTheMiddleIsGiven) {
  EXPECT_EQ(look_in_the_middle([] { return 3; }), 3);
}

TEST(Replacement, OtherErrorsInTheMiddleComeOut) {
  const auto denied = []() -> std::optional<int> { throw Error(ErrorKind::denied, "there", "no"); };
  EXPECT_EQ(kind_thrown([&] { look_in_the_middle(denied); }), ErrorKind::denied);
}

TEST(Replacement, NothingIsLookedAtTwiceWhenNothingIsReplaced) {
  Replacement replacement;
  EXPECT_EQ(kind_thrown([&] { replacement.run({}, "there", [] { throw Error(ErrorKind::denied, "there", "no"); }); }),
            ErrorKind::denied);  // a replacement that failed has ended, too
  int looks = 0;
  EXPECT_FALSE(replacement.look({}, "there", [&]() -> std::optional<int> {
    ++looks;
    return std::nullopt;
  }));
  EXPECT_EQ(kind_thrown([&] {
              replacement.look({}, "there", [&]() -> std::optional<int> {
                ++looks;
                throw Error(ErrorKind::transient, "there", "broke");
              });
            }),
            ErrorKind::transient);
  EXPECT_EQ(looks, 2);
}

}  // namespace
}  // namespace modelfloat::store
