#pragma once
// The fixture of the tests of the S3 store: SeaweedFS, and the proxy before it.

#include <memory>
#include <string>
#include <string_view>

#include "providers/every_call.h"
#include "providers/fault_proxy.h"
#include "providers/provider_home.h"
#include "support/plain_call.h"
#include <gtest/gtest.h>

#include "modelfloat/store/s3/s3_store.h"

namespace modelfloat::test::s3 {

inline store::StoreSettings settings_of() {
  store::StoreSettings settings;
  settings.credentials.set("access_key", server_variable("MODELFLOAT_TEST_S3_ACCESS_KEY").value_or("none"));
  settings.credentials.set("secret_key", server_variable("MODELFLOAT_TEST_S3_SECRET_KEY").value_or("none"));
  return settings;
}

inline std::string bucket_url(const char* variable) {
  return *server_variable(variable) + "/" + *server_variable("MODELFLOAT_TEST_S3_BUCKET");
}

class S3StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = unless_set("MODELFLOAT_TEST_S3"); !missing.empty()) GTEST_SKIP() << missing;
    proxy_ = std::make_unique<FaultProxy>(*server_variable("MODELFLOAT_TEST_S3_CONTROL"));
    direct_ = make(bucket_url("MODELFLOAT_TEST_S3") + "/" + home_);
    store_ = make(bucket_url("MODELFLOAT_TEST_S3_PROXY") + "/" + home_);
  }

  std::unique_ptr<store::Store> make(const std::string& address, const store::StoreSettings& settings = settings_of(),
                                     const store::S3Limits& limits = {}) {
    return store::make_s3_store(address, settings, context_.context(), limits);
  }

  void expect_kind(std::string_view rule, ErrorKind kind) {
    expect_every_call_fails(*proxy_, *store_, rule, kind,
                            {*server_variable("MODELFLOAT_TEST_S3_SECRET_KEY"), "Signature="});
  }

  const std::string home_ = fresh_name();
  RealContext context_;
  std::unique_ptr<FaultProxy> proxy_;
  std::unique_ptr<store::Store> direct_;
  std::unique_ptr<store::Store> store_;
};

}  // namespace modelfloat::test::s3
