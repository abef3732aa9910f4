// Access tokens.
#include "modelfloat/registry/sqlite/sqlite_registry_impl.h"

namespace modelfloat::registry {

void SqliteRegistry::add_token(const TokenRow& token) {
  database_.write([&](Connection& c) {
    c.run("insert into tokens values (?1, ?2, ?3, ?4)", token.id, token.hash, token.scope, token.created_at);
  });
}

std::vector<TokenRow> SqliteRegistry::tokens() {
  return database_.read([](Connection& c) {
    return c.rows<TokenRow, std::string, Hash256, std::string, UtcTime>(
        "select id, hash, scope, created_at from tokens order by created_at, id");
  });
}

bool SqliteRegistry::remove_token(const std::string& id) {
  bool removed = false;
  database_.write([&](Connection& c) {
    c.run("delete from tokens where id = ?1", id);
    removed = c.changes() != 0;
  });
  return removed;
}

std::optional<TokenRow> SqliteRegistry::find_token(const Hash256& hash) {
  return database_.read([&](Connection& c) {
    return c.row<TokenRow, std::string, Hash256, std::string, UtcTime>(
        "select id, hash, scope, created_at from tokens where hash = ?1", hash);
  });
}

}  // namespace modelfloat::registry
