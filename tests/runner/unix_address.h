#pragma once
// Addresses of sockets of this machine.

#include <cstring>
#include <string>

#include <sys/socket.h>
#include <sys/un.h>

namespace modelfloat::test {

inline sockaddr_un address_of(const std::string& name, bool abstract) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + (abstract ? 1 : 0), name.c_str(), name.size());
  return address;
}

}  // namespace modelfloat::test
