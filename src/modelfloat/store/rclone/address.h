#pragma once
// The address of an rclone store: rclone:REMOTE:PATH.

#include <string>
#include <string_view>

namespace modelfloat::store::rclone {

struct Address {
  std::string remote;  // as rclone's configuration calls it
  std::string path;    // without a slash at the end; empty for the remote's root

  // The text that parse_address() reads.
  std::string text() const { return remote + ":" + path; }
};

// Parses what follows "rclone:". Throws Error{invalid} for an invalid address, for a backend with
// options in place of a remote's name, and for a path with "..".
Address parse_address(std::string_view rest);

}  // namespace modelfloat::store::rclone
