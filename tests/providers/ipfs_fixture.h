#pragma once
// The fixture of the tests of the IPFS store.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "providers/fault_proxy.h"
#include "providers/provider_home.h"
#include "support/plain_call.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "modelfloat/store/http/http_client.h"
#include "modelfloat/store/http/url.h"

namespace modelfloat::test::ipfs {

inline constexpr const char* k_node = "MODELFLOAT_TEST_IPFS";

inline CallOptions within(Milliseconds time) { return {{}, std::chrono::steady_clock::now() + time}; }

// Its stores go through the proxy when it is asked for.
class IpfsStore : public testing::Test {
 protected:
  void SetUp() override {
    if (!server_variable(k_node)) GTEST_SKIP() << unless_set(k_node);
    node_ = *server_variable(k_node);
    folder_ = "/" + fresh_name();
    proxy_.emplace(*server_variable("MODELFLOAT_TEST_IPFS_CONTROL"));
  }

  std::unique_ptr<store::Store> open(store::StoreSettings settings = {}) { return open_at(node_, std::move(settings)); }
  std::unique_ptr<store::Store> open_proxied(store::StoreSettings settings = {}) {
    auto store = open_at(*server_variable("MODELFLOAT_TEST_IPFS_PROXY"), std::move(settings));
    proxy_->clear();
    return store;
  }
  std::unique_ptr<store::Store> open_at(const std::string& root, store::StoreSettings settings) {
    ListeningDialogue dialogue;
    store::prepare_new_store("ipfs:" + root + folder_, settings, context_.context(), dialogue, k_no_deadline);
    return store::make_store("ipfs:" + root + folder_, settings, context_.context());
  }
  std::string path_of(const ObjectName& name) const { return folder_ + "/" + name.path(); }

  nlohmann::json rpc(const std::string& call, const store::http::Fields& fields, const std::string& root = {}) {
    store::http::Request request;
    request.method = "POST";
    request.url = (root.empty() ? node_ : root) + "/api/v0/" + call + "?" + store::http::encode_form(fields);
    request.where = call;
    const auto response = client_.send(request, k_no_deadline);
    EXPECT_EQ(response.status, 200) << call << response.text();
    return nlohmann::json::parse(response.text(), nullptr, false);
  }
  // Takes the bytes away, but not the name.
  void lose_blocks(const ObjectName& name) {
    const std::string cid = rpc("files/stat", {{"arg", path_of(name)}})["Hash"];
    rpc("block/rm", {{"arg", cid}, {"force", "true"}});
  }

  std::string node_;
  std::string folder_;
  RealContext context_;
  std::optional<FaultProxy> proxy_;
  store::http::HttpClient client_;
};

}  // namespace modelfloat::test::ipfs
