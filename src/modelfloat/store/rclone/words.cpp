#include "modelfloat/store/rclone/words.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "modelfloat/base/ascii.h"

namespace modelfloat::store::rclone {

ErrorKind kind_of(std::string_view said, int status) {
  using Pair = std::pair<std::string_view, ErrorKind>;
  // The first that is found counts: what is more special stands first.
  static constexpr Pair k_meanings[] = {
      {"didn't find section in config file", ErrorKind::offline},
      {"couldn't decrypt configuration", ErrorKind::denied},
      {"object not found", ErrorKind::not_found},
      {"directory not found", ErrorKind::not_found},
      // Bytes that are wrong, as crypt, hasher and rclone itself notice them.
      {"failed to authenticate decrypted block", ErrorKind::corrupt},
      {"not an encrypted file", ErrorKind::corrupt},
      {"file is too short to be encrypted", ErrorKind::corrupt},
      {"bad magic", ErrorKind::corrupt},
      {"corrupted on transfer", ErrorKind::corrupt},
      {"hash differ", ErrorKind::corrupt},
      {"missing chunk", ErrorKind::corrupt},
      {"mac mismatch", ErrorKind::corrupt},
      // Asked to wait. Some of these are about quotas of transfer, not of room.
      {"ratelimit", ErrorKind::rate_limited},
      {"rate limit", ErrorKind::rate_limited},
      {"rate_limit", ErrorKind::rate_limited},
      {"too many requests", ErrorKind::rate_limited},
      {"too_many_requests", ErrorKind::rate_limited},
      {"too_many_write_operations", ErrorKind::rate_limited},
      {"error 429", ErrorKind::rate_limited},
      {"slowdown", ErrorKind::rate_limited},
      {"slow down", ErrorKind::rate_limited},
      {"dailylimitexceeded", ErrorKind::rate_limited},
      {"downloadquotaexceeded", ErrorKind::rate_limited},
      {"uploadlimitexceeded", ErrorKind::rate_limited},
      {"bandwidth limit exceeded", ErrorKind::rate_limited},
      {"retry after", ErrorKind::rate_limited},
      {"trying again in", ErrorKind::rate_limited},
      // No room.
      {"quotaexceeded", ErrorKind::out_of_space},
      {"quota exceeded", ErrorKind::out_of_space},
      {"quota_exceeded", ErrorKind::out_of_space},
      {"over quota", ErrorKind::out_of_space},
      {"quotalimitreached", ErrorKind::out_of_space},
      {"insufficient storage", ErrorKind::out_of_space},
      {"insufficient_space", ErrorKind::out_of_space},
      {"insufficient space", ErrorKind::out_of_space},
      {"insufficientstorage", ErrorKind::out_of_space},
      {"no space left", ErrorKind::out_of_space},
      {"not enough space", ErrorKind::out_of_space},
      {"storage limit", ErrorKind::out_of_space},
      {"disk quota", ErrorKind::out_of_space},
      // Not let in.
      {"invalid_grant", ErrorKind::denied},
      {"token expired", ErrorKind::denied},
      {"expired_access_token", ErrorKind::denied},
      {"expired token", ErrorKind::denied},
      {"empty token found", ErrorKind::denied},
      {"invalid_access_token", ErrorKind::denied},
      {"invalidauthenticationtoken", ErrorKind::denied},
      {"unauthenticated", ErrorKind::denied},
      {"unauthorized", ErrorKind::denied},
      {"forbidden", ErrorKind::denied},
      {"accessdenied", ErrorKind::denied},
      {"access denied", ErrorKind::denied},
      {"permission denied", ErrorKind::denied},
      {"permission_denied", ErrorKind::denied},
      {"invalidaccesskeyid", ErrorKind::denied},
      {"signaturedoesnotmatch", ErrorKind::denied},
      {"couldn't login", ErrorKind::denied},
      {"login failed", ErrorKind::denied},
      {"unable to authenticate", ErrorKind::denied},
      {"failed to authenticate", ErrorKind::denied},
      {"read only", ErrorKind::denied},
      {"read-only", ErrorKind::denied},
      {"x509", ErrorKind::denied},
      // Not there.
      {"connection refused", ErrorKind::offline},
      {"no such host", ErrorKind::offline},
      {"network is unreachable", ErrorKind::offline},
      {"no route to host", ErrorKind::offline},
      {"host is down", ErrorKind::offline},
      {"transport endpoint is not connected", ErrorKind::offline},
      {"deadline exceeded", ErrorKind::timed_out},
      {"i/o timeout", ErrorKind::timed_out},
      {"timed out", ErrorKind::timed_out},
      {"timeout", ErrorKind::timed_out},
      // Other things that rclone cannot do.
      {"didn't find backend called", ErrorKind::unsupported},
      {"doesn't support", ErrorKind::unsupported},
      {"not supported", ErrorKind::unsupported},
      {"internal server error", ErrorKind::transient},
  };
  const std::string text = lower_case(said);
  for (const auto& [words, kind] : k_meanings) {
    if (text.find(words) != std::string::npos) return kind;
  }
  if (status == 404) return ErrorKind::not_found;
  if (status == 401 || status == 403) return ErrorKind::denied;
  return status >= 400 && status < 500 ? ErrorKind::invalid : ErrorKind::transient;
}

std::optional<Milliseconds> wait_in(std::string_view said) {
  const std::string text = lower_case(said);
  for (const std::string_view words : {"retry after ", "again in ", "retry-after: "}) {
    const auto at = text.find(words);
    if (at == std::string::npos) continue;
    const char* begin = text.data() + at + words.size();
    double seconds = 0;
    const auto [end, error] = std::from_chars(begin, text.data() + text.size(), seconds);
    if (error != std::errc() || seconds < 0 || seconds > 1e6) continue;
    const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    const double factor = unit.starts_with("ms")  ? 1
                          : unit.starts_with("m") ? 60'000
                          : unit.starts_with("h") ? 3'600'000
                                                  : 1000;
    return Milliseconds(static_cast<Milliseconds::rep>(seconds * factor));
  }
  return std::nullopt;
}

std::string safe_words(std::string_view text) {
  constexpr std::size_t k_begin = 80;  // of a long text; the reason stands at the end
  constexpr std::size_t k_end = 160;
  text = text.substr(0, text.find_first_of("\r\n"));
  std::string words;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '?' && i + 1 < text.size() && text.substr(0, i).rfind("://") != std::string_view::npos &&
        text[i + 1] != ' ') {
      words += "?…";
      i = std::min(text.find_first_of(" \"'", i), text.size()) - 1;
    } else {
      words += c < 0x20 || c == 0x7f ? ' ' : text[i];
    }
  }
  if (words.size() > k_begin + k_end) words.replace(k_begin, words.size() - k_begin - k_end, " … ");
  return words;
}

}  // namespace modelfloat::store::rclone
