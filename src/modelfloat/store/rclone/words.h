#pragma once
// The meaning of rclone's messages. Rclone reports an error of a provider only as one line of text.

#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"

namespace modelfloat::store::rclone {

// The error kind that the text means; upper and lower case are equal. `status` is the HTTP status
// of the answer.
ErrorKind kind_of(std::string_view text, int status);

// The wait that the text asks for ("retry after 30s", "trying again in 300 seconds"); nullopt when
// it asks for none.
std::optional<Milliseconds> wait_in(std::string_view text);

// The text in a form that is safe to quote: its first line, shortened, without the queries of URLs,
// which may contain tokens.
std::string safe_words(std::string_view text);

}  // namespace modelfloat::store::rclone
