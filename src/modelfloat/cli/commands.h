#pragma once
// The arguments of each command, and the function that runs it. Each function prints its result and
// returns the exit code. It throws when the command fails.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/base/bytes.h"
#include "modelfloat/cli/exit_code.h"
#include "modelfloat/cli/format.h"
#include "modelfloat/cli/session.h"
#include "modelfloat/cli/store_options.h"
#include "modelfloat/domain/model_ref.h"
#include "modelfloat/domain/redundancy.h"
#include "modelfloat/server/auth.h"

namespace modelfloat::cli {

struct InitArguments {
  std::optional<Redundancy> redundancy;
  unsigned survive = 1;  // ignored when redundancy is set
};
ExitCode init(Session& session, const InitArguments& arguments);

struct StoreAddArguments {
  std::string name;
  std::string url;
  std::string domain;  // empty: taken from the URL
  std::uint64_t capacity_bytes = 0;
  StoreOptions options;
  std::string bandwidth;  // empty: not limited
};
ExitCode store_add(Session& session, const StoreAddArguments& arguments);
struct StoreSetArguments {
  std::string name;
  std::optional<std::string> domain;
  std::optional<std::uint64_t> capacity_bytes;
  std::optional<std::string> api_url;
  std::optional<std::string> token_url;
  std::optional<std::string> ca_file;  // empty: removes the one that was set
  std::string credentials_file;
  std::optional<std::string> bandwidth;
};
ExitCode store_set(Session& session, const StoreSetArguments& arguments);
ExitCode store_list(Session& session);
ExitCode store_remove(Session& session, const std::vector<std::string>& names, bool force);
struct StoreDrainArguments {
  std::optional<std::uint64_t> budget_bytes;
  bool dry_run = false;
  bool cancel = false;
};
ExitCode store_drain(Session& session, const std::string& name, const StoreDrainArguments& arguments);
ExitCode store_test(Session& session, const std::string& name);
ExitCode store_touch(Session& session, const std::string& name);  // empty: all stores

struct PushArguments {
  std::string path;
  std::optional<ModelRef> name;
  std::optional<Redundancy> redundancy;
  std::string description;
  std::string framework;
};
ExitCode push(Session& session, const PushArguments& arguments);

struct PullArguments {
  ModelRef model;
  std::string target;  // empty: the current folder, under the model's name
};
ExitCode pull(Session& session, const PullArguments& arguments);

struct CatArguments {
  ModelRef model;
  std::string file;
  ByteRange range;
};
ExitCode cat(Session& session, const CatArguments& arguments);

ExitCode list(Session& session, const std::string& search);
ExitCode show(Session& session, const std::string& name);
ExitCode remove(Session& session, const ModelRef& model);
ExitCode status(Session& session);

struct VerifyArguments {
  std::optional<ModelRef> model;
  bool read = false;
  std::optional<double> sample_percent;
};
ExitCode verify(Session& session, const VerifyArguments& arguments);

// A store that is given by its URL, as often as there is --store.
struct GivenStore {
  std::string url;
  std::string domain;                // empty: as recorded in the pool, else by the URL
  std::uint64_t capacity_bytes = 0;  // 0: as recorded in the pool, else not limited
  StoreOptions options;
  std::string bandwidth;  // empty: not limited
};

struct RepairArguments {
  std::optional<ModelRef> model;
  std::optional<std::uint64_t> budget_bytes;
  bool dry_run = false;
  // With a maintenance key: the pool of these stores, and not that of this home.
  std::string maintenance_key_file;  // empty: none
  std::vector<GivenStore> stores;
  bool read = false;
};
ExitCode repair(Session& session, const RepairArguments& arguments);
struct RebalanceArguments {
  std::optional<std::uint64_t> budget_bytes;
  bool dry_run = false;
};
ExitCode rebalance(Session& session, const RebalanceArguments& arguments);
// Both take the names of stores.
ExitCode plan(Session& session, const std::vector<std::string>& without);
ExitCode drill(Session& session, const std::vector<std::string>& without);

struct RunArguments {
  ModelRef model;
  std::string prompt;
  std::uint64_t max_tokens = 128;
  double temperature = 0.8;
  std::optional<double> top_p;
  std::optional<std::uint32_t> seed;
  std::vector<std::string> stop;
};
ExitCode run(Session& session, const RunArguments& arguments);

struct ServeArguments {
  std::optional<ListenAddress> listen;  // nullopt: the one of config.toml
  std::vector<std::string> hosts;       // in addition to those of config.toml
};
ExitCode serve(Session& session, const ServeArguments& arguments);

struct RecoverArguments {
  std::string recovery_code_file;  // empty: uses the session's key or passphrase file
  std::vector<GivenStore> stores;
};
ExitCode recover(Session& session, const RecoverArguments& arguments);

ExitCode key_export(Session& session, const std::string& file);

ExitCode token_create(Session& session, server::Scope scope);
ExitCode token_list(Session& session);
ExitCode token_remove(Session& session, const std::string& id);

ExitCode version(Session& session);
std::string version_text();

}  // namespace modelfloat::cli
