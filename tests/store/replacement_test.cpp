// What readers see while an object is replaced in several steps.

#include "modelfloat/store/replacement.h"

#include <functional>
#include <future>
#include <optional>
#include <thread>

#include "support/thrown.h"
#include <gtest/gtest.h>

namespace modelfloat::store {
namespace {

using test::kind_thrown;

// What a reader gets who looks first while a replacement is under way, and finds this then;
// afterwards the object, 7, is there.
class LookInTheMiddle {
 public:
  explicit LookInTheMiddle(const std::function<std::optional<int>()>& found_first) {
    replacement_.run({}, "there", [&] {
      reader_ = std::async(std::launch::async, [this, found_first] {
        return replacement_.look({}, "there", [&]() -> std::optional<int> {
          if (++looks_ > 1) return 7;
          looks_now_.set_value();
          return found_first();
        });
      });
      looks_now_.get_future().wait();
      ended_meanwhile_ = reader_.wait_for(std::chrono::milliseconds(100)) == std::future_status::ready;
    });
  }
  bool ended_meanwhile() const { return ended_meanwhile_; }  // else the replacement was waited for
  std::optional<int> found() { return reader_.get(); }

 private:
  Replacement replacement_;
  int looks_ = 0;
  std::promise<void> looks_now_;
  bool ended_meanwhile_ = false;
  std::future<std::optional<int>> reader_;
};

TEST(Replacement, WhoFindsNothingInTheMiddleLooksAgain) {
  LookInTheMiddle look([] { return std::nullopt; });
  EXPECT_FALSE(look.ended_meanwhile());
  EXPECT_EQ(look.found(), 7);
}

TEST(Replacement, WhoseReadBreaksInTheMiddleLooksAgain) {
  LookInTheMiddle look([]() -> std::optional<int> { throw Error(ErrorKind::transient, "there", "broke"); });
  EXPECT_FALSE(look.ended_meanwhile());
  EXPECT_EQ(look.found(), 7);
}

TEST(Replacement, WhatIsFoundInTheMiddleIsGiven) {
  LookInTheMiddle look([] { return 3; });
  EXPECT_EQ(look.found(), 3);
}

TEST(Replacement, OtherErrorsInTheMiddleComeOut) {
  LookInTheMiddle look([]() -> std::optional<int> { throw Error(ErrorKind::denied, "there", "no"); });
  EXPECT_EQ(kind_thrown([&] { look.found(); }), ErrorKind::denied);
}

// It came and went while the reader looked.
TEST(Replacement, WhatWasReplacedDuringTheLookIsLookedAtAgain) {
  Replacement replacement;
  int looks = 0;
  const auto found = replacement.look({}, "there", [&]() -> std::optional<int> {
    if (++looks > 1) return 7;
    replacement.run({}, "there", [] {});
    return std::nullopt;
  });
  EXPECT_EQ(found, 7);
}

TEST(Replacement, AReaderWaitsNoLongerThanItMay) {
  Replacement replacement;
  replacement.run({}, "there", [&] {
    const auto look = [&](const CallOptions& options) {
      replacement.look(options, "there", []() -> std::optional<int> { return std::nullopt; });
    };
    EXPECT_EQ(test::thrown_when_stopped(std::chrono::milliseconds(20), look)->kind, ErrorKind::cancelled);
    EXPECT_EQ(test::thrown_by_deadline(std::chrono::milliseconds(20), look)->kind, ErrorKind::timed_out);
  });
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
  const auto broken = [&]() -> std::optional<int> {
    ++looks;
    throw Error(ErrorKind::transient, "there", "broke");
  };
  EXPECT_EQ(kind_thrown([&] { replacement.look({}, "there", broken); }), ErrorKind::transient);
  EXPECT_EQ(looks, 2);
}

}  // namespace
}  // namespace modelfloat::store
