#include "modelfloat/base/write_all.h"

#include <cerrno>
#include <string>

#include <unistd.h>

#include "modelfloat/base/error.h"

namespace modelfloat {
namespace {

// `write` takes what is left and gives what write() does.
template <typename Write>
void write_in_steps(ByteSpan bytes, std::string_view where, const Write& write) {
  while (!bytes.empty()) {
    const ssize_t count = write(bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw system_error(errno, std::string(where), "cannot be written");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

}  // namespace

void write_all(int fd, ByteSpan bytes, std::string_view where) {
  write_in_steps(bytes, where, [&](ByteSpan left) { return ::write(fd, left.data(), left.size()); });
}

void write_all_at(int fd, std::uint64_t offset, ByteSpan bytes, std::string_view where) {
  write_in_steps(bytes, where, [&](ByteSpan left) {
    const auto done = bytes.size() - left.size();
    return ::pwrite(fd, left.data(), left.size(), static_cast<off_t>(offset + done));
  });
}

}  // namespace modelfloat
