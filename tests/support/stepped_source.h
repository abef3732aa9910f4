#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "modelfloat/base/byte_source.h"

namespace modelfloat::test {

// Bytes in memory, which must outlive it, handed out at most `step` at a time; claims the size that
// it is told to.
class SteppedSource final : public ByteSource {
 public:
  SteppedSource(ByteSpan bytes, std::size_t step, std::optional<std::uint64_t> claimed_size = std::nullopt)
      : inner_(bytes), size_(bytes.size()), step_(step), claimed_size_(claimed_size) {}
  std::size_t read(MutableByteSpan to) override {
    const auto count = inner_.read(to.first(std::min(step_, to.size())));
    given_ += count;
    return count;
  }
  std::optional<std::uint64_t> size_bytes() const override { return claimed_size_; }
  std::size_t given() const noexcept { return given_; }
  bool used_up() const noexcept { return given_ == size_; }

 private:
  MemorySource inner_;
  std::size_t size_;
  std::size_t step_;
  std::size_t given_ = 0;
  std::optional<std::uint64_t> claimed_size_;
};

}  // namespace modelfloat::test
