#pragma once
// The fixture of the tests of the WebDAV store: Apache's mod_dav, and the proxy before it.

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "providers/every_call.h"
#include "providers/fault_proxy.h"
#include "providers/provider_home.h"
#include "support/plain_call.h"
#include <gtest/gtest.h>

#include "modelfloat/store/webdav/webdav_store.h"

namespace modelfloat::test::webdav {

inline store::StoreSettings settings_of() {
  store::StoreSettings settings;
  settings.credentials.set("user", server_variable("MODELFLOAT_TEST_WEBDAV_USER").value_or("none"));
  settings.credentials.set("password", server_variable("MODELFLOAT_TEST_WEBDAV_PASSWORD").value_or("none"));
  return settings;
}

class WebdavStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = unless_set("MODELFLOAT_TEST_WEBDAV"); !missing.empty()) GTEST_SKIP() << missing;
    proxy_ = std::make_unique<FaultProxy>(*server_variable("MODELFLOAT_TEST_WEBDAV_CONTROL"));
    store::StoreSettings settings = settings_of();
    ListeningDialogue dialogue;
    store::prepare_new_store("webdav:" + *server_variable("MODELFLOAT_TEST_WEBDAV") + folder_, settings,
                             context_.context(), dialogue, k_no_deadline);
    direct_ = make(*server_variable("MODELFLOAT_TEST_WEBDAV") + folder_);
    store_ = make(*server_variable("MODELFLOAT_TEST_WEBDAV_PROXY") + folder_);
  }

  std::unique_ptr<store::Store> make(const std::string& address, const store::StoreSettings& settings = settings_of()) {
    return store::make_webdav_store(address, settings, context_.context());
  }

  void expect_kind(std::string_view rule, ErrorKind kind) {
    expect_every_call_fails(*proxy_, *store_, rule, kind,
                            {*server_variable("MODELFLOAT_TEST_WEBDAV_PASSWORD"), "Basic "});
  }

  std::vector<std::string> listed(store::Store& store) {
    std::vector<std::string> paths;
    store.list("", [&](const store::ObjectInfo& info) { paths.push_back(info.name.path()); }, k_no_deadline);
    std::sort(paths.begin(), paths.end());
    return paths;
  }
  // Where Apache keeps the store.
  std::filesystem::path on_disk() const { return *server_variable("MODELFLOAT_TEST_WEBDAV_FOLDER") + folder_; }
  std::size_t temporary_files() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(on_disk()))
      count += entry.path().filename().string().starts_with("tmp-") ? 1 : 0;
    return count;
  }

  const std::string folder_ = "/basic/" + fresh_name();
  RealContext context_;
  std::unique_ptr<FaultProxy> proxy_;
  std::unique_ptr<store::Store> direct_;
  std::unique_ptr<store::Store> store_;
};

inline std::string answer(int status, const std::string& headers = "", const std::string& body = "") {
  return R"({"times": 0, "fault": "answer", "status": )" + std::to_string(status) + R"(, "headers": {)" + headers +
         R"(}, "body": ")" + body + R"("})";
}

}  // namespace modelfloat::test::webdav
