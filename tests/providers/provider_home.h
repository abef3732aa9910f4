#pragma once
// A place on a provider's server, for the suite of all stores and for tests of one provider.

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "support/store_context.h"
#include "support/store_suite.h"

#include "modelfloat/base/hex.h"
#include "modelfloat/store/store_factory.h"

namespace modelfloat::test {

// What tests/servers told us, or nothing when the server does not run.
inline std::optional<std::string> server_variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets any
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

// For StoreCase::missing.
inline std::string unless_set(const char* name) {
  return server_variable(name) ? std::string() : std::string(name) + " names no server: run ./test, which starts it";
}

// A name that no other test uses.
inline std::string fresh_name() { return "test-" + to_hex(SystemRandom().array<8>()); }

// The place that a URL names, prepared as `store add` does it. Each open() is a new store, as after a restart, with the session kept.
class ProviderHome final : public StoreHome {
 public:
  explicit ProviderHome(std::string url, store::StoreSettings settings = {})
      : url_(std::move(url)), settings_(std::move(settings)) {
    ListeningDialogue dialogue;
    store::prepare_new_store(url_, settings_, context_.context(), dialogue, {});
  }
  std::unique_ptr<store::Store> open() override { return store::make_store(url_, settings_, context_.context()); }

 private:
  const std::string url_;
  store::StoreSettings settings_;
  RealContext context_;
};

}  // namespace modelfloat::test
