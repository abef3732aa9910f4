#pragma once
// The address of a WebDAV store: webdav:https://host/path.

#include <algorithm>
#include <string>
#include <string_view>

#include "modelfloat/store/http/url.h"

namespace modelfloat::store::webdav {

// `folder` is not encoded, begins with a slash and does not end with one; empty: the server's root.
struct Address {
  http::Url server;
  std::string folder;
  std::string text() const { return server.root() + http::percent_encode(folder, true); }
};

// Parses what follows "webdav:". Throws Error{invalid} when it is not a valid address.
Address parse_address(std::string_view text);

// leaf_of() is the last part of a path, parent_of() the part before its slash.
inline std::string_view leaf_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }
inline std::string_view parent_of(std::string_view path) {
  return path.substr(0, std::min(path.rfind('/'), path.size()));
}

}  // namespace modelfloat::store::webdav
