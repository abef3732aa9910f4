#include <nlohmann/json.hpp>

#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/output.h"

namespace modelfloat::cli {

ExitCode token_create(Session& session, server::Scope scope) {
  session.require_writable_home();
  session.require_pool();
  const auto token = server::make_token(session.random(), session.clock().utc_now(), scope);
  session.registry().add_token(token.row);
  if (session.options().json) {
    print_json({{"id", token.row.id}, {"token", token.text}, {"scope", token.row.scope}});
  } else {
    write_stdout(token.text + "\n");
    session.tell("This is shown only now. To take it back: modelfloat token rm " + token.row.id);
  }
  return ExitCode::ok;
}

ExitCode token_list(Session& session) {
  session.require_pool();
  auto tokens = nlohmann::ordered_json::array();
  Table table({"ID", "SCOPE", "CREATED"});
  for (const auto& row : session.registry().tokens()) {
    tokens.push_back({{"id", row.id}, {"scope", row.scope}, {"created_at", to_rfc3339(row.created_at)}});
    table.add({row.id, row.scope, to_rfc3339(row.created_at)});
  }
  if (session.options().json) {
    print_json({{"tokens", std::move(tokens)}});
  } else {
    print_text(table.text());
  }
  return ExitCode::ok;
}

ExitCode token_remove(Session& session, const std::string& id) {
  session.require_writable_home();
  session.require_pool();
  if (!session.registry().remove_token(id)) throw Error(ErrorKind::not_found, id, "there is no such token");
  if (session.options().json) {
    print_json({{"removed", id}});
  } else {
    session.tell("the token " + id + " no longer opens anything");
  }
  return ExitCode::ok;
}

}  // namespace modelfloat::cli
