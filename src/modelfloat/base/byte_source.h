#pragma once
// A stream of bytes that is read once, from front to back: a local file, an HTTP body, bytes in
// memory.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "modelfloat/base/bytes.h"

namespace modelfloat {

// Used by one thread at a time.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Reads at least one byte and at most to.size(), and returns how many. 0 means the end (or an
  // empty `to`); after the end every call returns 0. Throws Error.
  virtual std::size_t read(MutableByteSpan to) = 0;
  // The total number of bytes; nullopt when it is not known before the stream is read.
  virtual std::optional<std::uint64_t> size_bytes() const = 0;
};

// Bytes in memory, which must outlive it.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(ByteSpan bytes) : rest_(bytes), size_(bytes.size()) {}

  std::size_t read(MutableByteSpan to) override {
    const auto count = std::min(to.size(), rest_.size());
    std::copy_n(rest_.begin(), count, to.begin());
    rest_ = rest_.subspan(count);
    return count;
  }
  std::optional<std::uint64_t> size_bytes() const override { return size_; }

 private:
  ByteSpan rest_;
  std::uint64_t size_;
};

}  // namespace modelfloat
