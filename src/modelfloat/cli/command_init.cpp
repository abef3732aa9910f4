#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/hex.h"
#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/failure.h"
#include "modelfloat/cli/key_path.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/cli/secrets.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/engine/upkeep/setup.h"

namespace modelfloat::cli {

namespace fs = std::filesystem;

// The code is shown only now. Without it, the pool cannot be recovered if this machine is lost.
static void show_recovery_code(Session& session, const engine::NewPool& pool, const fs::path& key_file) {
  try {
    const std::string key_path = key_file.empty() ? "" : fs::absolute(key_file).string();
    if (session.options().json) {
      nlohmann::ordered_json json{{"pool_id", to_hex(pool.id)}, {"recovery_code", pool.recovery_code}};
      if (!key_path.empty()) json["key_file"] = key_path;
      print_json(json);
    } else {
      std::string text = fmt::format("pool id        {}\nrecovery code  {}\n", to_hex(pool.id), pool.recovery_code);
      if (!key_path.empty()) text += fmt::format("key file       {}\n", key_path);
      write_stdout(text);
      crypto::wipe(std::as_writable_bytes(std::span(text)));
    }
  } catch (const std::exception& failure) {
    const Error error = as_error(failure);
    throw Error(error.kind, "",
                fmt::format("{}. The recovery code of the new pool could not be shown, and it is shown only once: "
                            "remove {} and run init again",
                            error.what(), session.home().registry_file().string()));
  }
}

ExitCode init(Session& session, const InitArguments& arguments) {
  session.require_writable_home();
  const auto& options = session.options();
  if (engine::Settings(session.registry()).pool()) {
    std::string what = "there is a pool here already";
    if (session.registry().stores().empty())
      what += ", without a store; if its recovery code was not shown, remove " +
              session.home().registry_file().string() + " and run init again";
    throw Error(ErrorKind::invalid, session.home().state_folder.string(), what);
  }
  // An existing key file is used. It may be left from an interrupted init, and must never be
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
  // Done before the pool is created: once there is a pool, its key file is always known.
  if (options.key_file.empty()) {
    forget_key_file(session.home());
  } else {
    remember_key_file(session.home(), key_file);
  }
  auto pool = engine::create_pool(session.environment(), secret, policy);

  show_recovery_code(session, pool, key_file);
  crypto::wipe(std::as_writable_bytes(std::span(pool.recovery_code)));
  if (options.json) return ExitCode::ok;
  session.tell(
      "\nWrite the recovery code down and keep it away from this machine: it is shown only now, and with it and the\n"
      "stores everything comes back, even when this machine is gone. Next: modelfloat store add NAME URL");
  return ExitCode::ok;
}

}  // namespace modelfloat::cli
