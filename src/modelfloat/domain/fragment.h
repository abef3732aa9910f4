#pragma once
// A fragment: at most 1 MiB of a file's bytes, and where it lies.

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "modelfloat/base/bytes.h"
#include "modelfloat/domain/codec.h"
#include "modelfloat/domain/ids.h"

namespace modelfloat {

inline constexpr std::uint32_t k_max_fragment_bytes = 1U << 20;

// A frame inside a pack.
struct FrameRef {
  PackId pack{};
  std::uint64_t offset = 0;        // of the sealed frame in the pack
  std::uint32_t sealed_bytes = 0;  // with its tag
  std::uint32_t number = 0;        // frame number: the nonce
  bool operator==(const FrameRef&) const = default;
};

// A fragment as a manifest lists it: its bytes lie in a pack or, for very little data, in the
// manifest itself (encoded).
struct Fragment {
  FragmentId id{};
  std::uint32_t plain_bytes = 0;
  Codec codec{};
  std::variant<FrameRef, Bytes> place;

  const FrameRef* frame() const noexcept { return std::get_if<FrameRef>(&place); }
  const Bytes* inline_bytes() const noexcept { return std::get_if<Bytes>(&place); }
  bool operator==(const Fragment&) const = default;
};

}  // namespace modelfloat
