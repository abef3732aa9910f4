#pragma once
// Writes a whole buffer, by several calls where necessary.

#include <cstdint>
#include <string_view>

#include "modelfloat/base/bytes.h"

namespace modelfloat {

// All of `bytes`, at the descriptor's position. Throws system_error(errno, where, "cannot be
// written").
void write_all(int fd, ByteSpan bytes, std::string_view where);

// The same at `offset`, whatever the position; from several threads at once.
void write_all_at(int fd, std::uint64_t offset, ByteSpan bytes, std::string_view where);

}  // namespace modelfloat
