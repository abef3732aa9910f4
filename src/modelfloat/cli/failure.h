#pragma once
// Reports the failure of a command.

#include <exception>

#include "modelfloat/base/error.h"
#include "modelfloat/cli/exit_code.h"

namespace modelfloat::cli {

// A mistake in the command line that shows only when it is compared with files or with the pool.
struct UsageError : Error {
  UsageError(std::string error_where, std::string_view message)
      : Error(ErrorKind::invalid, std::move(error_where), message) {}
};

// Converts any exception to an Error. Exceptions of the standard library with an error number get
// the matching kind; all others become ErrorKind::internal.
Error as_error(const std::exception& failure);

// Prints one message on standard error; with `json` also {"error": {"kind", "where", "message"}} on
// standard output. Returns the exit code.
ExitCode report_failure(const std::exception& failure, bool json);

}  // namespace modelfloat::cli
