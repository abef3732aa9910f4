#pragma once
// By which names a server may be called. A page of another site reaches a server on this machine
// under a name of its own (DNS rebinding), so a name that is not known is refused.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace modelfloat::server {

// A host and a port, as they stand in Host, in an address and in Origin.
struct Authority {
  // In lower case, without the last dot; an IP address in one form, without brackets.
  std::string host;
  std::optional<std::uint16_t> port;
};
// "Localhost.", "127.0.0.1:80", "[::1]:", ...; nothing for what is no host.
std::optional<Authority> parse_authority(std::string_view text);

// The name or IP address of a host, in the form that Authority has. Throws Error{invalid} for what
// is none, and where a port follows.
std::string parse_host_name(std::string_view text);

// Shared by threads.
class HostList {
 public:
  // `names`: exact names and IP addresses that are allowed beside those of the machine. Throws as
  // parse_host_name does.
  explicit HostList(const std::vector<std::string>& names);

  // Whether it is localhost, 127.0.0.1, ::1, the address that the connection came to, or one of the
  // names. The port does not count: a forwarded port is another one.
  bool allows(const Authority& called, std::string_view local_address) const;
  // Whether a page of this origin may call: it is the server itself, as the request calls it
  // (nothing where the request does not say), or one of the names.
  bool allows_origin(std::string_view origin, const std::optional<Authority>& called) const;

 private:
  std::vector<std::string> names_;
};

}  // namespace modelfloat::server
