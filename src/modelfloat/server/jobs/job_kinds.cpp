#include "modelfloat/server/jobs/job_kinds.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "modelfloat/engine/catalogue/model_list.h"
#include "modelfloat/engine/upkeep/drain.h"
#include "modelfloat/engine/upkeep/drill.h"
#include "modelfloat/engine/upkeep/rebalance.h"
#include "modelfloat/engine/upkeep/repair.h"
#include "modelfloat/engine/upkeep/verify.h"
#include "modelfloat/server/http/http.h"
#include "modelfloat/server/json.h"
#include "modelfloat/server/report_json.h"

namespace modelfloat::server {
namespace {

using engine::Pool;
using nlohmann::json;
using nlohmann::ordered_json;

// Of the damage that a report names, so that a history of jobs stays small. A store that is away may
// lack a million objects.
constexpr std::size_t k_most_damaged = 1000;

constexpr std::string_view k_budget = "budget_bytes";
constexpr std::string_view k_cancel = "cancel";
constexpr std::string_view k_dry_run = "dry_run";
constexpr std::string_view k_model = "model";
constexpr std::string_view k_read = "read";
constexpr std::string_view k_sample = "sample_percent";
constexpr std::string_view k_store = "store";
constexpr std::string_view k_without = "without";
constexpr std::string_view k_wait_for = "wait_for";

// How one option is checked. Returns its value in one form.
using OptionCheck = ordered_json (*)(Pool& pool, std::string_view name, const json& value);

ordered_json check_flag(Pool&, std::string_view name, const json& value) {
  if (!value.is_boolean()) throw HttpError(400, "invalid", in_quotes(name) + " must be true or false");
  return value.get<bool>();
}

ordered_json check_bytes(Pool&, std::string_view name, const json& value) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > INT64_MAX)
    throw HttpError(400, "invalid", in_quotes(name) + " must be a whole number of bytes, from 0 on");
  return value.get<std::uint64_t>();
}

ordered_json check_percent(Pool&, std::string_view name, const json& value) {
  if (!value.is_number() || !(value.get<double>() > 0 && value.get<double>() <= 100))
    throw HttpError(400, "invalid", in_quotes(name) + " must be a number above 0, and at most 100");
  return value.get<double>();
}

std::string text_of(std::string_view name, const json& value) {
  if (!value.is_string()) throw HttpError(400, "invalid", in_quotes(name) + " must be a text");
  return value.get<std::string>();
}

ordered_json check_model(Pool& pool, std::string_view name, const json& value) {
  const auto model = text_of(name, value);
  if (auto found = engine::find_name(pool, model)) return *std::move(found);
  throw Error(ErrorKind::not_found, model, "there is no such model");
}

ordered_json check_store(Pool& pool, std::string_view name, const json& value) {
  auto store = text_of(name, value);
  if (pool.stores().find(store) == nullptr) throw Error(ErrorKind::not_found, store, "there is no such store");
  return store;
}

ordered_json check_stores(Pool& pool, std::string_view name, const json& value) {
  if (!value.is_array()) throw HttpError(400, "invalid", in_quotes(name) + " must be a list of stores");
  ordered_json stores = ordered_json::array();
  for (const auto& store : value) stores.push_back(check_store(pool, name, store));
  return stores;
}

struct Option {
  std::string_view name;
  OptionCheck check;
  bool is_needed = false;
};

// An entry of the table: `run` gets the arguments, of which every option has a value or is missing.
struct Entry {
  std::string_view name;
  bool changes_something;
  std::vector<Option> options;
  ordered_json (*run)(Pool& pool, const json& arguments, const JobProgress& progress, const CallOptions& call);
  void (*check_together)(const ordered_json& arguments) = nullptr;  // where some options exclude others
};

void check_verify(const ordered_json& arguments) {
  const bool is_sample = arguments.contains(k_sample);
  if (is_sample && arguments.value(k_read, false))
    throw HttpError(400, "invalid", "`read` and `sample_percent` exclude each other");
  if (!is_sample && arguments.contains(k_budget))
    throw HttpError(400, "invalid", "`budget_bytes` goes with `sample_percent`");
}

std::optional<std::string> model_in(const json& arguments) {
  const auto found = arguments.find(k_model);
  return found == arguments.end() ? std::nullopt : std::optional(found->get<std::string>());
}

ordered_json run_verify(Pool& pool, const json& arguments, const JobProgress& progress, const CallOptions& call) {
  engine::VerifyOptions options;
  options.model = model_in(arguments);
  options.read = arguments.value(k_read, false);
  if (arguments.contains(k_sample)) options.sample_percent = arguments.at(k_sample).get<double>();
  options.budget_bytes = arguments.value(k_budget, options.budget_bytes);
  options.progress = progress;
  auto report = engine::verify(pool, options, call);
  const auto left_out = report.damaged.size() - std::min(report.damaged.size(), k_most_damaged);
  report.damaged.resize(report.damaged.size() - left_out);
  auto result = to_json(report);
  if (left_out > 0) result["damaged_left_out"] = left_out;
  return result;
}

// Those that all jobs have that write.
template <typename Options>
Options writing_options(const json& arguments, const JobProgress& progress) {
  Options options;
  options.budget_bytes = arguments.value(k_budget, options.budget_bytes);
  options.dry_run = arguments.value(k_dry_run, false);
  options.progress = progress;
  return options;
}

ordered_json run_repair(Pool& pool, const json& arguments, const JobProgress& progress, const CallOptions& call) {
  auto options = writing_options<engine::RepairOptions>(arguments, progress);
  options.model = model_in(arguments);
  for (const auto& name : arguments.value(k_wait_for, json::array())) {
    if (const auto* store = pool.stores().find(name.get<std::string>())) options.awaited.insert(store->id);
  }
  const auto report = engine::repair(pool, options, call);
  auto result = to_json(report);
  result["shards_left"] = report.shards_left;
  result["packs_below_promise"] = report.packs_below_promise;
  result["doubts"] = report.doubts;
  return result;
}

void check_drain(const ordered_json& arguments) {
  if (arguments.value(k_cancel, false) && (arguments.contains(k_budget) || arguments.contains(k_dry_run)))
    throw HttpError(400, "invalid", "`cancel` goes with `store` alone");
}

ordered_json run_drain(Pool& pool, const json& arguments, const JobProgress& progress, const CallOptions& call) {
  const auto store = arguments.at(k_store).get<std::string>();
  if (arguments.value(k_cancel, false)) {
    engine::cancel_drain(pool, store, call);
    return ordered_json::object();
  }
  const auto options = writing_options<engine::DrainOptions>(arguments, progress);
  const auto report = engine::drain_store(pool, store, options, call);
  auto result = to_json(report);
  result["packs_below_promise"] = report.packs_below_promise;
  result["doubts"] = report.doubts;
  return result;
}

ordered_json run_rebalance(Pool& pool, const json& arguments, const JobProgress& progress, const CallOptions& call) {
  const auto options = writing_options<engine::RebalanceOptions>(arguments, progress);
  const auto report = engine::rebalance(pool, options, call);
  auto result = to_json(report);
  result["shards_left"] = report.shards_left;
  result["doubts"] = report.doubts;
  return result;
}

ordered_json run_drill(Pool& pool, const json& arguments, const JobProgress& progress, const CallOptions& call) {
  engine::DrillOptions options;
  options.without = arguments.value(k_without, std::vector<std::string>());
  options.progress = progress;
  const auto report = engine::drill(pool, options, call);
  auto result = to_json(report);
  result["lost_models"] = report.lost_models;
  result["doubts"] = report.doubts;
  return result;
}

// The table. A kind is one entry: docs/how-to-add.md.
const std::vector<Entry>& entries() {
  static const std::vector<Entry> table{
      {"verify",
       false,
       {{k_model, check_model}, {k_read, check_flag}, {k_sample, check_percent}, {k_budget, check_bytes}},
       run_verify,
       check_verify},
      {"rebalance", true, {{k_budget, check_bytes}, {k_dry_run, check_flag}}, run_rebalance},
      {"drill", false, {{k_without, check_stores}}, run_drill},
      {"repair",
       true,
       {{k_model, check_model}, {k_budget, check_bytes}, {k_dry_run, check_flag}, {k_wait_for, check_stores}},
       run_repair},
      {"drain",
       true,
       {{k_store, check_store, true}, {k_budget, check_bytes}, {k_dry_run, check_flag}, {k_cancel, check_flag}},
       run_drain,
       check_drain}};
  return table;
}

ordered_json check_options(Pool& pool, const Entry& entry, const json& options) {
  ordered_json arguments = ordered_json::object();
  for (const Option& option : entry.options) {
    const auto found = options.find(option.name);
    if (found != options.end() && !found->is_null()) {
      arguments[std::string(option.name)] = option.check(pool, option.name, *found);
    } else if (option.is_needed) {
      throw HttpError(400, "invalid", in_quotes(option.name) + " is missing");
    }
  }
  if (entry.check_together != nullptr) entry.check_together(arguments);
  return arguments;
}

}  // namespace

std::vector<JobKind> job_kinds(Pool& pool, bool read_only) {
  std::vector<JobKind> kinds;
  for (const Entry& entry : entries()) {
    JobKind kind;
    kind.name = entry.name;
    for (const Option& option : entry.options) kind.options.push_back(option.name);
    kind.check = [&pool, &entry, refused = read_only && entry.changes_something](const json& options) {
      if (refused) throw Error(ErrorKind::denied, std::string(entry.name), "the home of this server can only be read");
      return check_options(pool, entry, options);
    };
    kind.run = [&pool, &entry](const json& arguments, const JobProgress& progress, const CallOptions& call) {
      return entry.run(pool, arguments, progress, call);
    };
    kinds.push_back(std::move(kind));
  }
  return kinds;
}

}  // namespace modelfloat::server
