#pragma once
// A stream that can be looked ahead into before it is read.

#include <cstdint>
#include <optional>

#include "modelfloat/base/byte_source.h"
#include "modelfloat/base/bytes.h"

namespace modelfloat::formats {

// Used by one thread. The source must outlive it. Its memory is bounded by the bytes that were
// peeked and not read yet.
class PeekReader {
 public:
  explicit PeekReader(ByteSource& source) : source_(source) {}
  PeekReader(const PeekReader&) = delete;
  PeekReader& operator=(const PeekReader&) = delete;

  // The next `count` bytes, or fewer when the stream ends; they stay unread. Valid until the next
  // call of any kind.
  ByteSpan peek(std::size_t count);
  // Reads until `to` is full or the stream ends. Returns the number of bytes.
  std::size_t read(MutableByteSpan to);
  // Puts back the last bytes of the last read(), to be read again. `bytes` are those bytes.
  void unread(ByteSpan bytes);
  std::optional<std::uint64_t> size_bytes() const { return source_.size_bytes(); }

 private:
  std::size_t read_source(MutableByteSpan to);

  ByteSource& source_;
  Bytes buffer_;
  std::size_t begin_ = 0;  // what lies before it in the buffer was read
};

}  // namespace modelfloat::formats
