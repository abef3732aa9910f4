#pragma once
// What a kind of store needs to be made, and what it says about itself before it is.

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

// What this machine knows about a store besides its URL.
struct StoreSettings {
  std::string api_url;    // the root of the provider's server; empty: its public one
  std::string token_url;  // the whole address that gives access tokens; empty: the provider's own
  Credentials credentials;
  // A PEM file, by its whole path: who may certify the server. Empty: as http::find_authorities()
  // says.
  std::string ca_file = {};
};

// A small secret that a store keeps between runs, such as a session or a fresh token, so that it
// need not log in again. Shared by all threads.
class SessionVault {
 public:
  virtual ~SessionVault() = default;
  virtual std::optional<crypto::SecretBytes> load() = 0;
  virtual void save(ByteSpan session) = 0;  // replaces what was there; empty forgets it
};

// Copied by the stores; what it refers to outlives them.
struct StoreContext {
  Clock& clock;
  Random& random;
  SessionVault& vault;
};

// The person who adds a store.
class Dialogue {
 public:
  virtual ~Dialogue() = default;
  virtual void tell(const std::string& text) = 0;
  // Error{denied} when nobody is there to answer; `secret`: what is typed is not shown.
  virtual std::string ask(const std::string& prompt, bool secret) = 0;
};

// A value that `store add` asks for when no credentials file has it.
struct CredentialField {
  std::string_view name;
  std::string_view prompt;
  bool secret = false;
};

// One kind of store. `rest` is what follows the scheme and its colon in a URL.
struct Scheme {
  std::string_view name;
  std::string_view example;  // for help and errors
  std::vector<CredentialField> credential_fields;
  // Why StoreSettings::ca_file is not for this kind of store; empty: it is.
  std::string_view no_ca_file = {};
  std::unique_ptr<Store> (*make)(std::string_view rest, const StoreSettings&, const StoreContext&);
  // The one way to write it down. Error{invalid} for what is no address of this kind.
  std::string (*canonical_rest)(std::string_view rest);
  // What it fails together with when the user doesn't say: a company, a host, or the store alone.
  std::string (*domain)(std::string_view rest, const StoreSettings&);
  // Called once, before a new store is made: makes its folder or bucket folder, logs in, completes
  // `settings` (a refresh token).
  void (*prepare)(std::string_view rest, StoreSettings& settings, const StoreContext&, Dialogue&, const CallOptions&);
};

}  // namespace modelfloat::store
