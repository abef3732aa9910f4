#include "modelfloat/base/error.h"

#include <cerrno>
#include <system_error>

namespace modelfloat {

std::string_view to_string(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::invalid: return "invalid";
    case ErrorKind::not_found: return "not_found";
    case ErrorKind::denied: return "denied";
    case ErrorKind::out_of_space: return "out_of_space";
    case ErrorKind::rate_limited: return "rate_limited";
    case ErrorKind::transient: return "transient";
    case ErrorKind::timed_out: return "timed_out";
    case ErrorKind::offline: return "offline";
    case ErrorKind::corrupt: return "corrupt";
    case ErrorKind::lost: return "lost";
    case ErrorKind::unsupported: return "unsupported";
    case ErrorKind::cancelled: return "cancelled";
    case ErrorKind::internal: return "internal";
  }
  return "internal";
}

std::optional<ErrorKind> error_kind_from(std::string_view name) noexcept {
  for (int number = 0; number <= static_cast<int>(ErrorKind::internal); ++number) {
    const auto kind = static_cast<ErrorKind>(number);
    if (to_string(kind) == name) return kind;
  }
  return std::nullopt;
}

bool worth_retrying(ErrorKind kind) noexcept {
  return kind == ErrorKind::rate_limited || kind == ErrorKind::transient || kind == ErrorKind::timed_out;
}

static std::string join(const std::string& where, std::string_view message) {
  return where.empty() ? std::string(message) : where + ": " + std::string(message);
}

Error::Error(ErrorKind error_kind, std::string error_where, std::string_view message,
             std::optional<std::chrono::milliseconds> wait)
    : std::runtime_error(join(error_where, message)),
      kind(error_kind),
      where(std::move(error_where)),
      retry_after(wait) {}

static ErrorKind kind_of(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ErrorKind::out_of_space;
    case ENOENT:
    case ENOTDIR: return ErrorKind::not_found;
    case EACCES:
    case EPERM:
    case EROFS: return ErrorKind::denied;
    case EINTR:
    case EAGAIN:
    case EIO:
    case EMFILE:
    case ENFILE: return ErrorKind::transient;
    case ENAMETOOLONG:
    case EINVAL:
    case EISDIR:
    case ELOOP: return ErrorKind::invalid;
    default: return ErrorKind::internal;
  }
}

Error system_error(int error_number, std::string where, std::string_view message) {
  const std::string text = std::string(message) + ": " + std::generic_category().message(error_number);
  return Error(kind_of(error_number), std::move(where), text);
}

}  // namespace modelfloat
