#pragma once
// Which host names a server accepts. In a DNS rebinding attack, a page of another site reaches a
// server on this machine under the site's own name. So unknown names are refused.

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
// "Localhost.", "127.0.0.1:80", "[::1]:", ...; nullopt when it is not a host.
std::optional<Authority> parse_authority(std::string_view text);

// Normalises a host name or IP address to the form of Authority::host. Throws Error{invalid} when
// it is neither, or when a port follows.
std::string parse_host_name(std::string_view text);

// All methods may be called from many threads.
class HostList {
 public:
  // `names`: exact names and IP addresses that are allowed beside those of the machine. Throws as
  // parse_host_name does.
  explicit HostList(const std::vector<std::string>& names);

  // Whether `called` is localhost, 127.0.0.1, ::1, the local address of the connection, or one of
  // the names. The port is ignored, because port forwarding may change it.
  bool allows(const Authority& called, std::string_view local_address) const;
  // Whether a page of this origin may call the server: the origin must be the server itself, or
  // one of the names. `called` is how the request names the server; nullopt where it names none.
  bool allows_origin(std::string_view origin, const std::optional<Authority>& called) const;

 private:
  std::vector<std::string> names_;
};

}  // namespace modelfloat::server
