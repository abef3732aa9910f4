#pragma once
// A kind of store: how to make one, and what is known about it before one is made.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/random.h"
#include "modelfloat/store/credentials.h"
#include "modelfloat/store/store.h"

namespace modelfloat::store {

// The local settings of a store, besides its URL.
struct StoreSettings {
  std::string api_url;    // root URL of the provider's server; empty: its public one
  std::string token_url;  // full URL for access tokens; empty: the provider's own
  Credentials credentials;
  // Absolute path of a PEM file with the certificate authorities to trust. Empty: those that
  // http::find_authorities() finds.
  std::string ca_file = {};
};

// Keeps a small secret of a store between runs, such as a session or an access token, so that the
// store need not log in again. Any thread may call any method.
class SessionVault {
 public:
  virtual ~SessionVault() = default;
  // Returns what was saved last; nullopt when nothing is kept.
  virtual std::optional<crypto::SecretBytes> load() = 0;
  // Replaces what is kept. An empty session removes it.
  virtual void save(ByteSpan session) = 0;
};

// Copied by the stores. What it refers to must outlive them.
struct StoreContext {
  Clock& clock;
  Random& random;
  SessionVault& vault;
};

// The user who adds a store.
class Dialogue {
 public:
  virtual ~Dialogue() = default;
  virtual void tell(const std::string& text) = 0;
  // Asks the user and returns the answer. Throws Error{denied} when nobody can answer. With
  // `secret` the answer is not shown while it is typed.
  virtual std::string ask(const std::string& prompt, bool secret) = 0;
};

// A credential that `store add` asks for when no credentials file has it.
struct CredentialField {
  std::string_view name;
  std::string_view prompt;
  bool secret = false;
};

// One kind of store. `rest` is the part of the URL after the scheme and its colon.
struct Scheme {
  std::string_view name;
  std::string_view example;  // for help and errors
  std::vector<CredentialField> credential_fields;
  // The reason why this kind of store does not support StoreSettings::ca_file; empty: it does.
  std::string_view no_ca_file = {};
  std::unique_ptr<Store> (*make)(std::string_view rest, const StoreSettings&, const StoreContext&);
  // The canonical form of `rest`: equal stores have equal forms. Throws Error{invalid} when it is
  // no valid address.
  std::string (*canonical_rest)(std::string_view rest);
  // The failure domain if the user names none: a company, a host, or the store alone.
  std::string (*domain)(std::string_view rest, const StoreSettings&);
  // Called once before a new store is made: makes its folder, logs in, and completes `settings`
  // (with a refresh token, for example).
  void (*prepare)(std::string_view rest, StoreSettings& settings, const StoreContext&, Dialogue&, const CallOptions&);
};

}  // namespace modelfloat::store
