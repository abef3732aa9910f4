#include "modelfloat/cli/failure.h"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "modelfloat/base/error.h"
#include "modelfloat/cli/output.h"

namespace modelfloat::cli {

ExitCode report_failure(const std::exception& failure, bool json) {
  const auto* error = dynamic_cast<const Error*>(&failure);
  // What was being done when Ctrl-C came is of no use to anybody.
  const bool stopped = error != nullptr && error->kind == ErrorKind::cancelled;
  std::fprintf(stderr, "modelfloat: %s\n", stopped ? "stopped" : failure.what());
  if (json) {
    const auto kind = error != nullptr ? error->kind : ErrorKind::internal;
    try {
      print_json({{"error",
                   {{"kind", to_string(kind)},
                    {"where", error != nullptr ? error->where : std::string()},
                    {"message", failure.what()}}}});
    } catch (const Error& second) {  // standard output may be what failed
      std::fprintf(stderr, "modelfloat: %s\n", second.what());
    }
  }
  return error != nullptr ? exit_code_of(error->kind) : ExitCode::error;
}

}  // namespace modelfloat::cli
