#pragma once
// The row of a provider's fault matrix: one trouble, all calls.

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "providers/fault_proxy.h"
#include "support/fixed_random.h"
#include "support/patience.h"
#include "support/store_suite.h"
#include "support/thrown.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace modelfloat::test {

// Each call of the store fails with this kind and says none of the secrets. The store has shard 1, if anything.
inline void expect_every_call_fails(store::Store& store, ErrorKind kind, const std::vector<std::string>& secrets = {}) {
  const Bytes bytes = random_bytes(1000);
  const std::pair<const char*, std::function<void()>> calls[] = {
      {"put", [&] { store.put(shard_name(7), bytes, k_patient); }},
      {"get", [&] { store.get(shard_name(1), k_all, k_patient); }},
      {"get a range", [&] { store.get(shard_name(1), {10, 20}, k_patient); }},
      {"get an empty range", [&] { store.get(shard_name(1), {0, 0}, k_patient); }},
      {"stat", [&] { store.stat(shard_name(1), k_patient); }},
      {"remove", [&] { store.remove(shard_name(9), k_patient); }},
      {"list", [&] { store.list("", [](const store::ObjectInfo&) {}, k_patient); }},
      {"space", [&] { store.space(k_patient); }},
  };
  for (const auto& [name, call] : calls) {
    const auto error = thrown_by(call);
    ASSERT_TRUE(error) << name;
    EXPECT_EQ(error->kind, kind) << name << ": " << error->what();
    for (const std::string& secret : secrets) {
      EXPECT_THAT(error->what(), testing::Not(testing::HasSubstr(secret))) << name;
    }
  }
}

// The same while the proxy, through which the store is reached, does this to every request.
inline void expect_every_call_fails(FaultProxy& proxy, store::Store& store, std::string_view rule, ErrorKind kind,
                                    const std::vector<std::string>& secrets) {
  const testing::ScopedTrace trace(__FILE__, __LINE__, std::string(rule));
  proxy.clear();
  proxy.add(rule);
  expect_every_call_fails(store, kind, secrets);
}

}  // namespace modelfloat::test
