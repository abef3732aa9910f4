#include "modelfloat/store/http/url.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "modelfloat/base/ascii.h"
#include "modelfloat/base/error.h"

namespace modelfloat::store::http {
namespace {

bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

bool is_part_of_host(char c) {  // beyond ASCII: an international name
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view(".-_[]:").find(c) != std::string_view::npos || static_cast<unsigned char>(c) >= 0x80;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

[[noreturn]] void refuse(std::string_view scheme, std::string_view why) {
  throw Error(ErrorKind::invalid, std::string(scheme) + "://…", why);
}

unsigned parse_port(std::string_view scheme, std::string_view digits) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port == 0 || port > 65535)
    refuse(scheme, "the port is no number from 1 to 65535");
  return port;
}

}  // namespace

std::string percent_encode(std::string_view text, bool keep_slashes) {
  static constexpr std::string_view k_digits = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    if (is_unreserved(c) || (keep_slashes && c == '/')) {
      result += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      result += {'%', k_digits[byte >> 4], k_digits[byte & 15]};
    }
  }
  return result;
}

std::string percent_decode(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) throw Error(ErrorKind::invalid, "URL", "a % without two hex digits");
    result += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return result;
}

std::string encode_form(const Fields& fields) {
  std::string result;
  for (const auto& [name, value] : fields) {
    if (!result.empty()) result += '&';
    result += percent_encode(name) + "=" + percent_encode(value);
  }
  return result;
}

std::string Url::authority() const { return port == 0 ? host : host + ":" + std::to_string(port); }
std::string Url::root() const { return scheme + "://" + authority(); }

Url parse_url(std::string_view text) {
  Url url;
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) throw Error(ErrorKind::invalid, "URL", "must begin with http:// or https://");
  url.scheme = lower_case(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https")
    throw Error(ErrorKind::invalid, "URL", "must begin with http:// or https://");
  text.remove_prefix(colon + 3);
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; })) {
    refuse(url.scheme, "has a space or a control character in it");
  }
  text = text.substr(0, text.find('#'));
  std::string_view authority = text.substr(0, text.find_first_of("/?"));
  text.remove_prefix(authority.size());
  if (authority.find('@') != std::string_view::npos)
    refuse(url.scheme, "carries a user or password: give them by a credentials file");
  const auto bracket = authority.rfind(']');
  const auto port_at = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (port_at != std::string_view::npos) {
    url.port = parse_port(url.scheme, authority.substr(port_at + 1));
    authority = authority.substr(0, port_at);
  }
  url.host = lower_case(authority);
  if (url.host.empty()) refuse(url.scheme, "names no host");
  if (!std::all_of(url.host.begin(), url.host.end(), is_part_of_host))
    refuse(url.scheme, "has a character in its host that no host has");
  const auto question = text.find('?');
  url.path = text.substr(0, question);
  if (question != std::string_view::npos) url.query = text.substr(question + 1);
  return url;
}

bool is_this_machine(std::string_view url) {
  const auto begin = url.find("://");
  if (begin == std::string_view::npos) return false;
  std::string_view host = url.substr(begin + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  if (host.starts_with("[::1]")) return true;
  const std::string name = lower_case(host.substr(0, host.rfind(':')));
  return name == "localhost" ||
         (name.starts_with("127.") && name.find_first_not_of("0123456789.") == std::string::npos);
}

}  // namespace modelfloat::store::http
