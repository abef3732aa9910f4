#include "modelfloat/store/webdav/address.h"

#include <algorithm>

#include "modelfloat/base/error.h"

namespace modelfloat::store::webdav {

[[noreturn]] static void refuse(std::string_view why) {
  throw Error(ErrorKind::invalid, "webdav:", std::string(why) + "; an example: webdav:https://host/path");
}

Address parse_address(std::string_view text) {
  if (text.find_first_of("?#") != std::string_view::npos)
    refuse("the address has a question mark or a hash in it (%3F and %23 where they are meant)");
  Address address;
  address.server = http::parse_url(text);
  if ((address.server.scheme == "https" && address.server.port == 443) ||
      (address.server.scheme == "http" && address.server.port == 80))
    address.server.port = 0;
  std::string_view rest = address.server.path;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string part = http::percent_decode(rest.substr(0, rest.find('/')));
    rest.remove_prefix(std::min(rest.find('/'), rest.size()));
    if (part.empty()) continue;
    if (part == "." || part == "..") refuse("the path has \".\" or \"..\" in it");
    if (std::any_of(part.begin(), part.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '/'; }))
      refuse("the path has a control character or an encoded slash in it");
    address.folder += "/" + part;
  }
  if (address.folder.size() > 2048) refuse("the path is too long");
  address.server.path.clear();
  return address;
}

}  // namespace modelfloat::store::webdav
