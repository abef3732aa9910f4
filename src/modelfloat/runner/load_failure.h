#pragma once
// Explains why an engine ended. Pure functions on text.

#include <string>
#include <string_view>

#include "modelfloat/base/child_process.h"

namespace modelfloat::runner {

// The line of llama-server's output that gives the reason for its end; the last line when no line
// does; empty for no output. At most 300 bytes. Control characters and bytes that are not UTF-8
// are removed, because they may come from the model.
std::string reason_in(std::string_view output);

// "exit code 1: unknown model architecture: 'x'", "signal 9: ...", "its sandbox killed it because
// it called ptrace".
std::string describe_end(const ChildEnd& end, std::string_view output);

// Whether the program cannot run on this machine, whatever the model.
bool cannot_run_here(const ChildEnd& end, std::string_view output);

}  // namespace modelfloat::runner
