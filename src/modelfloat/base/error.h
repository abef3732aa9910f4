#pragma once
// ModelFloat reports every failure by an exception of this type. Absence is reported by
// std::optional, never by an Error.

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace modelfloat {

enum class ErrorKind {
  invalid,       // the request, file or setting makes no sense as it stands
  not_found,     // what was named does not exist
  denied,        // wrong key, token or permission
  out_of_space,  // a store or the local disk is full, or no placement has room
  rate_limited,  // asked to wait
  transient,     // may work when tried again
  timed_out,     // the deadline passed
  offline,       // a store cannot be reached, or is not the expected one (its marker is missing)
  corrupt,       // bytes are there and they are wrong
  lost,          // too few good copies or shards can be read now
  unsupported,   // a newer format, or a model that cannot be run
  cancelled,     // the caller asked to stop
  internal,      // a bug
};

std::string_view to_string(ErrorKind) noexcept;
// The kind with this name; nullopt for an unknown one.
std::optional<ErrorKind> error_kind_from(std::string_view name) noexcept;

// Whether the same call may succeed later without anything being changed: rate_limited, transient
// and timed_out.
bool worth_retrying(ErrorKind) noexcept;

// what() reads "where: message". `where` is the file, store, object or option that the message is
// about.
struct Error : std::runtime_error {
  Error(ErrorKind error_kind, std::string error_where, std::string_view message,
        std::optional<std::chrono::milliseconds> wait = std::nullopt);

  ErrorKind kind;
  std::string where;
  // How long the peer asked us to wait.
  std::optional<std::chrono::milliseconds> retry_after;
};

// An Error for a failed system call: errno's text behind `message`, its kind from errno (ENOSPC ->
// out_of_space, ENOENT -> not_found, EACCES -> denied, else transient for EINTR/EAGAIN/EIO,
// internal for the rest).
Error system_error(int error_number, std::string where, std::string_view message);

}  // namespace modelfloat
