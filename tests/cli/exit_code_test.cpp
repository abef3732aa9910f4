#include "modelfloat/cli/exit_code.h"

#include <gtest/gtest.h>

namespace modelfloat::cli {
namespace {

TEST(ExitCode, IsTheOneThatTheDesignPromises) {
  EXPECT_EQ(static_cast<int>(exit_code_of(ErrorKind::invalid)), 1);
  EXPECT_EQ(static_cast<int>(exit_code_of(ErrorKind::out_of_space)), 1);
  EXPECT_EQ(static_cast<int>(exit_code_of(ErrorKind::unsupported)), 1);
  EXPECT_EQ(static_cast<int>(exit_code_of(ErrorKind::internal)), 1);
  EXPECT_EQ(static_cast<int>(exit_code_of(ErrorKind::not_found)), 3);
  EXPECT_EQ(static_cast<int>(exit_code_of(ErrorKind::lost)), 5);
  EXPECT_EQ(static_cast<int>(exit_code_of(ErrorKind::corrupt)), 5);
  EXPECT_EQ(static_cast<int>(exit_code_of(ErrorKind::offline)), 6);
  EXPECT_EQ(static_cast<int>(exit_code_of(ErrorKind::denied)), 7);
  EXPECT_EQ(static_cast<int>(exit_code_of(ErrorKind::cancelled)), 130);
}

}  // namespace
}  // namespace modelfloat::cli
