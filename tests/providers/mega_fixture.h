#pragma once
// Fixtures of the tests of the MEGA store.

#include <memory>
#include <string>

#include "providers/mega_server.h"
#include "support/fixed_random.h"
#include "support/plain_call.h"
#include "support/store_suite.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace modelfloat::test::mega {

class MegaStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = unless_set(k_variable); !missing.empty()) GTEST_SKIP() << missing;
    plan(nlohmann::json::array());
  }
  void TearDown() override {
    if (server_variable(k_variable)) plan(nlohmann::json::array());
  }
};

inline std::size_t listed(store::Store& store) {
  std::size_t count = 0;
  store.list("", [&](const store::ObjectInfo&) { ++count; }, k_no_deadline);
  return count;
}

// A store that has done everything once, so that every call of a put, get and remove is one that it
// makes each time.
struct Warm {
  explicit Warm(const std::string& email = make_account()) : place(settings_of(email)) {
    place.prepare();
    store = place.open();
    store->put(shard_name(1), random_bytes(1000), k_no_deadline);
    plan(nlohmann::json::array());
  }
  void put_get_and_remove() {
    place.clock().advance(std::chrono::minutes(6));  // the room is asked again
    store->put(shard_name(1), random_bytes(300'000, 2), k_no_deadline);
    EXPECT_TRUE(store->get(shard_name(1), {}, k_no_deadline) == random_bytes(300'000, 2));
    EXPECT_EQ(listed(*store), 1U);
    store->remove(shard_name(1), k_no_deadline);
    EXPECT_EQ(listed(*store), 0U);
  }

  StillPlace place;
  std::unique_ptr<store::Store> store;
};

}  // namespace modelfloat::test::mega
