#pragma once
// The exit codes of the program. Documentation and scripts rely on the numbers.

#include "modelfloat/base/error.h"

namespace modelfloat::cli {

enum class ExitCode : int {
  ok = 0,
  error = 1,
  usage = 2,        // the command line makes no sense
  not_found = 3,    // no such model, file, store or pool
  degraded = 4,     // done only in part, or readable with damage
  lost = 5,         // data cannot be read now, or a check failed
  unreachable = 6,  // no store answers
  denied = 7,       // wrong or missing key, or no permission
  interrupted = 130,
};

constexpr ExitCode exit_code_of(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::not_found: return ExitCode::not_found;
    case ErrorKind::corrupt:
    case ErrorKind::lost: return ExitCode::lost;
    case ErrorKind::offline: return ExitCode::unreachable;
    case ErrorKind::denied: return ExitCode::denied;
    case ErrorKind::cancelled: return ExitCode::interrupted;
    case ErrorKind::invalid:  // the command line itself is checked before anything runs
    case ErrorKind::out_of_space:
    case ErrorKind::rate_limited:
    case ErrorKind::transient:
    case ErrorKind::timed_out:
    case ErrorKind::unsupported:
    case ErrorKind::internal: return ExitCode::error;
  }
  return ExitCode::error;
}

}  // namespace modelfloat::cli
