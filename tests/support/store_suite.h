#pragma once
// What every store must do. A provider's test adds how to make one:
//   INSTANTIATE_TEST_SUITE_P(Local, StoreSuite, testing::Values(StoreCase{"local", make_local_home}), name_of_case);

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include <gtest/gtest.h>

#include "modelfloat/store/store.h"

namespace modelfloat::test {

// What stays when a store is closed: a folder, an account, an emulator's process.
class StoreHome {
 public:
  virtual ~StoreHome() = default;
  // A new handle on the same objects. The home outlives it.
  virtual std::unique_ptr<store::Store> open() = 0;
};

struct StoreCase {
  std::string name;
  std::function<std::unique_ptr<StoreHome>()> make;  // with no objects in it
  std::uint64_t largest_object_bytes = std::uint64_t{64} << 20;
  std::size_t many_names = 3000;
  std::string missing = {};  // what this machine lacks to test the store; its tests are then skipped with these words
  bool replaces_at_once = true;  // else readers can see how a name gets other bytes
};

inline void PrintTo(const StoreCase& store_case, std::ostream* out) { *out << store_case.name; }

class StoreSuite : public testing::TestWithParam<StoreCase> {
 protected:
  void SetUp() override;

  std::vector<store::ObjectInfo> list(std::string_view prefix);

  std::unique_ptr<StoreHome> home_;
  std::unique_ptr<store::Store> store_;
};

std::string name_of_case(const testing::TestParamInfo<StoreCase>& info);

// A name that nobody has taken: the seed is its hash.
ObjectName shard_name(std::uint64_t seed);

}  // namespace modelfloat::test
