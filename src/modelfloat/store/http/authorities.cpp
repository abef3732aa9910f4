#include "modelfloat/store/http/authorities.h"

#include <cstdlib>

namespace modelfloat::store::http {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets any
  return value == nullptr ? std::string() : value;
}

// "FILE (SSL_CERT_FILE)"
std::string named(const Authorities& authorities) {
  const auto one = [](const std::string& path, const std::string& by) { return path + " (" + by + ")"; };
  if (authorities.folder.empty()) return one(authorities.file, authorities.file_by);
  if (authorities.file.empty()) return one(authorities.folder, authorities.folder_by);
  return one(authorities.file, authorities.file_by) + " and " + one(authorities.folder, authorities.folder_by);
}

bool is_named(const Authorities& authorities) { return !authorities.file.empty() || !authorities.folder.empty(); }

std::string unknown_authority(const Authorities& authorities) {
  std::string text = "its certificate is from an authority that is not trusted";
  text += is_named(authorities) ? ": it is not in " + named(authorities) : " on this machine";
  return text +
         ". For a server of your own, --ca-file FILE (store add, store set) names its authority's certificate, or "
         "SSL_CERT_FILE for all stores";
}

}  // namespace

Authorities find_authorities(const std::string& ca_file) {
  if (!ca_file.empty()) return {ca_file, "--ca-file", {}, {}};
  Authorities found;
  for (const char* name : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
    if (found.file.empty()) {
      found.file = variable(name);
      found.file_by = name;
    }
  }
  found.folder = variable("SSL_CERT_DIR");
  found.folder_by = "SSL_CERT_DIR";
  return found;
}

std::string certificate_trouble(long verify_result, const Authorities& authorities) {
  // The numbers are OpenSSL's X509_V_ERR_*, which never change.
  switch (verify_result) {
    case 0:
    case 1:  // no error was found before the host name was compared
    case 62: return "its certificate is for another host name: use the name that stands in it";
    case 9: return "its certificate is not valid yet: look at the clock of this machine and of the server";
    case 10: return "its certificate has expired: renew it on the server (or this machine's clock is wrong)";
    case 2:
    case 18:
    case 19:
    case 20:
    case 21: return unknown_authority(authorities);
    case 23: return "its certificate has been revoked";
    case 64: return "its certificate is for another address: use the name or address that stands in it";
    default:
      return "its certificate is not to be trusted (`openssl verify` knows it as error " +
             std::to_string(verify_result) + ")";
  }
}

std::string authorities_trouble(const Authorities& authorities) {
  if (!is_named(authorities)) {
    return "this machine has no certificates of authorities that can be read: install the package ca-certificates, or "
           "name a file of them by SSL_CERT_FILE";
  }
  return "the certificates of authorities in " + named(authorities) +
         " cannot be read: a file in PEM is wanted, with BEGIN CERTIFICATE in it";
}

}  // namespace modelfloat::store::http
