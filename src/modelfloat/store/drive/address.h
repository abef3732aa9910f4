#pragma once
// The address of a store on Google Drive, and the names of its files there.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modelfloat/domain/object_name.h"

namespace modelfloat::store::drive {

// FOLDER or a/b/c below "My Drive", or //ID/a/b/c on the shared drive of that id.
struct Address {
  std::string shared_drive;          // empty: My Drive
  std::vector<std::string> folders;  // at least one

  std::string rest() const;  // the canonical form of what follows "drive:"
};
// Slashes at the ends, and repeated slashes, are ignored. Throws Error{invalid} for an address that
// names no folder, for "." and "..", and for control characters.
Address parse_address(std::string_view rest);

// All objects of one type are in one folder, FOLDER/mf1/<type>, so that a listing is one query
// (docs/stores/drive.md has the reasons). A file's name there is the rest of the object's name: the
// 64 digits of its hash, or <writer>-<seq>-<hash> for log and checkpoint. Objects without a type
// are in mf1 itself.
struct Place {
  std::string folder;  // "mf1" or "mf1/<type>"
  std::string leaf;
};
Place place_of(const ObjectName& name);
// The name of the object that is stored as this file in this folder; nullopt when it is no object.
std::optional<ObjectName> object_at(std::string_view folder, std::string_view leaf);

// "mf1", then all "mf1/<type>".
const std::vector<std::string>& folders_of_objects();
// The folders that can hold objects whose names start with `prefix`.
std::vector<std::string> folders_with(std::string_view prefix);

}  // namespace modelfloat::store::drive
