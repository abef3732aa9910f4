#include "modelfloat/cli/home.h"

#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>

#include <fmt/format.h>
#include <sys/stat.h>
#include <toml++/toml.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/expand_home.h"
#include "modelfloat/base/log.h"
#include "modelfloat/cli/format.h"
#include "modelfloat/server/http/host_list.h"
#include "modelfloat/store/wrap/bandwidth.h"

namespace modelfloat::cli {

namespace fs = std::filesystem;

std::optional<std::string> process_variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here changes the environment
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

namespace {

[[noreturn]] void reject(const fs::path& file, const toml::source_region& place, std::string_view why) {
  throw Error(ErrorKind::invalid, fmt::format("{} line {}", file.string(), place.begin.line), why);
}

// Sets the value of one key of the file.
struct Setter {
  std::string_view key;
  void (*set)(Config& config, const toml::node& value, const fs::path& file);
};

std::string text_of(const toml::node& value, const fs::path& file) {
  if (const auto text = value.value<std::string>()) return *text;
  reject(file, value.source(), "a text in quotes is wanted here");
}

std::vector<std::string> hosts_of(const toml::node& value, const fs::path& file) {
  const auto* list = value.as_array();
  if (list == nullptr) reject(file, value.source(), "a list of names is wanted here, such as [\"models.example.org\"]");
  std::vector<std::string> hosts;
  for (const auto& entry : *list) {
    const auto name = text_of(entry, file);
    try {
      hosts.push_back(server::parse_host_name(name));
    } catch (const Error& error) {
      reject(file, entry.source(), error.what());
    }
  }
  return hosts;
}

std::uint64_t size_of(const toml::node& value, const fs::path& file) {
  const auto number = value.value<std::int64_t>();
  if (!number || *number < 0) reject(file, value.source(), "a number of bytes is wanted here");
  return static_cast<std::uint64_t>(*number);
}

bool choice_of(const toml::node& value, const fs::path& file) {
  if (const auto choice = value.value<bool>()) return *choice;
  reject(file, value.source(), "true or false is wanted here");
}

std::uint32_t whole_number_of(const toml::node& value, const fs::path& file, std::int64_t most) {
  const auto number = value.value<std::int64_t>();
  if (!number || *number < 0 || *number > most)
    reject(file, value.source(), fmt::format("a whole number from 0 to {} is wanted here", most));
  return static_cast<std::uint32_t>(*number);
}

// What parse(text) returns; an Error of it names the line.
template <typename Parse>
auto parsed_text(const toml::node& value, const fs::path& file, const Parse& parse) {
  const auto text = text_of(value, file);
  try {
    return parse(text);
  } catch (const Error& error) {
    reject(file, value.source(), error.what());
  }
}

std::uint64_t amount_of(const toml::node& value, const fs::path& file) {
  if (value.is_integer()) return size_of(value, file);
  return parsed_text(value, file, [](const std::string& text) { return parse_size(text); });
}

std::string bandwidth_of(const toml::node& value, const fs::path& file) {
  auto text = text_of(value, file);
  try {
    store::parse_bandwidth(text, "bwlimit");
  } catch (const Error& error) {
    reject(file, value.source(), error.what());
  }
  return text;
}

constexpr std::int64_t k_most_days = 3650;

constexpr Setter k_setters[] = {
    {"bwlimit", [](Config& config, const toml::node& value,
                   const fs::path& file) { config.bandwidth = bandwidth_of(value, file); }},
    {"listen",
     [](Config& config, const toml::node& value, const fs::path& file) { config.listen = text_of(value, file); }},
    {"serve.hosts",
     [](Config& config, const toml::node& value, const fs::path& file) { config.hosts = hosts_of(value, file); }},
    {"key_file",
     [](Config& config, const toml::node& value, const fs::path& file) {
       config.key_file = file.parent_path() / expand_home(text_of(value, file));
     }},
    {"runner.ram_budget_bytes", [](Config& config, const toml::node& value,
                                   const fs::path& file) { config.ram_budget_bytes = size_of(value, file); }},
    {"maintenance.enabled", [](Config& config, const toml::node& value,
                               const fs::path& file) { config.maintenance.enabled = choice_of(value, file); }},
    {"maintenance.scrub_days",
     [](Config& config, const toml::node& value, const fs::path& file) {
       config.maintenance.scrub_days = whole_number_of(value, file, k_most_days);
     }},
    {"maintenance.repair_after_hours",
     [](Config& config, const toml::node& value, const fs::path& file) {
       config.maintenance.repair_after_hours = whole_number_of(value, file, k_most_days * 24);
     }},
    {"maintenance.window",
     [](Config& config, const toml::node& value, const fs::path& file) {
       config.maintenance.window =
           parsed_text(value, file, [](const std::string& text) { return server::parse_day_window(text); });
     }},
    {"maintenance.download_per_day",
     [](Config& config, const toml::node& value, const fs::path& file) {
       config.maintenance.download_per_day = amount_of(value, file);
     }},
    {"maintenance.upload_per_day",
     [](Config& config, const toml::node& value, const fs::path& file) {
       config.maintenance.upload_per_day = amount_of(value, file);
     }},
    {"runner.weak_sandbox", [](Config& config, const toml::node& value,
                               const fs::path& file) { config.weak_sandbox = choice_of(value, file); }},
};

// Reads a key of [store.NAME], where NAME is chosen by the user. Returns false for any other key.
bool read_store(const std::string& prefix, std::string_view key, const toml::node& value, const fs::path& file,
                Config& config) {
  constexpr std::string_view k_stores = "store.";
  if (!prefix.starts_with(k_stores) || prefix.size() <= k_stores.size() || key != "bwlimit") return false;
  config.store_bandwidth[prefix.substr(k_stores.size(), prefix.size() - k_stores.size() - 1)] =
      bandwidth_of(value, file);
  return true;
}

void read_table(const toml::table& table, const std::string& prefix, const fs::path& file, Config& config) {
  for (const auto& [key, value] : table) {
    const std::string name = prefix + std::string(key.str());
    if (read_store(prefix, key.str(), value, file, config)) continue;
    if (const auto* inner = value.as_table()) {
      read_table(*inner, name + ".", file, config);
      continue;
    }
    bool known = false;
    for (const Setter& setter : k_setters) {
      if (setter.key != name) continue;
      setter.set(config, value, file);
      known = true;
    }
    if (!known) log_warning(fmt::format("{}: '{}' is no setting of this version", file.string(), name));
  }
}

// `fallback` is relative to the home folder.
fs::path xdg_folder(const Variables& variables, const char* variable, const char* fallback) {
  if (const auto value = variables(variable); value && fs::path(*value).is_absolute()) {
    return fs::path(*value) / "modelfloat";
  }
  const auto home = variables("HOME");
  if (!home) throw Error(ErrorKind::invalid, "HOME", "is not set: set it, or MODELFLOAT_HOME");
  return fs::path(*home) / fallback / "modelfloat";
}

}  // namespace

Config parse_config(const std::string& text, const fs::path& file) {
  Config config;
  try {
    read_table(toml::parse(text), "", file, config);
  } catch (const toml::parse_error& error) {
    reject(file, error.source(), error.description());
  }
  return config;
}

Home Home::locate(const Variables& variables) {
  if (const auto home = variables("MODELFLOAT_HOME")) {
    const fs::path folder = fs::absolute(expand_home(*home)).lexically_normal();
    return {folder, folder};
  }
  return {xdg_folder(variables, "XDG_CONFIG_HOME", ".config"), xdg_folder(variables, "XDG_STATE_HOME", ".local/state")};
}

Config Home::config() const {
  std::ifstream stream(config_file());
  if (!stream) {
    if (fs::exists(config_file())) throw Error(ErrorKind::denied, config_file().string(), "cannot be read");
    return {};
  }
  std::ostringstream text;
  text << stream.rdbuf();
  return parse_config(text.str(), config_file());
}

std::string Home::registry_identity() const {
  struct stat info{};
  if (::stat(registry_file().c_str(), &info) != 0) return {};
  std::string machine;
  std::getline(std::ifstream("/etc/machine-id"), machine);  // empty where there is none
  return fmt::format("{} {}", machine, info.st_ino);
}

void Home::make_state_folder() const {
  std::error_code error;
  const bool made = fs::create_directories(state_folder, error);
  if (!error && made) fs::permissions(state_folder, fs::perms::owner_all, error);
  if (error) throw system_error(error.value(), state_folder.string(), "cannot be made");
}

}  // namespace modelfloat::cli
