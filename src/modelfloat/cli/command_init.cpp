#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/hex.h"
#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/cli/secrets.h"
#include "modelfloat/engine/settings.h"
#include "modelfloat/engine/setup.h"

namespace modelfloat::cli {

namespace fs = std::filesystem;

ExitCode init(Session& session, const InitArguments& arguments) {
  session.require_writable_home();
  const auto& options = session.options();
  if (engine::Settings(session.registry()).pool()) {
    throw Error(ErrorKind::invalid, session.home().state_folder.string(), "there is a pool here already");
  }
  // A key file that is there is used: it may be what is left of an init that was cut off, and must never be
  // overwritten.
  fs::path key_file;
  if (options.passphrase_file.empty()) {
    key_file = options.key_file.empty() ? session.home().key_file() : fs::path(options.key_file);
    if (!fs::exists(key_file)) make_key_file(key_file, session.random());
  }
  const auto secret = key_file.empty() ? read_passphrase_file(options.passphrase_file) : read_key_file(key_file);

  PolicySet policy;
  if (arguments.redundancy) {
    const auto [k, m] = *arguments.redundancy;
    policy = {static_cast<std::uint8_t>(k), static_cast<std::uint8_t>(m), static_cast<std::uint8_t>(m)};
  } else {
    policy.survive = static_cast<std::uint8_t>(arguments.survive);
  }
  const auto pool = engine::create_pool(session.environment(), secret, policy);
  if (!options.key_file.empty()) session.remember_key_file(key_file);

  if (options.json) {
    nlohmann::ordered_json json{{"pool_id", to_hex(pool.id)}, {"recovery_code", pool.recovery_code}};
    if (!key_file.empty()) json["key_file"] = fs::absolute(key_file).string();
    print_json(json);
    return ExitCode::ok;
  }
  std::string text = fmt::format("pool id        {}\nrecovery code  {}\n", to_hex(pool.id), pool.recovery_code);
  if (!key_file.empty()) text += fmt::format("key file       {}\n", fs::absolute(key_file).string());
  write_stdout(text);
  session.tell(
      "\nWrite the recovery code down and keep it away from this machine: it is shown only now, and with it and the\n"
      "stores everything comes back, even when this machine is gone. Next: modelfloat store add NAME URL");
  return ExitCode::ok;
}

}  // namespace modelfloat::cli
