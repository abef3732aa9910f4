#pragma once
// The access tokens of the server.

#include <optional>
#include <string>
#include <vector>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/clock.h"
#include "modelfloat/domain/ids.h"

namespace modelfloat::registry {

struct TokenRow {
  std::string id;     // short, for `token ls` and `token rm`
  Hash256 hash{};     // SHA-256 of the token; the token itself is never kept
  std::string scope;  // read, write, infer, admin
  UtcTime created_at{};
  bool operator==(const TokenRow&) const = default;
};

// Threads, durability and errors: see Registry.
class Tokens {
 public:
  virtual ~Tokens() = default;

  // Error{invalid} when there is a token with this id or this hash.
  virtual void add_token(const TokenRow&) = 0;
  // All tokens, the oldest first.
  virtual std::vector<TokenRow> tokens() = 0;
  // Removes a token. Returns false when there is none with this id.
  virtual bool remove_token(const std::string& id) = 0;
  // The token with this hash, or nullopt.
  virtual std::optional<TokenRow> find_token(const Hash256& hash) = 0;
};

}  // namespace modelfloat::registry
