// The commands init, store and recover.

#include <algorithm>

#include "modelfloat/cli/command_line.h"
#include "modelfloat/store/store_factory.h"

namespace modelfloat::cli {
namespace {

constexpr const char* k_api_url_help =
    "The root of the provider's server, for one of your own; its public one by default";
constexpr const char* k_token_url_help = "The whole address that gives access tokens; the provider's by default";
constexpr const char* k_credentials_help =
    "A JSON file with what opens the account; only you should be able to read it";

constexpr const char* k_ca_file_help =
    "A PEM file with the certificates of the authorities that may certify this store's server, instead of those that "
    "this machine trusts";

constexpr const char* k_store_bandwidth_help =
    "Bytes a second for this store, as --bwlimit of the program: 10M, 10M:2M (up:down) or off";

CLI::Validator is_not_empty() {
  const auto check = [](const std::string& text) -> std::string {
    return text.find_first_not_of(' ') == std::string::npos ? "it must not be empty" : "";
  };
  return {check, ""};
}

}  // namespace

CLI::Validator size_in_bytes() {
  const auto transform = [](std::string& text) -> std::string {
    try {
      text = std::to_string(parse_size(text));
      return {};
    } catch (const Error& error) {
      return error.what();
    }
  };
  return {transform, ""};
}

CLI::Option& add_given_stores(CLI::App& command, std::vector<GivenStore>& stores, const GivenStoreHelp& help) {
  auto* store_option =
      command
          .add_option_function<std::string>(
              "--store", [&stores](const std::string& url) { stores.push_back({url, {}, 0, {}, {}}); },
              "A store's URL; as often as there are stores. The options below belong to the --store before them.")
          ->trigger_on_parse();
  const auto last = [&stores](const char* option) -> GivenStore& {
    if (stores.empty())
      throw CLI::ValidationError(std::string(option) + ": goes behind the --store that it is meant for");
    return stores.back();
  };
  command
      .add_option_function<std::string>(
          "--credentials-file",
          [last](const std::string& file) { last("--credentials-file").options.credentials_file = file; },
          "What opens its account; or MODELFLOAT_STORE_<N>_<FIELD> for the N-th --store")
      ->trigger_on_parse();
  command
      .add_option_function<std::string>(
          "--api-url", [last](const std::string& url) { last("--api-url").options.api_url = url; }, k_api_url_help)
      ->trigger_on_parse();
  command
      .add_option_function<std::string>(
          "--token-url", [last](const std::string& url) { last("--token-url").options.token_url = url; },
          k_token_url_help)
      ->trigger_on_parse();
  command
      .add_option_function<std::string>(
          "--ca-file", [last](const std::string& file) { last("--ca-file").options.ca_file = file; }, k_ca_file_help)
      ->trigger_on_parse();
  command
      .add_option_function<std::string>(
          "--domain", [last](const std::string& domain) { last("--domain").domain = domain; }, help.domain)
      ->trigger_on_parse();
  command
      .add_option_function<std::string>(
          "--bwlimit", [last](const std::string& text) { last("--bwlimit").bandwidth = text; }, k_store_bandwidth_help)
      ->check(is_bandwidth())
      ->trigger_on_parse();
  command
      .add_option_function<std::uint64_t>(
          "--capacity", [last](std::uint64_t bytes) { last("--capacity").capacity_bytes = bytes; }, help.capacity)
      ->transform(size_in_bytes())
      ->type_name("SIZE")
      ->trigger_on_parse();
  return *store_option;
}

void add_init(CLI::App& app, CommandLine& line) {
  auto& command = add_command(app, "init",
                              "Make a new pool here. Without --key-file or --passphrase-file a key file is made in "
                              "the home. Prints the recovery code, once.",
                              "modelfloat init --survive 2");
  auto* survive = command.add_option("--survive", line.init.survive,
                                     "How many failure domains may vanish; the pool chooses the redundancy for it");
  survive->check(CLI::Range(0U, Redundancy::k_max_parity))->capture_default_str();
  command.add_option("--redundancy", line.redundancy, "K+M: any K of K+M shards give a pack back; 1+M is copies")
      ->excludes(survive);
  on(command, line, [&line] {
    line.init.redundancy = redundancy_of(line.redundancy);
    return [&line](Session& session) { return init(session, line.init); };
  });
}

void add_store(CLI::App& app, CommandLine& line) {
  auto& group = add_command(app, "store", "The places that the pool keeps its objects in",
                            "modelfloat store add disk1 local:/mnt/disk1/models");
  group.require_subcommand(1);

  auto& add = add_command(
      group, "add",
      "Make a place part of the pool. Its folder is made where it is missing. What opens the account comes from "
      "--credentials-file, from MODELFLOAT_STORE_<NAME>_<FIELD> in the environment, or is asked for.",
      "modelfloat store add disk1 local:/mnt/disk1/models");
  add.add_option("name", line.store_add.name, "What you call it")->required()->check(is_not_empty());
  add.add_option("url", line.store_add.url, "Such as " + store::example_urls())->required();
  add.add_option("--domain", line.store_add.domain,
                 "What it fails together with; by default the company or host of a cloud store, a folder by itself");
  add.add_option("--capacity", line.store_add.capacity_bytes, "Use no more than this, such as 50GB, 1.5TB or 2TiB")
      ->transform(size_in_bytes())
      ->type_name("SIZE");
  add.add_option("--api-url", line.store_add.options.api_url, k_api_url_help);
  add.add_option("--token-url", line.store_add.options.token_url, k_token_url_help);
  add.add_option("--credentials-file", line.store_add.options.credentials_file, k_credentials_help);
  add.add_option("--ca-file", line.store_add.options.ca_file, k_ca_file_help);
  add.add_option("--bwlimit", line.store_add.bandwidth, k_store_bandwidth_help)->check(is_bandwidth());
  on(add, line, [&line] { return [&line](Session& session) { return store_add(session, line.store_add); }; });

  auto& set = add_command(
      group, "set",
      "Change how a store is used. Alone with its name, or in the environment, it takes new credentials, which another "
      "machine of the pool needs once.",
      "modelfloat store set mega --credentials-file mega.json");
  set.add_option("name", line.store_set.name, "The store")->required();
  set.add_option("--domain", line.store_set.domain, "What it fails together with");
  set.add_option("--capacity", line.store_set.capacity_bytes, "Use no more than this, such as 50GB; 0 for no limit")
      ->transform(size_in_bytes())
      ->type_name("SIZE");
  set.add_option("--api-url", line.store_set.api_url, k_api_url_help);
  set.add_option("--token-url", line.store_set.token_url, k_token_url_help);
  set.add_option("--credentials-file", line.store_set.credentials_file, k_credentials_help);
  set.add_option("--ca-file", line.store_set.ca_file, std::string(k_ca_file_help) + "; '' for none any more");
  set.add_option("--bwlimit", line.store_set.bandwidth, k_store_bandwidth_help)->check(is_bandwidth());
  on(set, line, [&line] { return [&line](Session& session) { return store_set(session, line.store_set); }; });

  auto& list = add_command(group, "ls", "List the stores", "modelfloat store ls");
  on(list, line, [] { return store_list; });

  auto& remove = add_command(
      group, "rm",
      "Forget a store; its objects stay where they are. Refused when a model would survive less than was promised and "
      "less than now, by "
      "the lists of the other stores: modelfloat store drain copies to them what they lack, modelfloat verify --read "
      "reads what they have.",
      "modelfloat store rm disk1");
  remove.add_option("name", line.names, "The store; several that are gone for good have to leave together")->required();
  remove.add_flag("--force", line.force,
                  "Also when models survive less than was promised then, as long as all can be read");
  on(remove, line, [&line] {
    std::sort(line.names.begin(), line.names.end());
    line.names.erase(std::unique(line.names.begin(), line.names.end()), line.names.end());
    return [&line](Session& session) { return store_remove(session, line.names, line.force); };
  });

  auto& drain = add_command(
      group, "drain",
      "Copy what a store has to the others, so that it can be taken out. It gets no new data from then on. Exit code "
      "4: not everything has another place yet.",
      "modelfloat store drain disk1");
  drain.add_option("name", line.text, "The store")->required();
  add_budget(drain, line.store_drain.budget_bytes);
  drain.add_flag("--dry-run", line.store_drain.dry_run, "Only say what would be done");
  drain.add_flag("--cancel", line.store_drain.cancel, "Use the store again; what was copied stays");
  on(drain, line,
     [&line] { return [&line](Session& session) { return store_drain(session, line.text, line.store_drain); }; });

  auto& test = add_command(group, "test",
                           "Write, read, list and delete an object there, and print what that tells about the store",
                           "modelfloat store test disk1");
  test.add_option("name", line.text, "The store")->required();
  on(test, line, [&line] { return [&line](Session& session) { return store_test(session, line.text); }; });

  auto& touch = add_command(
      group, "touch",
      "Keep accounts alive that their provider closes when nobody uses them: write and delete a small object there",
      "modelfloat store touch");
  touch.add_option("name", line.text, "Only this store");
  on(touch, line, [&line] { return [&line](Session& session) { return store_touch(session, line.text); }; });
}

void add_recover(CLI::App& app, CommandLine& line) {
  auto& command =
      add_command(app, "recover",
                  "Bring a pool back on an empty home from its stores and one secret: --recovery-code-file, "
                  "--key-file or --passphrase-file.",
                  "modelfloat recover --recovery-code-file code.txt --store local:/mnt/disk1/models");
  command.add_option("--recovery-code-file", line.recover.recovery_code_file, "A file with the recovery code");
  add_given_stores(
      command, line.recover.stores,
      {"What it fails together with, if not as the pool says", "Use no more than this, if not as the pool says"})
      .required();
  on(command, line, [&line] {
    const int secrets = (line.recover.recovery_code_file.empty() ? 0 : 1) + (line.global.key_file.empty() ? 0 : 1) +
                        (line.global.passphrase_file.empty() ? 0 : 1);
    if (secrets != 1) {
      throw CLI::ValidationError("recover: give one of --recovery-code-file, --key-file and --passphrase-file");
    }
    return [&line](Session& session) { return recover(session, line.recover); };
  });
}

}  // namespace modelfloat::cli
