#pragma once
// The fixture of the tests of the rclone store.

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "providers/fault_proxy.h"
#include "providers/provider_home.h"
#include "support/plain_call.h"
#include <gtest/gtest.h>

namespace modelfloat::test::rclone {

inline constexpr const char* k_folder = "MODELFLOAT_TEST_RCLONE";

inline CallOptions within(Milliseconds time) { return {{}, std::chrono::steady_clock::now() + time}; }

inline std::string folder() { return *server_variable(k_folder); }

class RcloneStore : public testing::Test {
 protected:
  void SetUp() override {
    if (!server_variable(k_folder)) GTEST_SKIP() << unless_set(k_folder);
    proxy_.emplace(*server_variable("MODELFLOAT_TEST_RCLONE_CONTROL"));
    name_ = fresh_name();
  }

  std::unique_ptr<store::Store> open(const std::string& rest) {
    prepare(rest);
    return store::make_store("rclone:" + rest, {}, context_.context());
  }
  void prepare(const std::string& rest) {
    store::StoreSettings settings;
    ListeningDialogue dialogue;
    store::prepare_new_store("rclone:" + rest, settings, context_.context(), dialogue, k_no_deadline);
  }
  std::string disk_path() const { return folder() + "/disk/" + name_; }
  std::unique_ptr<store::Store> open_disk() { return open("disk:" + disk_path()); }

  std::string name_;
  RealContext context_;
  std::optional<FaultProxy> proxy_;
};

}  // namespace modelfloat::test::rclone
