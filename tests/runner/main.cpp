#include <cstdio>
#include <cstdlib>

#include "runner/fake_programs.h"
#include <gtest/gtest.h>

int main(int argc, char** argv) {
  if (const auto exit_code = modelfloat::test::act_as_fake_program(argc, argv)) {
    std::fflush(nullptr);
    // A leak checker looks at its own process by ptrace, which the sandbox forbids.
    std::_Exit(*exit_code);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
