#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/cli/store_report.h"
#include "modelfloat/engine/catalogue/model_health.h"
#include "modelfloat/engine/catalogue/model_list.h"
#include "modelfloat/engine/catalogue/pool_status.h"
#include "modelfloat/engine/pool/settings.h"
#include "modelfloat/engine/upkeep/drill.h"

namespace modelfloat::cli {
namespace {

using nlohmann::ordered_json;

std::string policy_text(const PolicySet& policy) {
  if (policy.k != 0) return fmt::format("{}+{}", policy.k, policy.m);
  return fmt::format("survives the loss of {} {}", policy.survive, policy.survive == 1 ? "domain" : "domains");
}

// How many models there are of each health, the best first.
using HealthCounts = std::map<engine::Health, std::uint64_t>;

// By what this home knows: no store is asked where shards are.
HealthCounts count_health(Session& session) {
  constexpr std::size_t k_models_at_once = 1000;
  HealthCounts counts;
  std::string after;
  do {
    const auto page = engine::list_models(session.pool(), after, "", k_models_at_once);
    for (const auto& health :
         engine::health_of_models(session.pool(), page.models, engine::AskStores::no, session.call()))
      ++counts[health.health];
    after = page.next;
  } while (!after.empty());
  return counts;
}

// "4: 1 sound, 3 degraded".
std::string models_text(std::uint64_t models, const HealthCounts& counts) {
  std::string text = std::to_string(models);
  for (const auto& [health, count] : counts)
    text += fmt::format("{} {} {}", text.find(':') == std::string::npos ? ":" : ",", count, to_string(health));
  return text;
}

ordered_json health_json(const HealthCounts& counts) {
  ordered_json json = ordered_json::object();
  for (const auto& [health, count] : counts) json[std::string(to_string(health))] = count;
  return json;
}

ordered_json drill_json(const std::optional<engine::LastDrill>& drill) {
  if (!drill) return nullptr;
  return {
      {"at", human_time(drill->at)}, {"without", drill->without}, {"checked", drill->checked}, {"lost", drill->lost}};
}

std::string drill_text(const std::optional<engine::LastDrill>& drill) {
  if (!drill) return "never: modelfloat drill --without STORE";
  std::string text = fmt::format("{}: {} models read, {} lost", human_time(drill->at), drill->checked, drill->lost);
  if (!drill->without.empty()) text += fmt::format(", without {}", fmt::join(drill->without, ", "));
  return text;
}

// `with_reasons`: also prints why stores are offline; for when no warning has said so.
std::string to_text(engine::Pool& pool, const engine::PoolStatus& status, const PolicySet& policy,
                    const HealthCounts& health_counts, bool with_reasons) {
  std::string text = fmt::format("pool    {}\npolicy  {}\nmodels  {}\n", status.pool_id, policy_text(policy),
                                 models_text(status.models, health_counts));
  text += fmt::format("drill   {}\n", printable(drill_text(engine::last_drill(pool))));
  if (!status.read_only.empty()) text += fmt::format("can only be read here: {}\n", printable(status.read_only));
  text += "\n";
  Table table({"STORE", "STATE", ">USED", ">FREE", ">SHARDS", ">QUEUED", ">ERRORS", "LAST SEEN", "URL", "REMARKS"});
  for (const auto& store : status.stores) {
    const auto health = health_of(pool, store);
    table.add({store.name, state_text(store), used_text(store), free_text(store), std::to_string(store.shards),
               std::to_string(store.queued), error_text(health), last_seen_text(health), store.url, remarks(health)});
  }
  text += table.empty() ? "no stores yet: modelfloat store add NAME URL\n" : table.text();
  for (const auto& store : status.stores) {
    if (with_reasons && !store.online)
      text += fmt::format("\n{}: {}\n", printable(store.name), printable(store.offline));
  }
  return text;
}

// The exit code tells scripts the state of the pool.
ExitCode code_of(const engine::PoolStatus& status) {
  const auto is_online = [](const engine::StoreStatus& store) { return store.online; };
  if (std::all_of(status.stores.begin(), status.stores.end(), is_online))
    return status.read_only.empty() ? ExitCode::ok : ExitCode::degraded;
  return std::any_of(status.stores.begin(), status.stores.end(), is_online) ? ExitCode::degraded
                                                                            : ExitCode::unreachable;
}

}  // namespace

ExitCode status(Session& session) {
  engine::Pool& pool = session.pool();
  if (!session.options().cached && !pool.stores().online().empty()) session.sync_log(engine::LogReading::all);
  const auto status = engine::pool_status(pool, session.call());
  const auto policy = engine::Settings(pool.registry()).policy();
  const auto health_counts = count_health(session);
  if (session.options().json) {
    auto stores = ordered_json::array();
    for (const auto& store : status.stores) stores.push_back(store_json(pool, store));
    print_json({{"pool_id", status.pool_id},
                {"writer", status.writer},
                {"policy", {{"k", policy.k}, {"m", policy.m}, {"survive", policy.survive}}},
                {"read_only", status.read_only.empty() ? ordered_json() : ordered_json(status.read_only)},
                {"models", status.models},
                {"health", health_json(health_counts)},
                {"domains", status.domains},
                {"domains_online", status.domains_online},
                {"last_drill", drill_json(engine::last_drill(pool))},
                {"stores", std::move(stores)}});
  } else {
    print_text(to_text(pool, status, policy, health_counts, session.options().quiet));
  }
  return code_of(status);
}

}  // namespace modelfloat::cli
