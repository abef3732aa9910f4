#include <nlohmann/json.hpp>

#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/output.h"

namespace modelfloat::cli {

std::string version_text() { return MODELFLOAT_VERSION; }

ExitCode version(Session& session) {
  if (session.options().json) {
    print_json({{"version", version_text()}});
  } else {
    write_stdout("modelfloat " + version_text() + "\n");
  }
  return ExitCode::ok;
}

}  // namespace modelfloat::cli
