#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/hex.h"
#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/cli/store_settings.h"
#include "modelfloat/cli/terminal.h"
#include "modelfloat/engine/catalogue.h"
#include "modelfloat/engine/setup.h"
#include "modelfloat/store/memory_vault.h"
#include "modelfloat/store/store_factory.h"

namespace modelfloat::cli {
namespace {

registry::StoreRow row_of(registry::Registry& registry, const std::string& name) {
  for (auto& row : registry.stores()) {
    if (row.name == name) return row;
  }
  throw Error(ErrorKind::not_found, name, "no such store in this pool");
}

// Two stores that fall together, which the user may not know.
void warn_of_shared_fate(Session& session, const registry::StoreRow& added, bool domain_given) {
  for (const auto& other : session.registry().stores()) {
    if (other.id == added.id) continue;
    if (other.domain == added.domain && !domain_given) {
      session.warn(fmt::format("{} and {} are both at {} and count as one failure domain", printable(added.name), printable(other.name),
                               printable(added.domain)));
      return;  // one warning says it
    }
    if (other.domain != added.domain && store::share_a_device(added.url, other.url)) {
      session.warn(fmt::format("{} and {} lie on one device: if it breaks, both are gone", printable(added.name), printable(other.name)));
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
  engine::Pool& pool = session.pool();
  const std::string url = store::canonical_url(arguments.url);
  for (const auto& other : pool.registry().stores()) {
    if (other.name == arguments.name) {
      throw Error(ErrorKind::invalid, arguments.name, "there is a store of this name already");
    }
    if (other.url == url) throw Error(ErrorKind::invalid, url, "is in the pool already, as " + other.name);
  }
  TerminalDialogue dialogue(session.stop());
  auto settings =
      settings_from(store::scheme_of(url), arguments.options, variable_prefix(arguments.name), process_variable, &dialogue);
  // Which store it is, and so where its session belongs, is known when its marker has been read.
  store::MemoryVault vault;
  const store::StoreContext context{session.clock(), session.random(), vault};
  store::prepare_new_store(url, settings, context, dialogue, session.call());
  const std::string domain = arguments.domain.empty() ? store::default_domain(url, settings) : arguments.domain;
  registry::StoreRow row;
  {
    const auto store = wrap_store(store::make_store(url, settings, context), session.clock(), session.random());
    row = engine::add_store(pool, arguments.name, url, domain, arguments.capacity_bytes, *store, session.call());
  }
  keep_settings(pool.registry(), session.opener().secrets(), row.id, settings, vault);
  warn_of_shared_fate(session, row, !arguments.domain.empty());
  print_store(session, row, "added");
  return ExitCode::ok;
}

ExitCode store_set(Session& session, const StoreSetArguments& arguments) {
  engine::Pool& pool = session.pool();
  const auto before = row_of(pool.registry(), arguments.name);
  auto row = before;
  if (arguments.domain) row.domain = *arguments.domain;
  if (arguments.capacity_bytes) row.capacity_bytes = *arguments.capacity_bytes;

  auto settings = engine::load_settings(pool.registry(), session.opener().secrets(), row.id);
  if (arguments.api_url) settings.api_url = *arguments.api_url;
  if (arguments.token_url) settings.token_url = *arguments.token_url;
  const auto& scheme = store::scheme_of(row.url);
  TerminalDialogue dialogue(session.stop());
  auto credentials = find_credentials(scheme, arguments.credentials_file, variable_prefix(row.name), process_variable);
  const bool new_address = arguments.api_url || arguments.token_url;
  // With nothing else asked for, it is the credentials that are wanted.
  const bool asks = !arguments.domain && !arguments.capacity_bytes && !new_address && arguments.credentials_file.empty();
  if (asks) ask_missing(scheme, false, credentials, dialogue);
  if (asks && credentials.empty()) throw Error(ErrorKind::invalid, row.name, "nothing to set was given");
  if (!credentials.empty()) settings.credentials = std::move(credentials);
  if (asks || new_address || !arguments.credentials_file.empty()) {
    store::MemoryVault vault;
    try_settings(session, row, settings, vault, dialogue);
    keep_settings(pool.registry(), session.opener().secrets(), row.id, settings, vault);
  }
  if (row != before) engine::change_store(pool, row, session.call());
  print_store(session, row, "set");
  return ExitCode::ok;
}

ExitCode store_list(Session& session) {
  const auto status = engine::pool_status(session.pool(), session.call());
  if (session.options().json) {
    auto stores = nlohmann::ordered_json::array();
    for (const auto& store : status.stores) {
      stores.push_back({{"name", store.name},
                        {"url", store.url},
                        {"domain", store.domain},
                        {"id", to_hex(store.id)},
                        {"online", store.online},
                        {"offline", store.offline},
                        {"capacity_bytes", store.capacity_bytes}});
    }
    print_json({{"stores", std::move(stores)}});
    return ExitCode::ok;
  }
  Table table({"NAME", "STATE", "URL", "DOMAIN", ">CAPACITY"});
  for (const auto& store : status.stores) {
    table.add({store.name, store.online ? "online" : "offline", store.url, store.domain,
               store.capacity_bytes == 0 ? "-" : human_bytes(store.capacity_bytes)});
  }
  write_stdout(table.text());
  return ExitCode::ok;
}

ExitCode store_remove(Session& session, const std::string& name) {
  engine::remove_store(session.pool(), name, session.call());
  if (session.options().json) {
    print_json({{"removed", name}});
  } else {
    session.tell(printable(name) + " is no longer part of the pool; its objects stay where they are");
  }
  return ExitCode::ok;
}

ExitCode store_test(Session& session, const std::string& name) {
  const auto test = engine::test_store(session.pool(), name, session.call());
  if (session.options().json) {
    nlohmann::ordered_json json{{"name", name},
                                {"put_seconds", test.put_seconds},
                                {"get_seconds", test.get_seconds},
                                {"list_seconds", test.list_seconds},
                                {"remove_seconds", test.remove_seconds}};
    if (test.space) json["used_bytes"] = test.space->used_bytes;
    if (test.space && test.space->free_bytes) json["free_bytes"] = *test.space->free_bytes;
    print_json(json);
    return ExitCode::ok;
  }
  std::string text = fmt::format("put     {:.4f} s\nget     {:.4f} s\nlist    {:.4f} s\nremove  {:.4f} s\n",
                                 test.put_seconds, test.get_seconds, test.list_seconds, test.remove_seconds);
  if (test.space && test.space->free_bytes) text += "free    " + human_bytes(*test.space->free_bytes) + "\n";
  write_stdout(text);
  return ExitCode::ok;
}

}  // namespace modelfloat::cli
