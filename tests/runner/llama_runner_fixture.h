#pragma once
// A runner whose engine is a program of ours, and a small model for it.

#include <optional>
#include <string>

#include "runner/fake_programs.h"
#include "runner/gguf_file.h"
#include "runner/memory_model_source.h"
#include "support/fake_clock.h"
#include "support/fixed_random.h"
#include "support/temporary_folder.h"
#include <gtest/gtest.h>

#include "modelfloat/base/error.h"
#include "modelfloat/runner/llama_runner.h"

namespace modelfloat::runner {

inline CompletionRequest prompt(std::string text) {
  CompletionRequest request;
  request.prompt = std::move(text);
  return request;
}

// The error that a call ends with.
template <typename Call>
Error failure_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "it did not fail";
  return {ErrorKind::internal, "test", "no failure"};
}

class LlamaRunnerTest : public testing::Test {
 protected:
  // A runner whose engine behaves as `name` says (fake_llama_server.h).
  LlamaRunner& start(const std::string& name, LlamaRunnerOptions options = {}) {
    if (!name.empty()) options.llama_server = test::fake_program(folder_.path(), name);
    options.socket_parent = folder_.path();
    const bool namespaces = options.sandbox.namespaces;
    options.sandbox = test::test_sandbox();
    options.sandbox.namespaces = namespaces;
    if (options.ram_budget_bytes == 0) options.ram_budget_bytes = 10ULL << 30;
    runner_.emplace(options, clock_, random_);
    return *runner_;
  }
  Completion complete(ModelSource& source, const std::string& text = "hello") {
    return runner_->complete(source, prompt(text), {}, {}, {});
  }
  Error failure(ModelSource& source) {
    return failure_of([&] { complete(source); });
  }

  test::TemporaryFolder folder_;
  test::FakeClock clock_;
  test::FixedRandom random_;
  test::MemoryModelSource model_{"team/model:latest", test::small_gguf()};
  std::optional<LlamaRunner> runner_;
};

}  // namespace modelfloat::runner
