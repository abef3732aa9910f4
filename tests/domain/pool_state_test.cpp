#include "modelfloat/domain/pool_state.h"

#include <gtest/gtest.h>

namespace modelfloat {
namespace {

StoreId store(unsigned char number) { return StoreId{std::byte{number}}; }
StoreAdded added(unsigned char number, const std::string& name) { return {store(number), name, "", "", 0}; }
StoreRemoved removed(unsigned char number) { return {store(number)}; }

SeenRecord record(unsigned char writer, std::uint64_t seq, std::vector<Change> changes) {
  SeenRecord seen;
  seen.record.writer = WriterId{std::byte{writer}};
  seen.record.seq = seq;
  seen.record.changes = std::move(changes);
  seen.hash = Hash256{std::byte{writer}, static_cast<std::byte>(seq)};
  return seen;
}

// The same as the rescue reader is asked in tests/rescue/test_log.py.
TEST(PoolState, TheOrderSaysWhichStoresAreInThePool) {
  std::vector<SeenRecord> records;
  records.push_back(record(1, 1, {added(1, "again"), added(2, "gone"), added(3, "kept"), added(4, "once")}));
  records.push_back(record(1, 2, {removed(1), removed(2), added(4, "twice")}));
  records.push_back(record(1, 3, {added(1, "again"), added(5, "turned"), removed(5), removed(6), added(6, "back")}));
  records.push_back(record(2, 1, {removed(3)}));  // of what the other wrote it had read nothing
  const PoolState state = pool_state_of(records);
  std::vector<std::string> names;
  for (const auto& [id, one] : state.stores) names.push_back(one.name);
  EXPECT_EQ(names, (std::vector<std::string>{"again", "kept", "twice", "back"}));
  EXPECT_EQ(state.removed_stores, (std::set<StoreId>{store(2), store(5)}));
}

}  // namespace
}  // namespace modelfloat
