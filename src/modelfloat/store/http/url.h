#pragma once
// Making and reading URLs.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelfloat::store::http {

// Encodes every character except the unreserved ones of RFC 3986 as %XX. With `keep_slashes`,
// slashes are kept.
std::string percent_encode(std::string_view text, bool keep_slashes = false);
// Throws Error{invalid} for a % that two hex digits do not follow.
std::string percent_decode(std::string_view text);

using Fields = std::vector<std::pair<std::string, std::string>>;
// Returns name=value&name=value, encoded: a query, or the body of a form.
std::string encode_form(const Fields& fields);

// scheme://host[:port]/path?query. Missing parts are empty; a missing `port` is 0.
struct Url {
  std::string scheme;
  std::string host;  // lower case, IPv6 in brackets
  unsigned port = 0;
  std::string path;   // begins with a slash, or is empty
  std::string query;  // without the question mark

  std::string authority() const;  // host[:port]
  std::string root() const;       // scheme://host[:port]
};
// Throws Error{invalid}, naming only the scheme and host, for text that is no http or https URL,
// and for a URL with a user or password.
Url parse_url(std::string_view text);

// Whether the URL's host is written as localhost or a loopback address. Host names are not
// resolved.
bool is_this_machine(std::string_view url);

}  // namespace modelfloat::store::http
