#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "modelfloat/base/byte_source.h"

namespace modelfloat::test {

// Bytes in memory, which must outlive it, handed out at most `step` at a time; claims the size that it is told to.
class SteppedSource final : public ByteSource {
 public:
  SteppedSource(ByteSpan bytes, std::size_t step, std::optional<std::uint64_t> claimed_size = std::nullopt)
      : inner_(bytes), left_(bytes.size()), step_(step), claimed_size_(claimed_size) {}
  std::size_t read(MutableByteSpan to) override {
    const auto count = inner_.read(to.first(std::min(step_, to.size())));
    left_ -= count;
    return count;
  }
  std::optional<std::uint64_t> size_bytes() const override { return claimed_size_; }
  bool used_up() const noexcept { return left_ == 0; }

 private:
  MemorySource inner_;
  std::size_t left_;
  std::size_t step_;
  std::optional<std::uint64_t> claimed_size_;
};

}  // namespace modelfloat::test
