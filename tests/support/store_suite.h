#pragma once
// What every store must do. A provider's test adds how to make one: INSTANTIATE_TEST_SUITE_P(Local,
// StoreSuite, testing::Values(StoreCase{"local", make_local_home}), name_of_case);

#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "support/size.h"
#include <gtest/gtest.h>

#include "modelfloat/store/store.h"

namespace modelfloat::test {

// What stays when a store is closed: a folder, an account, an emulator's process.
class StoreHome {
 public:
  virtual ~StoreHome() = default;
  // A new handle on the same objects. The home outlives it.
  virtual std::unique_ptr<store::Store> open() = 0;
  // A store in a folder whose name differs from ours in nothing but upper and lower case; nothing
  // where there are no folders.
  virtual std::unique_ptr<store::Store> open_namesake() { return nullptr; }
  // Makes objects of these sizes by a way that is quicker than as many puts; false where there is
  // none.
  virtual bool fill(const std::map<ObjectName, std::uint64_t>&) { return false; }
};

struct StoreCase {
  std::string name;
  std::function<std::unique_ptr<StoreHome>()> make;  // with no objects in it
  std::uint64_t largest_object_bytes = std::uint64_t{64} << 20;
  // Two pages at least where a server gives 1,000.
  std::size_t many_names = size_of({.usual = 1200, .nightly = 3000});
  // What this machine lacks to test the store; its tests are then skipped with these words.
  std::string missing = {};
  bool tells_used_bytes = true;  // by its space()
  bool replaces_at_once = true;  // else readers can see how a name gets other bytes
  // Else a replacement that is cut may leave neither the old object nor the new one.
  bool keeps_one_when_cut = true;
};

inline void PrintTo(const StoreCase& store_case, std::ostream* out) { *out << store_case.name; }

class StoreSuite : public testing::TestWithParam<StoreCase> {
 protected:
  void SetUp() override;

  std::vector<store::ObjectInfo> list(std::string_view prefix);
  // As if our program had ended and begun anew.
  void restart();
  // Runs call(0, ...) to its end, then call(1, ...) and so on, which are ended in their middle: by
  // a stop or by a deadline, at moments all over the time that the first one took. Some must end by
  // each. Then comes restart(), and `look`. Gives the number of calls.
  std::size_t cut_calls(
      const std::function<void(std::size_t number, const CallOptions&)>& call,
      const std::function<void()>& look = [] {});
  // So many that a put takes a while.
  Bytes many_bytes();

  std::unique_ptr<StoreHome> home_;
  std::unique_ptr<store::Store> store_;
};

std::string name_of_case(const testing::TestParamInfo<StoreCase>& info);

// A name that nobody has taken: the seed is its hash.
ObjectName shard_name(std::uint64_t seed);

// In order.
std::vector<std::string> paths_of(const std::vector<store::ObjectInfo>& infos);

}  // namespace modelfloat::test
