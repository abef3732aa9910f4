#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/hex.h"
#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/engine/catalogue.h"
#include "modelfloat/engine/setup.h"
#include "modelfloat/store/store_factory.h"

namespace modelfloat::cli {

namespace {

class Terminal final : public store::Dialogue {
 public:
  explicit Terminal(Session& session) : session_(session) {}
  void tell(const std::string& text) override { session_.tell(text); }
  std::string ask(const std::string& prompt, bool) override {
    throw Error(ErrorKind::denied, prompt, "nobody is there to be asked");
  }

 private:
  Session& session_;
};

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
  store::StoreSettings settings;
  Terminal terminal(session);
  store::prepare_new_store(url, settings, session.store_context(), terminal, session.call());
  const std::string domain = arguments.domain.empty() ? store::default_domain(url, settings) : arguments.domain;
  for (const auto& other : pool.registry().stores()) {
    if (other.domain != domain && store::share_a_device(url, other.url)) {
      session.warn(fmt::format("{} and {} lie on one device: if it breaks, both are gone", arguments.name, other.name));
      break;  // one warning says it
    }
  }
  const auto store = session.make_store(url);
  const auto row =
      engine::add_store(pool, arguments.name, url, domain, arguments.capacity_bytes, *store, session.call());
  if (session.options().json) {
    print_json({{"id", to_hex(row.id)},
                {"name", row.name},
                {"url", row.url},
                {"domain", row.domain},
                {"capacity_bytes", row.capacity_bytes}});
  } else {
    session.tell(fmt::format("added {}: {}", printable(row.name), printable(row.url)));
  }
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
