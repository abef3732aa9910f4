#include "modelfloat/store/drive/jwt.h"

#include <memory>

#include <nlohmann/json.hpp>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"

namespace modelfloat::store::drive {
namespace {

using nlohmann::json;

struct FreeBio {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

int no_password(char*, int, int, void*) { return 0; }  // OpenSSL would ask at the terminal

Bytes rs256(const crypto::SecretBytes& pem, std::string_view text, const std::string& where) {
  const std::unique_ptr<BIO, FreeBio> bio(BIO_new_mem_buf(pem.bytes().data(), static_cast<int>(pem.bytes().size())));
  const std::unique_ptr<EVP_PKEY, FreeKey> key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_password, nullptr)
                                                   : nullptr);
  if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) {
    throw Error(ErrorKind::denied, where, "the private_key of its service account is no RSA key");
  }
  const std::unique_ptr<EVP_MD_CTX, FreeDigest> context(EVP_MD_CTX_new());
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t length = 0;
  Bytes signature;
  if (context && EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
      EVP_DigestSign(context.get(), nullptr, &length, data, text.size()) == 1) {
    signature.resize(length);
    if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length, data, text.size()) ==
        1) {
      signature.resize(length);
      return signature;
    }
  }
  throw Error(ErrorKind::internal, where, "OpenSSL does not sign");
}

}  // namespace

ServiceAccount parse_service_account(std::string_view text, const std::string& where) {
  const json value = json::parse(text, nullptr, false);
  const auto field = [&](const char* name) {
    if (!value.is_object() || !value.contains(name) || !value[name].is_string()) {
      throw Error(ErrorKind::invalid, where,
                  "its service_account is not the JSON key file of one: it lacks \"" + std::string(name) + "\"");
    }
    return value[name].get<std::string>();
  };
  ServiceAccount account;
  account.email = field("client_email");
  account.private_key = crypto::SecretBytes(std::string_view(field("private_key")));
  account.token_url = field("token_uri");
  account.key_id = value.contains("private_key_id") ? field("private_key_id") : std::string();
  return account;
}

crypto::SecretBytes signed_assertion(const ServiceAccount& account, std::string_view scope, std::string_view audience,
                                     UtcTime now, const std::string& where) {
  constexpr std::uint64_t k_lifetime_seconds = 3600;  // the longest that Google takes
  json head = {{"alg", "RS256"}, {"typ", "JWT"}};
  if (!account.key_id.empty()) head["kid"] = account.key_id;
  const json claims = {{"iss", account.email},
                       {"scope", scope},
                       {"aud", audience},
                       {"iat", unix_seconds(now)},
                       {"exp", unix_seconds(now) + k_lifetime_seconds}};
  const std::string text = to_base64url(as_bytes(head.dump())) + "." + to_base64url(as_bytes(claims.dump()));
  return crypto::SecretBytes(std::string_view(text + "." + to_base64url(rs256(account.private_key, text, where))));
}

}  // namespace modelfloat::store::drive
