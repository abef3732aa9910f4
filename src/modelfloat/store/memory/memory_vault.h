#pragma once
// A vault in memory, for this process only: used before a pool is open, and in tests.

#include <mutex>

#include "modelfloat/store/scheme.h"

namespace modelfloat::store {

class MemoryVault final : public SessionVault {
 public:
  std::optional<crypto::SecretBytes> load() override {
    const std::lock_guard lock(mutex_);
    if (session_.empty()) return std::nullopt;
    return session_;
  }
  void save(ByteSpan session) override {
    const std::lock_guard lock(mutex_);
    session_ = crypto::SecretBytes(session);
  }

 private:
  std::mutex mutex_;
  crypto::SecretBytes session_;
};

}  // namespace modelfloat::store
