#pragma once
// Where an rclone store lies: rclone:REMOTE:PATH.

#include <string>
#include <string_view>

namespace modelfloat::store::rclone {

struct Address {
  std::string remote;  // as rclone's configuration calls it
  std::string path;    // without a slash at the end; empty for the remote's root

  // As parse_address() takes it.
  std::string text() const { return remote + ":" + path; }
};

// Reads what follows "rclone:". Error{invalid} when it is no such address, also for a backend with
// options in place of a remote's name, and for a path that goes up.
Address parse_address(std::string_view rest);

}  // namespace modelfloat::store::rclone
