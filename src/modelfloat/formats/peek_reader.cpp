#include "modelfloat/formats/peek_reader.h"

#include <algorithm>

namespace modelfloat::formats {

std::size_t PeekReader::read_source(MutableByteSpan to) {
  std::size_t done = 0;
  while (done < to.size()) {
    const auto count = source_.read(to.subspan(done));
    if (count == 0) break;
    done += count;
  }
  return done;
}

ByteSpan PeekReader::peek(std::size_t count) {
  if (begin_ > 0) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
  const auto have = buffer_.size();
  if (have < count) {
    buffer_.reserve(count);
    buffer_.resize(count);
    buffer_.resize(have + read_source(MutableByteSpan(buffer_).subspan(have)));
  }
  return ByteSpan(buffer_).first(std::min(count, buffer_.size()));
}

std::size_t PeekReader::read(MutableByteSpan to) {
  const auto from_buffer = std::min(to.size(), buffer_.size() - begin_);
  std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), from_buffer, to.begin());
  begin_ += from_buffer;
  if (begin_ == buffer_.size()) {
    buffer_ = Bytes();
    begin_ = 0;
  }
  return from_buffer + read_source(to.subspan(from_buffer));
}

void PeekReader::unread(ByteSpan bytes) {
  // With bytes left in the buffer, the last read came from it alone.
  if (begin_ >= bytes.size()) {
    begin_ -= bytes.size();
  } else {
    buffer_ = to_bytes(bytes);
    begin_ = 0;
  }
}

}  // namespace modelfloat::formats
