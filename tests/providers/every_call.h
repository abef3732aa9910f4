#pragma once
// The row of a provider's fault matrix: one trouble, all calls.

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "providers/fault_proxy.h"
#include "support/fixed_random.h"
#include "support/plain_call.h"
#include "support/store_suite.h"
#include "support/thrown.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace modelfloat::test {

using NamedCall = std::pair<const char*, std::function<void(const CallOptions&)>>;

inline std::vector<NamedCall> every_call(store::Store& store) {
  return {
      {"put", [&](const CallOptions& options) { store.put(shard_name(7), random_bytes(1000), options); }},
      {"get", [&](const CallOptions& options) { store.get(shard_name(1), k_all, options); }},
      {"get a range", [&](const CallOptions& options) { store.get(shard_name(1), {10, 20}, options); }},
      {"get an empty range", [&](const CallOptions& options) { store.get(shard_name(1), {0, 0}, options); }},
      {"stat", [&](const CallOptions& options) { store.stat(shard_name(1), options); }},
      {"remove", [&](const CallOptions& options) { store.remove(shard_name(9), options); }},
      {"list", [&](const CallOptions& options) { store.list("", [](const store::ObjectInfo&) {}, options); }},
      {"space", [&](const CallOptions& options) { store.space(options); }},
  };
}

// Each call of the store fails with this kind and says none of the secrets. The store has shard 1,
// if anything.
inline void expect_every_call_fails(store::Store& store, ErrorKind kind, const std::vector<std::string>& secrets = {}) {
  for (const auto& [name, call] : every_call(store)) {
    const auto error = thrown_by([&] { call(k_no_deadline); });
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

// Each call ends by its deadline, whether the server says nothing, stops in the middle of its
// answer, or sends one byte a second. The store has shard 1. An answer without a body, such as to a
// removal, is whole before the last two of these begin.
inline void expect_every_call_ends_by_its_deadline(FaultProxy& proxy, store::Store& store) {
  for (const std::string fault : {R"("stall", "at": -1)", R"("stall", "at": 5)", R"("slow", "rate": 1)"}) {
    proxy.clear();
    proxy.add(R"({"times": 0, "fault": )" + fault + "}");
    for (const auto& [name, call] : every_call(store)) {
      const auto error = thrown_by([&] { call({{}, std::chrono::steady_clock::now() + Milliseconds(300)}); });
      const std::string_view what = name;
      if (!error && fault.find("-1") == std::string::npos && what != "get" && what != "list") continue;
      ASSERT_TRUE(error) << name << fault;
      EXPECT_EQ(error->kind, ErrorKind::timed_out) << name << fault << error->what();
    }
  }
  proxy.clear();
}

// Each call ends when it is stopped while the server says nothing. The store has shard 1.
inline void expect_every_call_ends_when_stopped(FaultProxy& proxy, store::Store& store) {
  proxy.clear();
  proxy.add(R"({"times": 0, "fault": "stall", "at": -1})");
  for (const auto& [name, call] : every_call(store)) {
    const auto error = thrown_when_stopped(Milliseconds(50), call);
    ASSERT_TRUE(error) << name;
    EXPECT_EQ(error->kind, ErrorKind::cancelled) << name << error->what();
  }
  proxy.clear();
  EXPECT_TRUE(store.stat(shard_name(1), k_no_deadline));
}

// A bit that flips on the way to us is not for the store to find, which has no hash of what comes:
// it hands on what it got, and the transfer layer, which knows the hash, refuses it. `calls` is the
// part of a rule that says which call brings the bytes.
inline void expect_flipped_bit_is_handed_on(FaultProxy& proxy, store::Store& store, const std::string& calls) {
  Bytes bytes = random_bytes(1000);
  store.put(shard_name(1), bytes, k_no_deadline);
  proxy.clear();
  proxy.add("{" + calls + R"(, "fault": "flip", "at": 500})");
  bytes[500] ^= std::byte{1};
  EXPECT_EQ(store.get(shard_name(1), k_all, k_no_deadline), bytes);
}

// A listing that lags behind lacks an object and has one that is gone. Whoever asks for these hears
// the truth. `calls` as above, of listings.
inline void expect_stale_list_loses_nothing(FaultProxy& proxy, store::Store& store, const std::string& calls) {
  const ObjectName fresh = *ObjectName::parse("mf1/shard/00/00" + std::string(62, '1'));
  const ObjectName gone = *ObjectName::parse("mf1/shard/00/00" + std::string(62, '2'));
  const Bytes bytes = random_bytes(1000);
  store.put(fresh, bytes, k_no_deadline);
  proxy.clear();
  proxy.add("{" + calls + R"(, "times": 0, "fault": "replace", "pattern": "1{62}", "with": ")" + std::string(62, '2') +
            "\"}");
  std::vector<std::string> listed;
  store.list(
      "mf1/shard/00/", [&](const store::ObjectInfo& info) { listed.push_back(info.name.path()); }, k_no_deadline);
  EXPECT_EQ(listed, std::vector{gone.path()});
  EXPECT_FALSE(store.stat(gone, k_no_deadline));
  EXPECT_FALSE(store.get(gone, k_all, k_no_deadline));
  store.remove(gone, k_no_deadline);
  EXPECT_TRUE(store.stat(fresh, k_no_deadline));
  EXPECT_EQ(store.get(fresh, k_all, k_no_deadline), bytes);
  store.put(fresh, bytes, k_no_deadline);
  proxy.clear();
  EXPECT_EQ(store.get(fresh, k_all, k_no_deadline), bytes);
}

}  // namespace modelfloat::test
