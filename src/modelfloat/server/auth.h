#pragma once
// Access tokens: who may do what.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/random.h"
#include "modelfloat/registry/tokens.h"
#include "modelfloat/server/http/http.h"

namespace modelfloat::server {

// read: see and fetch models; write: upload and remove; infer: run them; admin: everything.
enum class Scope { read, write, infer, admin };
std::string_view to_string(Scope) noexcept;
std::optional<Scope> scope_from(std::string_view) noexcept;
bool includes(Scope held, Scope needed) noexcept;

// "hf_" and 40 letters and digits with 238 random bits. Tools for the Hugging Face Hub require
// this form.
struct NewToken {
  std::string text;        // to be shown once
  registry::TokenRow row;  // to be kept
};
NewToken make_token(Random& random, UtcTime now, Scope scope);
bool looks_like_token(std::string_view text) noexcept;

// Looks up a token by its hash: registry::Tokens::find_token, or a replacement in tests.
using TokenLookup = std::function<std::optional<registry::TokenRow>(const Hash256&)>;

// How the clients of an API send their token.
struct TokenScheme {
  // The token that a request carries; nullopt where it carries none.
  std::function<std::optional<std::string_view>(const Request&)> token_in;
  std::string challenge;  // the WWW-Authenticate of a 401
  std::string advice;     // what to send, in the message of a 401
};
// "Authorization: Bearer TOKEN".
TokenScheme bearer_tokens();

// Returns the scope of the request's token. Throws HttpError 401, with WWW-Authenticate set, for
// a missing or unknown token, and 403 when the token's scope does not include `needed`. Tokens
// are looked up by their hash, so the time that a lookup takes reveals nothing about the token
// itself.
Scope authorise(const Request& request, Response& response, Scope needed, const TokenScheme& scheme,
                const TokenLookup& find_token);

}  // namespace modelfloat::server
