#pragma once
// Locates this user's configuration, registry and key file.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/server/maintenance.h"

namespace modelfloat::cli {

// Returns the value of an environment variable; nullopt when it is not set or empty.
using Variables = std::function<std::optional<std::string>(const char* name)>;
std::optional<std::string> process_variable(const char* name);

// The content of config.toml. Every key is optional; unknown keys cause a warning.
struct Config {
  std::string listen = "127.0.0.1:8080";  // listen
  // serve.hosts: host names that requests to the server may use.
  std::vector<std::string> hosts;
  // key_file; a relative path starts at the folder of config.toml.
  std::optional<std::filesystem::path> key_file;
  // bwlimit: the limit for all stores together; empty: no limit.
  std::string bandwidth;
  std::map<std::string, std::string> store_bandwidth;  // store.NAME.bwlimit
  // runner.ram_budget_bytes; 0: the runner chooses.
  std::uint64_t ram_budget_bytes = 0;
  // runner.weak_sandbox: see runner::SandboxOptions.
  bool weak_sandbox = false;
  server::MaintenancePolicy maintenance;  // [maintenance]
};
// Throws Error{invalid}; the message names the wrong line.
Config parse_config(const std::string& text, const std::filesystem::path& file);

// If MODELFLOAT_HOME is set, everything is in that folder. Otherwise the XDG rules apply, which
// ignore relative paths.
struct Home {
  std::filesystem::path config_folder;
  std::filesystem::path state_folder;

  // Throws Error{invalid} when the variables name no folder.
  static Home locate(const Variables& variables);

  std::filesystem::path config_file() const { return config_folder / "config.toml"; }
  std::filesystem::path registry_file() const { return state_folder / "registry.db"; }
  std::filesystem::path key_file() const { return state_folder / "key"; }
  // A file with the path of the key file, if that is not key_file() (key_path.h).
  std::filesystem::path key_path_file() const { return state_folder / "key_path"; }

  // Which of the servers of this home maintains the pool (server/maintainer.h).
  std::filesystem::path maintenance_lock_file() const { return state_folder / "maintenance.lock"; }
  // The locks of its servers (server/jobs/server_lock.h).
  std::filesystem::path servers_folder() const { return state_folder / "servers"; }

  // Reads config.toml. Returns the defaults when there is no such file. Throws Error{denied} when
  // it cannot be read, and as parse_config() does.
  Config config() const;
  // Returns a text that tells the registry on this machine from a copy of it, made of the machine's
  // id and of the file's inode. Empty when there is no registry yet.
  std::string registry_identity() const;
  // Creates the state folder if it is missing, with access for its owner only.
  void make_state_folder() const;
};

}  // namespace modelfloat::cli
