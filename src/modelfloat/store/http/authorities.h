#pragma once
// Whom a server's certificate may be from.

#include <string>
#include <string_view>

namespace modelfloat::store::http {

// Where libcurl looks for certificates of authorities; empty: where it does by itself. `..._by`
// says in messages who named it.
struct Authorities {
  std::string file;
  std::string file_by;
  std::string folder;
  std::string folder_by;
};

// `ca_file`, when it is not empty, and then nothing else. Otherwise what the environment says, as
// for curl: CURL_CA_BUNDLE, or else SSL_CERT_FILE, and SSL_CERT_DIR.
Authorities find_authorities(const std::string& ca_file);

// What is wrong with a server's certificate and what to do, for a message. `verify_result` is
// OpenSSL's; 0 or 1, as libcurl leaves it: the certificate is good, but for another host.
std::string certificate_trouble(long verify_result, const Authorities& authorities);

// The same where the authorities themselves cannot be read.
std::string authorities_trouble(const Authorities& authorities);

}  // namespace modelfloat::store::http
