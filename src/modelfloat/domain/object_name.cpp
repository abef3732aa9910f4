#include "modelfloat/domain/object_name.h"

#include <charconv>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"

namespace modelfloat {

static constexpr std::size_t k_hash_digits = 64;
static constexpr std::size_t k_writer_digits = 32;
static constexpr std::size_t k_seq_digits = 16;

static constexpr std::array k_types = {ObjectType::shard,  ObjectType::structure,  ObjectType::content,
                                       ObjectType::log,    ObjectType::checkpoint, ObjectType::slot,
                                       ObjectType::marker, ObjectType::part};

std::string_view to_string(ObjectType type) noexcept {
  switch (type) {
    case ObjectType::shard: return "shard";
    case ObjectType::structure: return "structure";
    case ObjectType::content: return "content";
    case ObjectType::log: return "log";
    case ObjectType::checkpoint: return "checkpoint";
    case ObjectType::slot: return "slot";
    case ObjectType::marker: return "marker";
    case ObjectType::part: return "part";
  }
  return "unknown";
}

std::optional<ObjectType> object_type_from(std::string_view text) noexcept {
  for (const ObjectType type : k_types) {
    if (to_string(type) == text) return type;
  }
  return std::nullopt;
}

bool is_of_chain(ObjectType type) noexcept {
  return type == ObjectType::log || type == ObjectType::checkpoint || type == ObjectType::part;
}

static bool is_lower_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

ObjectName ObjectName::of(ObjectType type, const Hash256& hash) {
  if (is_of_chain(type) || type == ObjectType::marker)
    throw Error(ErrorKind::internal, "object name", "not a plain type");
  const std::string digits = to_hex(hash);
  return ObjectName("mf1/" + std::string(to_string(type)) + "/" + digits.substr(0, 2) + "/" + digits, type);
}

ObjectName ObjectName::of_chain(ObjectType type, const WriterId& writer, std::uint64_t seq, const Hash256& hash) {
  if (!is_of_chain(type)) throw Error(ErrorKind::internal, "object name", "not a chain type");
  std::array<std::byte, 8> big_endian;
  for (std::size_t i = 0; i < big_endian.size(); ++i) big_endian[i] = static_cast<std::byte>(seq >> (8 * (7 - i)));
  return ObjectName(
      "mf1/" + std::string(to_string(type)) + "/" + to_hex(writer) + "/" + to_hex(big_endian) + "-" + to_hex(hash),
      type);
}

ObjectName ObjectName::marker() { return ObjectName("mf1/marker", ObjectType::marker); }
ObjectName ObjectName::format_text() { return ObjectName("mf1/FORMAT.txt", std::nullopt); }
ObjectName ObjectName::rescue_reader() { return ObjectName("mf1/rescue.py", std::nullopt); }

std::optional<ObjectName> ObjectName::parse(std::string_view path) {
  for (auto fixed : {marker(), format_text(), rescue_reader()}) {
    if (fixed.path() == path) return fixed;
  }
  if (!path.starts_with("mf1/")) return std::nullopt;
  const std::string_view rest = path.substr(4);
  const std::size_t first = rest.find('/');
  const std::size_t second = first == std::string_view::npos ? first : rest.find('/', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto type = object_type_from(rest.substr(0, first));
  const std::string_view folder = rest.substr(first + 1, second - first - 1);
  const std::string_view leaf = rest.substr(second + 1);
  if (!type || *type == ObjectType::marker) return std::nullopt;
  if (is_of_chain(*type)) {
    if (!is_lower_hex(folder, k_writer_digits) || leaf.size() != k_seq_digits + 1 + k_hash_digits) return std::nullopt;
    if (leaf[k_seq_digits] != '-' || !is_lower_hex(leaf.substr(0, k_seq_digits), k_seq_digits)) return std::nullopt;
    if (!is_lower_hex(leaf.substr(k_seq_digits + 1), k_hash_digits)) return std::nullopt;
  } else if (!is_lower_hex(leaf, k_hash_digits) || folder != leaf.substr(0, 2)) {
    return std::nullopt;
  }
  return ObjectName(std::string(path), type);
}

std::optional<Hash256> ObjectName::hash() const {
  if (path_.size() < k_hash_digits) return std::nullopt;
  return array_from_hex<32>(std::string_view(path_).substr(path_.size() - k_hash_digits));
}

std::optional<WriterId> ObjectName::writer() const {
  if (!type_ || !is_of_chain(*type_)) return std::nullopt;
  const std::size_t start = path_.find('/', 4) + 1;
  return array_from_hex<16>(std::string_view(path_).substr(start, k_writer_digits));
}

std::optional<std::uint64_t> ObjectName::seq() const {
  if (!type_ || !is_of_chain(*type_)) return std::nullopt;
  const std::string_view digits = std::string_view(path_).substr(path_.rfind('/') + 1, k_seq_digits);
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return value;
}

}  // namespace modelfloat
