#include "modelfloat/server/auth.h"

#include <algorithm>

#include "modelfloat/base/ascii.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"

namespace modelfloat::server {
namespace {

constexpr std::string_view k_prefix = "hf_";
constexpr std::size_t k_random_characters = 40;
constexpr std::string_view k_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

char random_character(Random& random) {
  // A remainder alone would make some characters likelier.
  constexpr std::size_t k_fair = 256 / k_alphabet.size() * k_alphabet.size();
  for (;;) {
    const auto byte = std::to_integer<std::size_t>(random.array<1>()[0]);
    if (byte < k_fair) return k_alphabet[byte % k_alphabet.size()];
  }
}

// In a time that does not tell how many bytes agree.
bool equal_hashes(const Hash256& a, const Hash256& b) noexcept {
  std::byte difference{0};
  for (std::size_t i = 0; i < a.size(); ++i) difference |= a[i] ^ b[i];
  return difference == std::byte{0};
}

std::optional<std::string_view> bearer_token(const Request& request) {
  const auto header = request.header("authorization");
  constexpr std::string_view k_scheme = "bearer ";
  if (!header || header->size() <= k_scheme.size()) return std::nullopt;
  if (!equal_ignoring_case(header->substr(0, k_scheme.size()), k_scheme)) return std::nullopt;
  return header->substr(k_scheme.size());
}

}  // namespace

std::string_view to_string(Scope scope) noexcept {
  switch (scope) {
    case Scope::read: return "read";
    case Scope::write: return "write";
    case Scope::infer: return "infer";
    case Scope::admin: return "admin";
  }
  return "";
}

std::optional<Scope> scope_from(std::string_view text) noexcept {
  for (const auto scope : {Scope::read, Scope::write, Scope::infer, Scope::admin}) {
    if (to_string(scope) == text) return scope;
  }
  return std::nullopt;
}

bool includes(Scope held, Scope needed) noexcept { return held == needed || held == Scope::admin; }

NewToken make_token(Random& random, UtcTime now, Scope scope) {
  NewToken token;
  token.text = k_prefix;
  for (std::size_t i = 0; i < k_random_characters; ++i) token.text += random_character(random);
  token.row.id = to_hex(random.array<4>());
  token.row.hash = crypto::sha256(as_bytes(token.text));
  token.row.scope = std::string(to_string(scope));
  token.row.created_at = now;
  return token;
}

bool looks_like_token(std::string_view text) noexcept {
  return text.size() == k_prefix.size() + k_random_characters && text.starts_with(k_prefix) &&
         text.find_first_not_of(k_alphabet, k_prefix.size()) == std::string_view::npos;
}

TokenScheme bearer_tokens() {
  return {.token_in = bearer_token,
          .challenge = "Bearer realm=\"modelfloat\"",
          .advice = "send Authorization: Bearer hf_..."};
}

Scope authorise(const Request& request, Response& response, Scope needed, const TokenScheme& scheme,
                const TokenLookup& find_token) {
  const auto token = scheme.token_in(request);
  const auto refuse = [&](const char* code, const std::string& message) {
    response.set_header("WWW-Authenticate", scheme.challenge);
    throw HttpError(401, code, message);
  };
  if (!token) refuse("token_missing", "this needs a token: " + scheme.advice + ", made by `modelfloat token create`");
  std::optional<registry::TokenRow> row;
  if (looks_like_token(*token)) {
    const auto hash = crypto::sha256(as_bytes(*token));
    row = find_token(hash);
    if (row && !equal_hashes(row->hash, hash)) row.reset();
  }
  if (!row) refuse("token_unknown", "this token is not known here");
  const auto held = scope_from(row->scope);
  if (!held || !includes(*held, needed)) {
    throw HttpError(403, "scope_missing",
                    "this needs a token with the scope " + std::string(to_string(needed)) + " or admin");
  }
  return *held;
}

}  // namespace modelfloat::server
