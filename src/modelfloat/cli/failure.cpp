#include "modelfloat/cli/failure.h"

#include <cstdio>
#include <filesystem>
#include <new>
#include <system_error>

#include <nlohmann/json.hpp>

#include "modelfloat/cli/format.h"
#include "modelfloat/cli/output.h"

namespace modelfloat::cli {

Error as_error(const std::exception& failure) {
  if (const auto* error = dynamic_cast<const Error*>(&failure)) return *error;
  if (const auto* file = dynamic_cast<const std::filesystem::filesystem_error*>(&failure)) {
    const auto& path = file->path1().empty() ? file->path2() : file->path1();
    return system_error(file->code().value(), path.empty() ? "working folder" : path.string(), "cannot be used");
  }
  if (const auto* system = dynamic_cast<const std::system_error*>(&failure);
      system != nullptr &&
      (system->code().category() == std::generic_category() || system->code().category() == std::system_category())) {
    return system_error(system->code().value(), "this process", "the system refused something");
  }
  if (dynamic_cast<const std::bad_alloc*>(&failure) != nullptr) {
    return Error(ErrorKind::transient, "this process",
                 "there is not enough memory: end other programs, or raise the limit (ulimit -v)");
  }
  return Error(ErrorKind::internal, "", failure.what());
}

ExitCode report_failure(const std::exception& failure, bool json) {
  const Error error = as_error(failure);
  // After Ctrl-C, the user does not need to know what was being done.
  const bool stopped = error.kind == ErrorKind::cancelled;
  std::fprintf(stderr, "modelfloat: %s\n", stopped ? "stopped" : printable_lines(error.what()).c_str());
  if (json) {
    try {
      print_json({{"error", {{"kind", to_string(error.kind)}, {"where", error.where}, {"message", error.what()}}}});
    } catch (const Error& second) {  // standard output may be what failed
      std::fprintf(stderr, "modelfloat: %s\n", second.what());
    }
  }
  return dynamic_cast<const UsageError*>(&failure) != nullptr ? ExitCode::usage : exit_code_of(error.kind);
}

}  // namespace modelfloat::cli
