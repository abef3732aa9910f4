#include "modelfloat/store/rclone/address.h"

#include <algorithm>
#include <cctype>

#include "modelfloat/base/error.h"

namespace modelfloat::store::rclone {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorKind::invalid,
              "rclone:", why + "; a remote is named as rclone names it, such as rclone:mydrive:folder");
}

bool is_name_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || byte >= 0x80 || std::string_view("_-.+@ ").find(c) != std::string_view::npos;
}

}  // namespace

Address parse_address(std::string_view rest) {
  const auto colon = rest.find(':');
  if (colon == std::string_view::npos) refuse("there is no colon behind the remote's name");
  Address address{std::string(rest.substr(0, colon)), ""};
  // rclone would also take :backend,option=value: here. That is where passwords stand.
  const std::string& name = address.remote;
  if (name.empty() || name.front() == '-' || name.front() == ' ' || name.back() == ' ' ||
      !std::all_of(name.begin(), name.end(), is_name_character)) {
    refuse("that is no name of a remote in rclone's configuration");
  }
  std::string_view path = rest.substr(colon + 1);
  if (std::any_of(path.begin(), path.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    refuse("there is a control character in the path");
  }
  const bool absolute = path.starts_with('/');
  while (!path.empty()) {
    const auto slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    if (part == "..") refuse("the path goes up by \"..\"");
    if (!part.empty() && part != ".") address.path += (address.path.empty() ? "" : "/") + std::string(part);
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  if (absolute) address.path.insert(0, "/");
  return address;
}

}  // namespace modelfloat::store::rclone
