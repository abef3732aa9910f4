#include "modelfloat/server/http/host_list.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "modelfloat/base/ascii.h"
#include "modelfloat/base/error.h"

namespace modelfloat::server {
namespace {

constexpr std::size_t k_max_name = 253;

std::optional<std::string> ipv6_in_one_form(const std::string& text) {
  in6_addr address{};
  if (::inet_pton(AF_INET6, text.c_str(), &address) != 1) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> form{};
  if (IN6_IS_ADDR_V4MAPPED(&address) != 0) {
    ::inet_ntop(AF_INET, &address.s6_addr[12], form.data(), form.size());
  } else {
    ::inet_ntop(AF_INET6, &address, form.data(), form.size());
  }
  return form.data();
}

bool is_name(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  return !text.empty() && text.size() <= k_max_name && text.front() != '.' && text.back() != '.' &&
         text.find("..") == std::string_view::npos && std::all_of(text.begin(), text.end(), allowed);
}

std::optional<std::string> host_in_one_form(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']'))
    return ipv6_in_one_form(std::string(text.substr(1, text.size() - 2)));
  if (text.ends_with('.')) text.remove_suffix(1);
  auto name = lower_case(text);
  if (!is_name(name)) return std::nullopt;
  return name;
}

// The address of a socket, which may have the name of an interface behind it.
std::string address_in_one_form(std::string_view text) {
  const std::string address(text.substr(0, text.find('%')));
  return ipv6_in_one_form(address).value_or(address);
}

bool is_loopback_name(std::string_view host) { return host == "localhost" || host == "127.0.0.1" || host == "::1"; }

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) {
  // The colons of an IPv6 address stand in brackets.
  const auto colon = text.find(':', text.starts_with('[') ? std::min(text.find(']'), text.size()) : 0);
  auto host = host_in_one_form(text.substr(0, colon));
  if (!host) return std::nullopt;
  Authority authority{std::move(*host), std::nullopt};
  const auto digits = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (digits.empty()) return authority;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  authority.port = port;
  return authority;
}

std::string parse_host_name(std::string_view text) {
  // Also without brackets.
  if (auto address = ipv6_in_one_form(std::string(text))) return *std::move(address);
  if (auto host = host_in_one_form(text)) return *std::move(host);
  throw Error(ErrorKind::invalid, std::string(text),
              "is no name of a host: give it without a port (any is allowed), such as models.example.org");
}

HostList::HostList(const std::vector<std::string>& names) {
  for (const auto& name : names) names_.push_back(parse_host_name(name));
}

bool HostList::allows(const Authority& called, std::string_view local_address) const {
  return is_loopback_name(called.host) || called.host == address_in_one_form(local_address) ||
         std::find(names_.begin(), names_.end(), called.host) != names_.end();
}

bool HostList::allows_origin(std::string_view origin, const std::optional<Authority>& called) const {
  for (const auto& [scheme, default_port] : {std::pair{std::string_view("http://"), std::uint16_t{80}},
                                             std::pair{std::string_view("https://"), std::uint16_t{443}}}) {
    if (!equal_ignoring_case(origin.substr(0, scheme.size()), scheme)) continue;
    const auto page = parse_authority(origin.substr(scheme.size()));
    if (!page) return false;
    if (std::find(names_.begin(), names_.end(), page->host) != names_.end()) return true;
    // Some proxies pass the host on without its port.
    return called && page->host == called->host &&
           (!called->port || page->port.value_or(default_port) == *called->port);
  }
  return false;
}

}  // namespace modelfloat::server
