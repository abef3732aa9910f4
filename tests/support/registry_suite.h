#pragma once
// What every registry must do. A registry's test adds how to make one:
// INSTANTIATE_TEST_SUITE_P(Sqlite, RegistrySuite, testing::Values(RegistryCase{"sqlite",
// make_home}), name_of_registry); registry_suite*.cpp are sources of each program that does so, not
// of the library of fakes: the linker would leave out the tests of files that nothing is called of.

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include <gtest/gtest.h>

#include "modelfloat/registry/registry.h"

namespace modelfloat::test {

// What stays when a registry is closed: a file, a database.
class RegistryHome {
 public:
  virtual ~RegistryHome() = default;
  // A new handle on the same registry, as another process has one. Several may be open at once. The
  // home outlives them.
  virtual std::unique_ptr<registry::Registry> open() = 0;
};

struct RegistryCase {
  std::string name;
  std::function<std::unique_ptr<RegistryHome>()> make;  // with a registry that is empty
  // What this machine lacks to test it; its tests are then skipped with these words.
  std::string missing = {};
};

inline void PrintTo(const RegistryCase& registry_case, std::ostream* out) { *out << registry_case.name; }

class RegistrySuite : public testing::TestWithParam<RegistryCase> {
 protected:
  void SetUp() override;

  // As if our program had ended and begun anew.
  void reopen();

  std::unique_ptr<RegistryHome> home_;
  std::unique_ptr<registry::Registry> registry_;
};

std::string name_of_registry(const testing::TestParamInfo<RegistryCase>& info);

}  // namespace modelfloat::test
