#include "modelfloat/runner/load_failure.h"

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace modelfloat::runner {
namespace {

using testing::HasSubstr;

TEST(LoadFailure, SaysTheReasonAndNotTheLastLine) {
  EXPECT_EQ(reason_in("llama_model_load: error loading model: error loading model architecture: unknown model "
                      "architecture: 'x'\nllama_model_load_from_file_impl: failed to load model\n"
                      "main: exiting due to model loading error\n"),
            "error loading model architecture: unknown model architecture: 'x'");
  EXPECT_EQ(
      reason_in("ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 99\n"
                "srv    load_model: failed to load model, '/proc/self/fd/3'\nmain: exiting due to model loading error"),
      "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 99");
  EXPECT_EQ(reason_in("a: something failed\nmain: failed to load model\n"), "a: something failed");
  EXPECT_EQ(reason_in("one\ntwo\n\n"), "two");
  EXPECT_EQ(reason_in("main: failed to load model"), "main: failed to load model");
  EXPECT_EQ(reason_in(""), "");
  EXPECT_EQ(reason_in("\n \r\n"), "");
}

TEST(LoadFailure, AReasonIsCleanAndShort) {
  EXPECT_EQ(reason_in("error loading model: a\x1b[2Jb\x7f\xc2\x9b\xffä\xed\xa0\x80"), "a?[2Jb???ä???");
  const auto reason = reason_in("error loading model: x" + [] {
    std::string text;
    for (int i = 0; i < 10'000; ++i) text += "ä";
    return text;
  }());
  EXPECT_EQ(reason.size(), 299U + 3U);  // no character is cut in two
  EXPECT_TRUE(reason.ends_with("ä..."));
}

TEST(LoadFailure, SaysWhatASignalMeans) {
  EXPECT_THAT(describe_end({true, SIGILL}, ""), HasSubstr("instructions"));
  EXPECT_THAT(describe_end({true, SIGKILL}, ""), HasSubstr("memory"));
  EXPECT_EQ(describe_end({true, SIGKILL, "called ptrace"}, "words"), "its sandbox killed it because it called ptrace");
  EXPECT_EQ(describe_end({true, SIGABRT}, "GGML_ASSERT(n > 0) failed\n"), "signal 6: GGML_ASSERT(n > 0) failed");
  EXPECT_EQ(describe_end({false, 1}, ""), "exit code 1");
}

TEST(LoadFailure, AProgramThatCannotRunHereIsNotTheModelsFault) {
  EXPECT_TRUE(cannot_run_here({true, SIGILL}, ""));
  EXPECT_TRUE(
      cannot_run_here({false, 127}, "llama-server: error while loading shared libraries: libllama.so: cannot open"));
  EXPECT_FALSE(cannot_run_here({true, SIGKILL}, ""));
  EXPECT_FALSE(cannot_run_here({false, 1}, "error loading model: x"));
}

}  // namespace
}  // namespace modelfloat::runner
