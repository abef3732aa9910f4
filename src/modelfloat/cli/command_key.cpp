#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/expand_home.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/cli/secrets.h"
#include "modelfloat/engine/pool/slots.h"
#include "modelfloat/mf1/maintenance_key.h"

namespace modelfloat::cli {

ExitCode key_export(Session& session, const std::string& file) {
  session.require_pool();
  // No store is asked: this home has the slots and the log of the pool.
  const mf1::MaintenanceKey key(engine::open_keys(session.registry(), session.find_secret()));
  make_secret_file(file, key.text());
  const std::string path = std::filesystem::absolute(expand_home(file)).lexically_normal().string();
  if (session.options().json) {
    print_json({{"file", path},
                {"pool_id", to_hex(key.pool_id())},
                {"keys", key.key_count()},
                {"newest_epoch", key.newest_epoch()}});
    return ExitCode::ok;
  }
  print_text(fmt::format("pool id          {}\nmaintenance key  {}\n", to_hex(key.pool_id()), path));
  session.tell(
      "Whoever has this file can check and repair the pool with `modelfloat repair --maintenance-key-file`, and not "
      "read its models.");
  return ExitCode::ok;
}

}  // namespace modelfloat::cli
