#pragma once
// Making and reading URLs.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelfloat::store::http {

// Everything but the unreserved characters of RFC 3986 becomes %XX; a slash too unless
// `keep_slashes`.
std::string percent_encode(std::string_view text, bool keep_slashes = false);
// Error{invalid} for a % without two hex digits.
std::string percent_decode(std::string_view text);

using Fields = std::vector<std::pair<std::string, std::string>>;
// name=value&name=value, encoded: a query, or the body of a form.
std::string encode_form(const Fields& fields);

// scheme://host[:port]/path?query; what is not there is empty. `port` is 0 when none is given.
struct Url {
  std::string scheme;
  std::string host;  // lower case, IPv6 in brackets
  unsigned port = 0;
  std::string path;   // begins with a slash, or is empty
  std::string query;  // without the question mark

  std::string authority() const;  // host[:port]
  std::string root() const;       // scheme://host[:port]
};
// Error{invalid}, naming only the scheme and host, for anything but an http or https URL, and for
// one that carries a user or password.
Url parse_url(std::string_view text);

// Whether the URL's host, as it is spelled, is localhost or a loopback address; what a name
// resolves to is not asked.
bool is_this_machine(std::string_view url);

}  // namespace modelfloat::store::http
