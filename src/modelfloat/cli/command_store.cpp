#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/hex.h"
#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/cli/store_report.h"
#include "modelfloat/cli/store_settings.h"
#include "modelfloat/cli/terminal.h"
#include "modelfloat/engine/catalogue/pool_status.h"
#include "modelfloat/engine/upkeep/remove_stores.h"
#include "modelfloat/engine/upkeep/setup.h"
#include "modelfloat/store/store_factory.h"

namespace modelfloat::cli {
namespace {

// Returns the name of the store's account; empty if its credentials have none.
std::string account_of(Session& session, const StoreId& id) {
  try {
    const auto settings = engine::load_settings(session.registry(), session.opener().secrets(), id);
    for (const char* field : {"email", "user"}) {
      if (const auto name = settings.credentials.find(field)) return std::string(*name);
    }
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): what does not open has no name
  }
  return {};
}

// Warns that most companies allow one account per person. Hosts and buckets of one's own may have
// many. Two stores may share the same account.
void warn_of_terms(Session& session, const registry::StoreRow& added, const registry::StoreRow& other) {
  const bool is_company = added.domain.find_first_of(".:/") == std::string::npos;
  if (!is_company || store::scheme_of(added.url).credential_fields.empty()) return;
  const auto account = account_of(session, added.id);
  if (!account.empty() && account == account_of(session, other.id)) return;
  session.warn(
      fmt::format("if {} and {} are two accounts: most providers allow a person one free account, and may close both",
                  printable(added.name), printable(other.name)));
}

// Warns of two stores that may fail together, as the user may not know it.
void warn_of_shared_fate(Session& session, const registry::StoreRow& added, bool domain_given) {
  for (const auto& other : session.registry().stores()) {
    if (other.id == added.id) continue;
    if (other.domain == added.domain && !domain_given) {
      session.warn(fmt::format("{} and {} are both at {} and count as one failure domain", printable(added.name),
                               printable(other.name), printable(added.domain)));
      warn_of_terms(session, added, other);
      return;  // one warning is enough
    }
    if (other.domain != added.domain && store::share_a_device(added.url, other.url)) {
      session.warn(fmt::format("{} and {} lie on one device: if it breaks, both are gone", printable(added.name),
                               printable(other.name)));
      return;
    }
  }
}

void print_store(Session& session, const registry::StoreRow& row, const char* what_happened) {
  if (session.options().json) {
    print_json({{"id", to_hex(row.id)},
                {"name", row.name},
                {"url", row.url},
                {"domain", row.domain},
                {"capacity_bytes", row.capacity_bytes}});
  } else {
    session.tell(fmt::format("{} {}: {}", what_happened, printable(row.name), printable(row.url)));
  }
}

}  // namespace

ExitCode store_add(Session& session, const StoreAddArguments& arguments) {
  session.require_writable_home();
  engine::Pool& pool = session.pool();
  const std::string url = store::canonical_url(arguments.url);
  for (const auto& other : pool.registry().stores()) {
    if (other.name == arguments.name) {
      throw Error(ErrorKind::invalid, arguments.name, "there is a store of this name already");
    }
    if (other.url == url) throw Error(ErrorKind::invalid, url, "is in the pool already, as " + other.name);
  }
  TerminalDialogue dialogue(session.stop());
  auto settings = settings_from(store::scheme_of(url), arguments.options, variable_prefix(arguments.name),
                                process_variable, &dialogue);
  // The id of the store is known only when its marker has been read. Until then its session is kept
  // in memory.
  ScratchSession& scratch = session.new_scratch_session();
  store::prepare_new_store(url, settings, {session.clock(), session.random(), scratch.vault}, dialogue, session.call());
  const std::string domain = arguments.domain.empty() ? store::default_domain(url, settings) : arguments.domain;
  const auto store = open_with_scratch_session(session, url, settings, scratch);
  const auto keep = [&](const registry::StoreRow& row) {
    keep_settings(pool.registry(), session.opener().secrets(), row.id, settings, scratch.vault, arguments.bandwidth);
  };
  const auto row =
      engine::add_store(pool, arguments.name, url, domain, arguments.capacity_bytes, *store, session.call(), keep);
  warn_of_shared_fate(session, row, !arguments.domain.empty());
  print_store(session, row, "added");
  return ExitCode::ok;
}

ExitCode store_set(Session& session, const StoreSetArguments& arguments) {
  session.require_writable_home();
  engine::Pool& pool = session.pool();
  const auto before = engine::row_called(pool.registry(), arguments.name);
  auto row = before;
  if (arguments.domain) row.domain = *arguments.domain;
  if (arguments.capacity_bytes) row.capacity_bytes = *arguments.capacity_bytes;

  auto settings = engine::load_settings(pool.registry(), session.opener().secrets(), row.id);
  if (arguments.api_url) settings.api_url = *arguments.api_url;
  if (arguments.token_url) settings.token_url = *arguments.token_url;
  const auto& scheme = store::scheme_of(row.url);
  const auto no_variables = [](const char*) { return std::optional<std::string>(); };
  if (arguments.ca_file) settings.ca_file = find_ca_file(scheme, *arguments.ca_file, {}, no_variables);
  TerminalDialogue dialogue(session.stop());
  auto credentials = find_credentials(scheme, arguments.credentials_file, variable_prefix(row.name), process_variable);
  const bool new_address = arguments.api_url || arguments.token_url || arguments.ca_file;
  // If no option is given, the user wants to enter the credentials anew.
  const bool asks = !arguments.domain && !arguments.capacity_bytes && !arguments.bandwidth && !new_address &&
                    arguments.credentials_file.empty();
  if (asks) ask_missing(scheme, false, credentials, dialogue);
  if (asks && credentials.empty()) throw Error(ErrorKind::invalid, row.name, "nothing to set was given");
  if (!credentials.empty() && (asks || !arguments.credentials_file.empty()))
    settings.credentials = std::move(credentials);
  if (asks || new_address || !arguments.credentials_file.empty()) {
    ScratchSession& scratch = session.new_scratch_session();
    try_settings(session, row, settings, scratch, dialogue);
    keep_settings(pool.registry(), session.opener().secrets(), row.id, settings, scratch.vault, arguments.bandwidth);
  } else if (arguments.bandwidth) {
    engine::save_settings(pool.registry(), session.opener().secrets(), row.id, settings, arguments.bandwidth);
  }
  if (row != before) engine::change_store(pool, row, session.call());
  print_store(session, row, "set");
  return ExitCode::ok;
}

ExitCode store_list(Session& session) {
  engine::Pool& pool = session.pool();
  const auto status = engine::pool_status(pool, session.call());
  if (session.options().json) {
    auto stores = nlohmann::ordered_json::array();
    for (const auto& store : status.stores) stores.push_back(store_json(pool, store));
    print_json({{"stores", std::move(stores)}});
    return ExitCode::ok;
  }
  Table table({"NAME", "STATE", "URL", "DOMAIN", ">FREE", ">CAPACITY", ">ERRORS", "LAST SEEN", "REMARKS"});
  for (const auto& store : status.stores) {
    const auto health = health_of(pool, store);
    table.add({store.name, state_text(store), store.url, store.domain, free_text(store),
               store.capacity_bytes == 0 ? "-" : human_bytes(store.capacity_bytes), error_text(health),
               last_seen_text(health), remarks(health)});
  }
  print_text(table.text());
  return ExitCode::ok;
}

ExitCode store_remove(Session& session, const std::vector<std::string>& names, bool force) {
  session.require_writable_home();
  const engine::StoreRemoval removal = engine::remove_stores(session.pool(), names, {.force = force}, session.call());
  const std::string all = printable(fmt::format("{}", fmt::join(names, ", ")));
  if (!removal.models_at_risk.empty()) {
    session.warn(
        fmt::format("{} had shards of {} that no other store has: fewer stores may be lost from now on. modelfloat "
                    "repair makes that good",
                    all, printable(fmt::format("{}", fmt::join(removal.models_at_risk, ", ")))));
  }
  if (session.options().json) {
    print_json({{"removed", names}, {"models_at_risk", removal.models_at_risk}});
  } else {
    session.tell(
        fmt::format("{} no longer part of the pool; {} objects stay where they are. What the other stores have "
                    "was looked up in their lists, not read: modelfloat verify --read",
                    all + (names.size() == 1 ? " is" : " are"), names.size() == 1 ? "its" : "their"));
  }
  return removal.durable ? ExitCode::ok : ExitCode::degraded;
}

ExitCode store_test(Session& session, const std::string& name) {
  engine::Pool& pool = session.pool();
  const auto test = engine::test_store(pool, name, session.call());
  const auto row = engine::row_called(pool.registry(), name);
  const auto traits = pool.stores().find(name)->store->traits();
  const double put_rate = static_cast<double>(engine::k_store_test_bytes) / std::max(test.put_seconds, 1e-9);
  const double get_rate = static_cast<double>(engine::k_store_test_bytes) / std::max(test.get_whole_seconds, 1e-9);
  if (session.options().json) {
    nlohmann::ordered_json json{{"name", name},
                                {"domain", row.domain},
                                {"put_seconds", test.put_seconds},
                                {"get_seconds", test.get_seconds},
                                {"list_seconds", test.list_seconds},
                                {"remove_seconds", test.remove_seconds},
                                {"put_bytes_per_second", std::llround(put_rate)},
                                {"get_bytes_per_second", std::llround(get_rate)},
                                {"listed_at_once", test.listed},
                                {"traits", traits_json(traits)}};
    json["checksum"] = test.checksum ? nlohmann::ordered_json(test.checksum->substr(0, test.checksum->find(':')))
                                     : nlohmann::ordered_json();
    if (test.space && test.space->used_bytes) json["used_bytes"] = *test.space->used_bytes;
    if (test.space && test.space->free_bytes) json["free_bytes"] = *test.space->free_bytes;
    print_json(json);
    return ExitCode::ok;
  }
  std::string text = fmt::format("domain         {}\n", printable(row.domain));
  text += fmt::format("put            {:.4f} s for 1 MiB, {}/s\n", test.put_seconds,
                      human_bytes(static_cast<std::uint64_t>(put_rate)));
  text += fmt::format("get a range    {:.4f} s\n", test.get_seconds);
  text += fmt::format("get            {:.4f} s for 1 MiB, {}/s\n", test.get_whole_seconds,
                      human_bytes(static_cast<std::uint64_t>(get_rate)));
  text += fmt::format("list           {:.4f} s{}\n", test.list_seconds,
                      test.listed ? "" : "; fresh objects are listed later");
  text += fmt::format("remove         {:.4f} s\n", test.remove_seconds);
  text += fmt::format("checksums      {}\n",
                      test.checksum ? printable(test.checksum->substr(0, test.checksum->find(':'))) : "none listed");
  if (test.space) {
    const auto text_of = [](const auto& bytes) { return bytes ? human_bytes(*bytes) : "not known"; };
    text += fmt::format("used, free     {}, {}\n", text_of(test.space->used_bytes), text_of(test.space->free_bytes));
  }
  text += traits_text(traits);
  print_text(text);
  return ExitCode::ok;
}

ExitCode store_touch(Session& session, const std::string& name) {
  constexpr std::size_t k_touch_bytes = 8U << 10;
  engine::Pool& pool = session.pool();
  auto touched = nlohmann::ordered_json::array();
  auto failed = nlohmann::ordered_json::array();
  if (!name.empty()) engine::row_called(pool.registry(), name);
  for (const auto& row : pool.registry().stores()) {
    if (!name.empty() && row.name != name) continue;
    try {
      engine::test_store(pool, row.name, session.call(), k_touch_bytes);
      touched.push_back(row.name);
      session.tell("touched " + printable(row.name));
    } catch (const Error& error) {
      if (error.kind == ErrorKind::cancelled) throw;
      failed.push_back({{"name", row.name}, {"message", error.what()}});
      session.warn(fmt::format("{} could not be touched: {}", printable(row.name), printable(error.what())));
    }
  }
  const bool none = touched.empty();
  const bool some_failed = !failed.empty();
  if (session.options().json) print_json({{"touched", std::move(touched)}, {"failed", std::move(failed)}});
  if (!some_failed) return ExitCode::ok;
  return none ? ExitCode::unreachable : ExitCode::degraded;
}

}  // namespace modelfloat::cli
