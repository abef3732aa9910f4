#pragma once
// Why an engine ended, in words for people. Pure: text in, text out.

#include <string>
#include <string_view>

#include "modelfloat/base/child_process.h"

namespace modelfloat::runner {

// The line of llama-server's output that says why it gave up; the last one where none does. Without
// control characters and bytes that are not UTF-8, which may come from the model, and at most 300
// bytes long. Empty for no output.
std::string reason_in(std::string_view output);

// "exit code 1: unknown model architecture: 'x'", "signal 9: ...", "its sandbox killed it because
// it called ptrace".
std::string describe_end(const ChildEnd& end, std::string_view output);

// Whether the program itself cannot run on this machine, with any model.
bool cannot_run_here(const ChildEnd& end, std::string_view output);

}  // namespace modelfloat::runner
