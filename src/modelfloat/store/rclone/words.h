#pragma once
// What rclone's words mean. It says what went wrong at a provider in one line of text and in
// nothing else.

#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"

namespace modelfloat::store::rclone {

// The kind of failure that the text tells of, in any case of letters. `status` is that of the
// answer.
ErrorKind kind_of(std::string_view text, int status);

// How long the text asks to wait, when it does ("retry after 30s", "trying again in 300 seconds").
std::optional<Milliseconds> wait_in(std::string_view text);

// The text as a message may quote it: its first line, not long, without the queries of addresses,
// which may hold tokens.
std::string safe_words(std::string_view text);

}  // namespace modelfloat::store::rclone
