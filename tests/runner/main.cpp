#include "runner/fake_programs.h"
#include <gtest/gtest.h>

int main(int argc, char** argv) {
  if (const auto exit_code = modelfloat::test::act_as_fake_program(argc, argv)) return *exit_code;
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
