#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/hex.h"
#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/engine/catalogue.h"
#include "modelfloat/engine/settings.h"

namespace modelfloat::cli {
namespace {

using nlohmann::ordered_json;

ordered_json to_json(const engine::StoreStatus& store) {
  ordered_json json{{"name", store.name},     {"url", store.url},       {"domain", store.domain},
                    {"id", to_hex(store.id)}, {"online", store.online}, {"offline", store.offline},
                    {"shards", store.shards}, {"queued", store.queued}, {"capacity_bytes", store.capacity_bytes}};
  json["used_bytes"] = store.space ? ordered_json(store.space->used_bytes) : ordered_json();
  json["free_bytes"] = store.space && store.space->free_bytes ? ordered_json(*store.space->free_bytes) : ordered_json();
  return json;
}

std::string policy_text(const PolicySet& policy) {
  if (policy.k != 0) return fmt::format("{}+{}", policy.k, policy.m);
  return fmt::format("survives the loss of {} {}", policy.survive, policy.survive == 1 ? "domain" : "domains");
}

std::string to_text(const engine::PoolStatus& status, const PolicySet& policy) {
  std::string text =
      fmt::format("pool    {}\npolicy  {}\nmodels  {}\n\n", status.pool_id, policy_text(policy), status.models);
  Table table({"STORE", "STATE", ">USED", ">FREE", ">SHARDS", ">QUEUED", "URL"});
  for (const auto& store : status.stores) {
    std::optional<std::uint64_t> free_bytes;
    if (store.space) free_bytes = store.space->free_bytes;
    table.add({store.name, store.online ? "online" : "offline",
               store.space ? human_bytes(store.space->used_bytes) : "-", free_bytes ? human_bytes(*free_bytes) : "-",
               std::to_string(store.shards), std::to_string(store.queued), store.url});
  }
  text += table.empty() ? "no stores yet: modelfloat store add NAME URL\n" : table.text();
  for (const auto& store : status.stores) {
    if (!store.online) text += fmt::format("\n{}: {}\n", printable(store.name), printable(store.offline));
  }
  return text;
}

// How the pool stands, for scripts that watch it.
ExitCode code_of(const engine::PoolStatus& status) {
  const auto is_online = [](const engine::StoreStatus& store) { return store.online; };
  if (std::all_of(status.stores.begin(), status.stores.end(), is_online)) return ExitCode::ok;
  return std::any_of(status.stores.begin(), status.stores.end(), is_online) ? ExitCode::degraded
                                                                            : ExitCode::unreachable;
}

}  // namespace

ExitCode status(Session& session) {
  engine::Pool& pool = session.pool();
  if (!session.options().cached && !pool.stores().online().empty()) session.sync_log();
  const auto status = engine::pool_status(pool, session.call());
  const auto policy = engine::Settings(pool.registry()).policy();
  if (session.options().json) {
    auto stores = ordered_json::array();
    for (const auto& store : status.stores) stores.push_back(to_json(store));
    print_json({{"pool_id", status.pool_id},
                {"writer", status.writer},
                {"policy", {{"k", policy.k}, {"m", policy.m}, {"survive", policy.survive}}},
                {"models", status.models},
                {"domains", status.domains},
                {"domains_online", status.domains_online},
                {"stores", std::move(stores)}});
  } else {
    write_stdout(to_text(status, policy));
  }
  return code_of(status);
}

}  // namespace modelfloat::cli
