#pragma once
// Google Drive for tests of what goes wrong: a store in a time of its own, and all that it does.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "providers/drive_server.h"
#include "support/fake_clock.h"
#include "support/fixed_random.h"
#include "support/plain_call.h"
#include "support/store_suite.h"
#include "support/thrown.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "modelfloat/store/drive/address.h"
#include "modelfloat/store/wrap/retrying.h"

namespace modelfloat::test::drive {

inline constexpr std::size_t k_small = 100'000;    // one request
inline constexpr std::size_t k_large = 6'000'000;  // a resumable upload

class DriveFaults : public testing::Test {
 protected:
  void SetUp() override {
    if (!server_variable(k_drive_variable)) GTEST_SKIP() << unless_set(k_drive_variable);
    server_.clear();
    use_account(nlohmann::json::object());
  }
  void TearDown() override {
    if (server_variable(k_drive_variable)) {
      server_.control("index", {{"frozen", false}});
      server_.clear();
    }
  }

  void use_account(const nlohmann::json& wishes) {
    settings_ = server_.new_account(wishes);
    context_.emplace();
    ListeningDialogue dialogue;
    store::prepare_new_store(url_, settings_, context(), dialogue, {});
    store_ = open();
  }
  store::StoreContext context() { return {clock_, random_, context_->vault()}; }
  std::unique_ptr<store::Store> open() { return store::make_store(url_, settings_, context()); }
  // As the program uses it, but in a time that passes only by waiting.
  std::unique_ptr<store::Store> open_retrying() {
    return store::make_retrying(open(), store::RetryLimits(), clock_, random_);
  }

  // What the work throws; no secret is in it.
  std::optional<Error> failure_of(const std::function<void()>& work) {
    try {
      work();
      return std::nullopt;
    } catch (const Error& error) {
      for (const char* name : {"client_secret", "refresh_token"}) {
        EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr(std::string(*settings_.credentials.find(name)))));
      }
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("ya29.")));
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("upload_id")));
      EXPECT_THAT(error.where, testing::HasSubstr(url_));
      return error;
    }
  }
  std::optional<ErrorKind> kind_of(const std::function<void()>& work) {
    const auto error = failure_of(work);
    return error ? std::optional(error->kind) : std::nullopt;
  }

  static std::string leaf(const ObjectName& name) { return store::drive::place_of(name).leaf; }
  std::uint64_t files_of(const ObjectName& name) { return server_.files_called(leaf(name), settings_.credentials); }
  std::size_t listed(store::Store& store) {
    std::size_t count = 0;
    store.list("", [&](const store::ObjectInfo&) { ++count; }, k_no_deadline);
    return count;
  }

  DriveServer server_;
  const std::string url_ = "drive:" + fresh_name();
  FakeClock clock_;
  FixedRandom random_{7};
  std::optional<RealContext> context_;
  store::StoreSettings settings_;
  std::unique_ptr<store::Store> store_;
};

// One operation, and the calls that it makes when it is the first of a new handle.
struct Operation {
  std::string name;
  std::vector<std::string> calls;
  std::function<void(store::Store&, const ObjectName&, const Bytes&, const CallOptions&)> work;
  std::size_t size = k_small;
  bool puts = false;
  // What has to go before it, where that is more than the object's being there.
  std::function<void(DriveServer&, store::Store&, const ObjectName&, const Bytes&)> before = {};

  void prepare(DriveServer& server, store::Store& store, const ObjectName& object, const Bytes& bytes) const {
    if (before) return before(server, store, object, bytes);
    if (!puts) store.put(object, bytes, k_no_deadline);
  }
};

inline const nlohmann::json k_cut_in_the_middle = {
    {"call", "upload.chunk"}, {"read_status", 3'000'000}, {"status", 503}, {"reason", "backendError"}};

inline std::vector<Operation> operations() {
  const auto put = [](store::Store& store, const ObjectName& name, const Bytes& bytes, const CallOptions& options) {
    store.put(name, bytes, options);
  };
  return {
      {"put", {"files.list", "files.generateIds", "files.create.multipart"}, put, k_small, true},
      {"put large", {"files.create.resumable", "upload.chunk"}, put, k_large, true},
      {"put the rest",
       {"upload.status"},
       put,
       k_large,
       true,
       [](DriveServer& server, store::Store& store, auto& name, auto& bytes) {
         server.fault(k_cut_in_the_middle);
         EXPECT_EQ(kind_thrown([&] { store.put(name, bytes, k_no_deadline); }), ErrorKind::transient);
       }},
      {"put into a folder that has to be made",
       {"files.create"},
       put,
       k_small,
       true,
       [](DriveServer& server, store::Store& store, auto&, auto&) {
         server.control("trash", {{"name", "shard"}});
         store.list("", [](const store::ObjectInfo&) {}, k_no_deadline);  // which finds that out
       }},
      {"get",
       {"files.list", "files.get.media"},
       [](auto& store, auto& name, auto& bytes, auto& options) {
         if (store.get(name, k_all, options) != bytes) throw Error(ErrorKind::corrupt, "test", "other bytes, or none");
       }},
      {"get range",
       {"files.list", "files.get.media"},
       [](auto& store, auto& name, auto& bytes, auto& options) {
         const auto part = store.get(name, ByteRange{1000, 5000}, options);
         if (!part || !equal(*part, ByteSpan(bytes).subspan(1000, 5000)))
           throw Error(ErrorKind::corrupt, "test", "other bytes, or none");
       }},
      {"stat",
       {"files.list", "files.get"},
       [](auto& store, auto& name, auto& bytes, auto& options) {
         const auto info = store.stat(name, options);
         if (!info || info->size_bytes != bytes.size())
           throw Error(ErrorKind::corrupt, "test", "another size, or none");
       }},
      {"remove",
       {"files.list", "files.delete"},
       [](auto& store, auto& name, auto&, auto& options) { store.remove(name, options); }},
      {"list",
       {"files.list"},
       [](auto& store, auto& name, auto&, auto& options) {
         bool found = false;
         store.list("mf1/shard/", [&](const store::ObjectInfo& info) { found = found || info.name == name; }, options);
         if (!found) throw Error(ErrorKind::corrupt, "test", "not listed");
       }},
      {"space", {"about.get"}, [](auto& store, auto&, auto&, auto& options) { store.space(options); }},
  };
}

}  // namespace modelfloat::test::drive
