#include "modelfloat/base/unique_function.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace modelfloat {
namespace {

TEST(UniqueFunction, OwnsWhatCannotBeCopied) {
  auto number = std::make_unique<int>(7);
  UniqueFunction<int(int)> add = [number = std::move(number)](int more) { return *number += more; };
  EXPECT_EQ(add(1), 8);
  EXPECT_EQ(add(1), 9);
}

TEST(UniqueFunction, IsEmptyUntilItIsGivenSomethingAndAfterItWasMovedFrom) {
  UniqueFunction<void()> empty;
  EXPECT_FALSE(empty);
  int calls = 0;
  UniqueFunction<void()> first = [&calls] { ++calls; };
  UniqueFunction<void()> second = std::move(first);
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move)
  ASSERT_TRUE(second);
  second();
  EXPECT_EQ(calls, 1);
}

TEST(UniqueFunction, FreesWhatItOwnsWhenItIsSetToNothing) {
  const auto shared = std::make_shared<int>(1);
  UniqueFunction<void()> call = [shared] {};
  EXPECT_EQ(shared.use_count(), 2);
  call = nullptr;
  EXPECT_EQ(shared.use_count(), 1);
  EXPECT_FALSE(call);
}

TEST(UniqueFunction, PassesReferencesAndThrowsWhatIsThrown) {
  UniqueFunction<void(std::string&)> append = [](std::string& text) { text += "b"; };
  std::string text = "a";
  append(text);
  EXPECT_EQ(text, "ab");
  UniqueFunction<void()> fail = [] { throw 5; };
  EXPECT_THROW(fail(), int);
}

}  // namespace
}  // namespace modelfloat
