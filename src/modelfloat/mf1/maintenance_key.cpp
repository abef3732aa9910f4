#include "modelfloat/mf1/maintenance_key.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"

namespace modelfloat::mf1 {
namespace {

constexpr std::string_view k_version = "1";
constexpr std::string_view k_pool = "pool ";
constexpr std::string_view k_structure = "structure ";
constexpr std::string_view k_check = "check ";
constexpr std::size_t k_check_bytes = 8;
// More than the longest line has.
constexpr std::size_t k_line_bytes = 96;

Error refused(std::string_view why) { return {ErrorKind::invalid, "maintenance key", why}; }

std::string check_of(std::string_view text) {
  return to_hex(ByteSpan(crypto::blake3(as_bytes(text))).first(k_check_bytes));
}

// The text up to the next line end, which is taken away with it.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) throw refused("is damaged or was cut off: its last line is not whole");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

// Lower-case digits alone: each key has one text.
template <std::size_t N>
std::optional<std::array<std::byte, N>> digits(std::string_view text) {
  const bool is_lower =
      std::none_of(text.begin(), text.end(), [](char character) { return character >= 'A' && character <= 'F'; });
  return is_lower ? array_from_hex<N>(text) : std::nullopt;
}

std::uint32_t epoch_of(std::string_view text) {
  std::uint32_t epoch = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), epoch);
  if (error != std::errc{} || end != text.data() + text.size() || text.front() == '0')
    throw refused("is damaged: a line has no epoch");
  return epoch;
}

}  // namespace

MaintenanceKey::MaintenanceKey(const Keyring& keyring) : pool_(keyring.pool_id()) {
  if (keyring.root_count() > k_most_keys)
    throw Error(ErrorKind::unsupported, "maintenance key",
                "the pool has more keys than a maintenance key file can have (" + std::to_string(k_most_keys) + ")");
  for (std::optional<std::uint32_t> epoch = keyring.current_epoch(); epoch; epoch = keyring.epoch_before(*epoch)) {
    for (const RootKey& root : keyring.roots(*epoch)) add(*epoch, root.key(KeyUse::structure));
  }
}

bool MaintenanceKey::add(std::uint32_t epoch, const crypto::SecretKey& key) {
  Keys& keys = keys_[epoch];
  if (std::find(keys.begin(), keys.end(), key) != keys.end()) return false;
  keys.push_back(key);
  return true;
}

std::size_t MaintenanceKey::key_count() const noexcept {
  std::size_t sum = 0;
  for (const auto& [epoch, keys] : keys_) sum += keys.size();
  return sum;
}

const MaintenanceKey::Keys& MaintenanceKey::keys(std::uint32_t epoch) const {
  const auto found = keys_.find(epoch);
  if (found == keys_.end())
    throw Error(ErrorKind::denied, "key epoch " + std::to_string(epoch), "its key is not in this maintenance key");
  return found->second;
}

crypto::SecretBytes MaintenanceKey::text() const {
  std::string text;
  text.reserve((key_count() + 3) * k_line_bytes);  // so that no copies are left behind
  text.append(k_maintenance_key_mark).append(k_version).append("\n");
  text.append(k_pool).append(to_hex(pool_)).append("\n");
  for (const auto& [epoch, keys] : keys_) {
    for (const crypto::SecretKey& key : keys) {
      std::string hex = to_hex(key.bytes());
      text.append(k_structure).append(std::to_string(epoch)).append(" ").append(hex).append("\n");
      crypto::wipe(std::as_writable_bytes(std::span(hex)));
    }
  }
  const std::string check = check_of(text);
  text.append(k_check).append(check).append("\n");
  crypto::SecretBytes secret{std::string_view(text)};
  crypto::wipe(std::as_writable_bytes(std::span(text)));
  return secret;
}

MaintenanceKey MaintenanceKey::parse(std::string_view text) {
  if (!text.starts_with(k_maintenance_key_mark)) throw refused("is not a maintenance key file of ModelFloat");
  if (text.find('\r') != std::string_view::npos)
    throw refused("has line ends of another system (CR): copy the file as it was made");
  std::string_view rest = text;
  const std::string_view version = take_line(rest).substr(k_maintenance_key_mark.size());
  if (version != k_version) {
    throw Error(ErrorKind::unsupported, "maintenance key",
                "is of another version than this program knows (" + std::string(k_version) + "): use a newer program");
  }
  std::string_view line = take_line(rest);
  const auto pool = line.starts_with(k_pool) ? digits<sizeof(PoolId)>(line.substr(k_pool.size())) : std::nullopt;
  if (!pool) throw refused("is damaged: its second line names no pool");
  MaintenanceKey key(*pool);
  for (line = take_line(rest); line.starts_with(k_structure); line = take_line(rest)) {
    line.remove_prefix(k_structure.size());
    const std::size_t space = line.find(' ');
    if (space == 0 || space == std::string_view::npos) throw refused("is damaged: a line has no key");
    const std::uint32_t epoch = epoch_of(line.substr(0, space));
    auto bytes = digits<crypto::SecretKey::k_bytes>(line.substr(space + 1));
    if (!bytes) throw refused("is damaged: a line has no key");
    const crypto::SecretKey secret(*bytes);
    crypto::wipe(*bytes);
    if (!key.keys_.empty() && epoch < key.newest_epoch()) throw refused("is damaged: its keys are not in order");
    if (key.key_count() == k_most_keys) throw refused("has more keys than a maintenance key file can have");
    if (!key.add(epoch, secret)) throw refused("is damaged: it has a key twice");
  }
  const std::string_view checked = text.substr(0, static_cast<std::size_t>(line.data() - text.data()));
  if (!line.starts_with(k_check) || line.substr(k_check.size()) != check_of(checked) || !rest.empty())
    throw refused("is damaged or was cut off: its check does not fit");
  if (key.keys_.empty()) throw refused("has no key");
  return key;
}

}  // namespace modelfloat::mf1
