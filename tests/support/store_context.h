#pragma once
// What stores are made with in tests, and somebody at the terminal who only listens.

#include <string>
#include <vector>

#include "modelfloat/base/error.h"
#include "modelfloat/store/memory/memory_vault.h"
#include "modelfloat/store/scheme.h"

namespace modelfloat::test {

// The real clock and randomness, and a vault in memory.
class RealContext {
 public:
  store::StoreContext context() { return {clock_, random_, vault_}; }
  store::MemoryVault& vault() noexcept { return vault_; }

 private:
  SystemClock clock_;
  SystemRandom random_;
  store::MemoryVault vault_;
};

class ListeningDialogue final : public store::Dialogue {
 public:
  void tell(const std::string& text) override { told.push_back(text); }
  std::string ask(const std::string& prompt, bool) override {
    throw Error(ErrorKind::denied, prompt, "nobody is there to be asked");
  }

  std::vector<std::string> told;
};

}  // namespace modelfloat::test
