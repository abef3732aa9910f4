#pragma once
// What is said about a command that failed.

#include <exception>

#include "modelfloat/cli/exit_code.h"

namespace modelfloat::cli {

// One message on standard error; with `json` also {"error": {"kind", "where", "message"}} on standard output.
ExitCode report_failure(const std::exception& failure, bool json);

}  // namespace modelfloat::cli
