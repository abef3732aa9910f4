#include "modelfloat/engine/pool/settings.h"

#include <algorithm>
#include <sstream>

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
template std::optional<std::array<std::byte, 32>> Settings::array<32>(const std::string&) const;

PolicySet Settings::policy() const {
  const auto bytes = array<3>("policy");
  if (!bytes) return {};
  return {std::to_integer<std::uint8_t>((*bytes)[0]), std::to_integer<std::uint8_t>((*bytes)[1]),
          std::to_integer<std::uint8_t>((*bytes)[2])};
}

void Settings::set_policy(const PolicySet& policy) {
  registry_.set_setting("policy", std::array{std::byte{policy.k}, std::byte{policy.m}, std::byte{policy.survive}});
}

std::uint8_t Settings::number(const std::string& name) const {
  const auto bytes = array<1>(name);
  return bytes ? std::to_integer<std::uint8_t>((*bytes)[0]) : std::uint8_t{0};
}

void Settings::raise(const std::string& name, std::uint8_t value) {
  if (value <= number(name)) return;
  registry_.transaction([&] {  // another process may raise it at the same time
    if (value > number(name)) registry_.set_setting(name, std::array{std::byte{value}});
  });
}

std::uint8_t Settings::largest_parity() const { return number("largest_parity"); }
void Settings::raise_largest_parity(std::uint8_t m) { raise("largest_parity", m); }
std::uint8_t Settings::largest_survive() const { return std::max(number("largest_survive"), policy().survive); }
void Settings::raise_largest_survive(std::uint8_t survive) { raise("largest_survive", survive); }

std::string Settings::text(const std::string& name) const {
  const auto bytes = registry_.setting(name);
  return bytes ? std::string(as_text(*bytes)) : std::string();
}

void Settings::set_log_blocked(const std::string& why) {
  if (why != log_blocked()) registry_.set_setting("log_blocked", as_bytes(why));
}

std::map<std::uint64_t, std::uint64_t> Settings::checkpoints_everywhere() const {
  std::map<std::uint64_t, std::uint64_t> times;
  std::istringstream from(text("checkpoints_everywhere"));
  std::uint64_t seq = 0;
  std::uint64_t time = 0;
  while (from >> seq >> time) times[seq] = time;
  return times;
}

void Settings::set_checkpoints_everywhere(const std::map<std::uint64_t, std::uint64_t>& times) {
  if (times == checkpoints_everywhere()) return;
  std::ostringstream to;
  for (const auto& [seq, time] : times) to << seq << ' ' << time << '\n';
  registry_.set_setting("checkpoints_everywhere", as_bytes(to.str()));
}

std::vector<BarelyKnownStore> Settings::barely_known() const {
  std::vector<BarelyKnownStore> stores;
  std::istringstream from(text("barely_known_stores"));
  std::string id;
  BarelyKnownStore one;
  while (from >> id >> one.record >> one.domains) {
    if (const auto bytes = array_from_hex<16>(id)) stores.push_back({*bytes, one.record, one.domains});
  }
  return stores;
}

void Settings::set_barely_known(const std::vector<BarelyKnownStore>& stores) {
  std::ostringstream to;
  for (const BarelyKnownStore& one : stores) to << to_hex(one.store) << ' ' << one.record << ' ' << one.domains << '\n';
  if (to.str() != text("barely_known_stores")) registry_.set_setting("barely_known_stores", as_bytes(to.str()));
}

}  // namespace modelfloat::engine
