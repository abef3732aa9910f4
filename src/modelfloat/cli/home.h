#pragma once
// Where this user's configuration, registry and key file are.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace modelfloat::cli {

// The value of an environment variable that is set and not empty.
using Variables = std::function<std::optional<std::string>(const char* name)>;
std::optional<std::string> process_variable(const char* name);

// config.toml. Every key may be left out; unknown ones are warned about.
struct Config {
  std::string listen = "127.0.0.1:8080";  // listen
  // Serve.hosts: names by which the server may be called.
  std::vector<std::string> hosts;
  // key_file; a relative path counts from the folder of config.toml.
  std::optional<std::filesystem::path> key_file;
  // Bwlimit: of all stores together; empty: not limited.
  std::string bandwidth;
  std::map<std::string, std::string> store_bandwidth;  // store.NAME.bwlimit
  // Runner.ram_budget_bytes; 0: the runner chooses.
  std::uint64_t ram_budget_bytes = 0;
  // Runner.weak_sandbox: see runner::SandboxOptions.
  bool weak_sandbox = false;
};
// Error{invalid} names the line that is wrong.
Config parse_config(const std::string& text, const std::filesystem::path& file);

// Everything in one folder when MODELFLOAT_HOME is set; else by the XDG rules, which ignore
// relative paths.
struct Home {
  std::filesystem::path config_folder;
  std::filesystem::path state_folder;

  // Error{invalid} when the variables name no place.
  static Home locate(const Variables& variables);

  std::filesystem::path config_file() const { return config_folder / "config.toml"; }
  std::filesystem::path registry_file() const { return state_folder / "registry.db"; }
  std::filesystem::path key_file() const { return state_folder / "key"; }
  // Says where the key file is when it is another one (key_path.h).
  std::filesystem::path key_path_file() const { return state_folder / "key_path"; }

  // The defaults when there is no config.toml.
  Config config() const;
  // Makes the state folder, for its owner alone, where it is missing.
  void make_state_folder() const;
};

}  // namespace modelfloat::cli
