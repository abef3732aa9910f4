#include <charconv>

#include "modelfloat/store/mega/api.h"

namespace modelfloat::store::mega {
namespace {

constexpr Milliseconds k_rate_limit_wait = std::chrono::seconds(30);
// MEGA counts the downloads of an IP address over the last six hours. Half of that is a reasonable
// wait if it names none.
constexpr Milliseconds k_transfer_quota_wait = std::chrono::hours(3);

std::string with_code(std::string_view words, int code) {
  return std::string(words) + " (MEGA's error " + std::to_string(code) + ")";
}

// What only means this in answer to a login.
std::optional<Error> login_error(int code, const std::string& where) {
  const auto denied = [&](std::string_view words) { return Error(ErrorKind::denied, where, with_code(words, code)); };
  switch (code) {
    case -5:
      return denied(
          "MEGA does not take the code of the second factor: are totp_secret and this machine's clock right?");
    case -9: return denied("MEGA knows no account with this email and password");
    case -13: return denied("the account was never confirmed: open the link in MEGA's mail");
    default: return std::nullopt;
  }
}

Error quota_error(int code, Purpose purpose, std::string where) {
  if (purpose == Purpose::read) {
    return {ErrorKind::rate_limited, std::move(where), with_code("MEGA's transfer quota is used up for now", code),
            k_transfer_quota_wait};
  }
  return {ErrorKind::out_of_space, std::move(where), with_code("the MEGA account is full", code)};
}

}  // namespace

Error code_error(int code, Purpose purpose, std::string where) {
  if (purpose == Purpose::login) {
    if (auto error = login_error(code, where)) return *std::move(error);
  }
  const auto error = [&](ErrorKind kind, std::string_view words) {
    return Error(kind, std::move(where), with_code(words, code));
  };
  switch (code) {
    case -1: return error(ErrorKind::transient, "MEGA has trouble inside");
    case -3: return error(ErrorKind::transient, "MEGA asks to try again later");
    case -4:
    case -6:
    case -19:
      return {ErrorKind::rate_limited, std::move(where), with_code("MEGA asks for fewer calls", code),
              k_rate_limit_wait};
    case -5:
      return error(ErrorKind::transient,
                   purpose == Purpose::write ? "the upload failed and must begin anew" : "MEGA failed to do it");
    case -8: return error(ErrorKind::transient, "what MEGA handed out has expired");
    case -9: return error(ErrorKind::not_found, "MEGA does not have it");
    case -11: return error(ErrorKind::denied, "the account may not do this");
    case -13: return error(ErrorKind::transient, "is not complete on MEGA yet");
    case -14: return error(ErrorKind::corrupt, "MEGA cannot open a key");
    case -15: return error(ErrorKind::denied, "MEGA refuses a session that it has just given");
    case -16:
      return error(ErrorKind::denied, "MEGA has blocked the account or the file: log in on its web site to see why");
    case -17:
    case -24: return quota_error(code, purpose, std::move(where));
    case -18: return error(ErrorKind::transient, "is not available on MEGA at the moment");
    case -20:
    case -21: return error(ErrorKind::transient, "MEGA's storage server has trouble");
    case -22: return error(ErrorKind::denied, "MEGA asks for an application key, which this program has none of");
    case -23: return error(ErrorKind::denied, "MEGA does not trust the connection: does something on the way open it?");
    case -25: return error(ErrorKind::transient, "MEGA took the call back");
    case -26:
      return error(ErrorKind::denied,
                   "the account asks for a second factor: put the secret of its authenticator into the credentials as "
                   "totp_secret");
    case -27: return error(ErrorKind::denied, "only the administrator of this MEGA business account may do this");
    case -28: return error(ErrorKind::denied, "the MEGA business account has expired");
    case -29:
      return error(purpose == Purpose::write ? ErrorKind::out_of_space : ErrorKind::denied,
                   "the MEGA account is over its quota and locked: delete files or pay, before MEGA deletes them");
    case -30:
      return error(ErrorKind::denied,
                   "the MEGA business account has not been given its key: log in on its web site first");
    case -2:
    case -7:
    case -10:
    case -12: return error(ErrorKind::internal, "MEGA finds the call wrong");
    default: return error(ErrorKind::internal, "MEGA answers with a number that is not known");
  }
}

Error transfer_quota_error(const http::Response& response, std::string where) {
  Milliseconds wait = k_transfer_quota_wait;
  if (const auto text = response.header("x-mega-time-left")) {
    std::uint32_t seconds = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
    if (error == std::errc() && end == text->data() + text->size() && seconds > 0) wait = std::chrono::seconds(seconds);
  }
  return {ErrorKind::rate_limited, std::move(where),
          "MEGA's transfer quota for this internet address is used up for now (HTTP 509)", wait};
}

}  // namespace modelfloat::store::mega
