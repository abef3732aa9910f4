#pragma once
// What is said about a command that failed.

#include <exception>

#include "modelfloat/base/error.h"
#include "modelfloat/cli/exit_code.h"

namespace modelfloat::cli {

// A command line that turns out to make no sense only beside the files and the pool that it is
// about.
struct UsageError : Error {
  UsageError(std::string error_where, std::string_view message)
      : Error(ErrorKind::invalid, std::move(error_where), message) {}
};

// The failure in the one form that errors have. What the standard library throws gets the kind that
// its error number means; everything else is internal.
Error as_error(const std::exception& failure);

// One message on standard error; with `json` also {"error": {"kind", "where", "message"}} on
// standard output.
ExitCode report_failure(const std::exception& failure, bool json);

}  // namespace modelfloat::cli
