#include "modelfloat/engine/pool/settings.h"

#include <algorithm>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"

namespace modelfloat::engine {

template <std::size_t N>
std::optional<std::array<std::byte, N>> Settings::array(const std::string& name) const {
  const auto bytes = registry_.setting(name);
  if (!bytes) return std::nullopt;
  if (bytes->size() != N) throw Error(ErrorKind::corrupt, "registry setting " + name, "has a wrong length");
  std::array<std::byte, N> value;
  std::copy(bytes->begin(), bytes->end(), value.begin());
  return value;
}
template std::optional<std::array<std::byte, 16>> Settings::array<16>(const std::string&) const;

PolicySet Settings::policy() const {
  const auto bytes = array<3>("policy");
  if (!bytes) return {};
  return {std::to_integer<std::uint8_t>((*bytes)[0]), std::to_integer<std::uint8_t>((*bytes)[1]),
          std::to_integer<std::uint8_t>((*bytes)[2])};
}

void Settings::set_policy(const PolicySet& policy) {
  registry_.set_setting("policy", std::array{std::byte{policy.k}, std::byte{policy.m}, std::byte{policy.survive}});
}

std::uint8_t Settings::largest_parity() const {
  const auto bytes = array<1>("largest_parity");
  return bytes ? std::to_integer<std::uint8_t>((*bytes)[0]) : std::uint8_t{0};
}

void Settings::raise_largest_parity(std::uint8_t m) {
  if (m <= largest_parity()) return;
  registry_.transaction([&] {  // another process may raise it at the same time
    if (m > largest_parity()) registry_.set_setting("largest_parity", std::array{std::byte{m}});
  });
}

std::uint64_t Settings::covered(const WriterId& writer) const {
  const auto bytes = array<8>("covered/" + to_hex(writer));
  return bytes ? load_le<std::uint64_t>(*bytes) : 0;
}

void Settings::set_covered(const WriterId& writer, std::uint64_t seq) {
  std::array<std::byte, 8> bytes;
  store_le<std::uint64_t>(bytes, seq);
  registry_.set_setting("covered/" + to_hex(writer), bytes);
}

}  // namespace modelfloat::engine
