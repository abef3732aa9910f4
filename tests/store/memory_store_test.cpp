#include "modelfloat/store/memory/memory_store.h"

#include "support/fixed_random.h"
#include "support/plain_call.h"
#include "support/store_suite.h"
#include <gtest/gtest.h>

#include "modelfloat/base/error.h"

namespace modelfloat::test {
namespace {

TEST(MemoryStore, AFullOneTakesNoMoreAndKeepsWhatItHas) {
  const auto store = store::make_memory_store(1000);
  store->put(shard_name(1), random_bytes(600), k_no_deadline);
  try {
    store->put(shard_name(2), random_bytes(401), k_no_deadline);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind, ErrorKind::out_of_space);
  }
  EXPECT_FALSE(store->stat(shard_name(2), k_no_deadline));
  store->put(shard_name(2), random_bytes(400), k_no_deadline);
  EXPECT_EQ(store->space(k_no_deadline).free_bytes, 0U);
  store->put(shard_name(1), random_bytes(500), k_no_deadline);  // replacing frees what was there
  store->remove(shard_name(2), k_no_deadline);
  EXPECT_EQ(store->space(k_no_deadline).free_bytes, 500U);
  EXPECT_EQ(store->space(k_no_deadline).used_bytes, 500U);
}

}  // namespace
}  // namespace modelfloat::test
