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

// While the proxy does this to every request, each call of the store, which is reached through it, fails with this kind and says none of the secrets.
// The store has shard 1.
inline void expect_every_call_fails(FaultProxy& proxy, store::Store& store, std::string_view rule, ErrorKind kind,
                                    const std::vector<std::string>& secrets) {
  proxy.clear();
  proxy.add(rule);
  const Bytes bytes = random_bytes(1000);
  const std::pair<const char*, std::function<void()>> calls[] = {
      {"put", [&] { store.put(shard_name(7), bytes, k_patient); }},
      {"get", [&] { store.get(shard_name(1), k_all, k_patient); }},
      {"get a range", [&] { store.get(shard_name(1), {10, 20}, k_patient); }},
      {"stat", [&] { store.stat(shard_name(1), k_patient); }},
      {"remove", [&] { store.remove(shard_name(9), k_patient); }},
      {"list", [&] { store.list("", [](const store::ObjectInfo&) {}, k_patient); }},
      {"space", [&] { store.space(k_patient); }},
  };
  for (const auto& [name, call] : calls) {
    const auto error = thrown_by(call);
    ASSERT_TRUE(error) << name << " did not fail by " << rule;
    EXPECT_EQ(error->kind, kind) << name << " by " << rule << ": " << error->what();
    for (const std::string& secret : secrets) {
      EXPECT_THAT(error->what(), testing::Not(testing::HasSubstr(secret))) << name;
    }
  }
}

}  // namespace modelfloat::test
