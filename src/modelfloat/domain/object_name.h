#pragma once
// The name of an object on every store: a path under "mf1/", as docs/formats/mf1.md section 2 says.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "modelfloat/base/bytes.h"

namespace modelfloat {

// The numbers are part of object headers and of associated data.
enum class ObjectType : std::uint8_t {
  shard = 1,
  structure = 2,
  content = 3,
  log = 4,
  checkpoint = 5,
  slot = 6,
  marker = 7,
  part = 8,  // of a checkpoint
};

std::string_view to_string(ObjectType) noexcept;  // also the folder under "mf1/"
std::optional<ObjectType> object_type_from(std::string_view) noexcept;

// Whether objects of this type are named by writer and number.
bool is_of_chain(ObjectType) noexcept;

using WriterId = std::array<std::byte, 16>;

// A checked path. Only the forms of the format document can be made, so a name can never leave a store's folder:
//   mf1/<shard|structure|content|slot>/<2 hex>/<64 hex>      mf1/<log|checkpoint|part>/<32 hex writer>/<16 hex seq>-<64 hex>
//   mf1/marker   mf1/FORMAT.txt   mf1/rescue.py
class ObjectName {
 public:
  // shard, structure, content or slot, by the BLAKE3 of the object's bytes.
  static ObjectName of(ObjectType type, const Hash256& hash);
  // log, checkpoint or part.
  static ObjectName of_chain(ObjectType type, const WriterId& writer, std::uint64_t seq, const Hash256& hash);
  static ObjectName marker();
  static ObjectName format_text();
  static ObjectName rescue_reader();
  // Parses any of the forms above; nullopt for any other path.
  static std::optional<ObjectName> parse(std::string_view path);

  const std::string& path() const noexcept { return path_; }
  // nullopt for the two fixed texts (FORMAT.txt, rescue.py).
  std::optional<ObjectType> type() const noexcept { return type_; }
  // BLAKE3 of the object's bytes; nullopt for the fixed names.
  std::optional<Hash256> hash() const;
  // For log, checkpoint and part objects; nullopt for all others.
  std::optional<WriterId> writer() const;
  std::optional<std::uint64_t> seq() const;

  auto operator<=>(const ObjectName& other) const noexcept { return path_ <=> other.path_; }
  bool operator==(const ObjectName& other) const noexcept { return path_ == other.path_; }

 private:
  explicit ObjectName(std::string path, std::optional<ObjectType> type) : path_(std::move(path)), type_(type) {}
  std::string path_;
  std::optional<ObjectType> type_;
};

}  // namespace modelfloat
