#pragma once
// The certificate authorities that servers are checked against.

#include <string>
#include <string_view>

namespace modelfloat::store::http {

// Where libcurl looks for certificate authorities; empty: at its own default. `..._by` names the
// setting that chose it, for messages.
struct Authorities {
  std::string file;
  std::string file_by;
  std::string folder;
  std::string folder_by;
};

// If `ca_file` is not empty, that file alone. Otherwise what the environment names, as for curl:
// CURL_CA_BUNDLE or else SSL_CERT_FILE, and SSL_CERT_DIR.
Authorities find_authorities(const std::string& ca_file);

// A message that says what is wrong with a server's certificate and what to do. `verify_result` is
// OpenSSL's. With 0 or 1, as libcurl leaves it, the certificate is valid but for another host.
std::string certificate_trouble(long verify_result, const Authorities& authorities);

// The same for authorities that cannot be read.
std::string authorities_trouble(const Authorities& authorities);

}  // namespace modelfloat::store::http
