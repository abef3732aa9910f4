#include "modelfloat/domain/redundancy.h"

#include <gtest/gtest.h>

namespace modelfloat {
namespace {

TEST(RedundancyTest, ReadsWhatItWrites) {
  for (unsigned k = 1; k <= 16; ++k) {
    for (unsigned m = 0; m <= 8; ++m) EXPECT_EQ(Redundancy::parse(to_string({k, m})), (Redundancy{k, m}));
  }
  EXPECT_EQ(to_string({4, 2}), "4+2");
}

TEST(RedundancyTest, RefusesOtherForms) {
  for (const char* text : {"", "4", "+", "4+", "+2", "4+2+1", "4-2", " 4+2", "4+2 ", "-4+2", "4+-2", "0x4+2", "4.0+2",
                           "0+2", "17+2", "4+9", "99999999999+2", "4++2"}) {
    try {
      Redundancy::parse(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind, ErrorKind::invalid) << text;
    }
  }
}

}  // namespace
}  // namespace modelfloat
