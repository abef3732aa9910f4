#include "modelfloat/store/drive/address.h"

#include <algorithm>
#include <array>

#include "modelfloat/base/error.h"

namespace modelfloat::store::drive {
namespace {

constexpr std::string_view k_top = "mf1";
constexpr std::size_t k_hash_digits = 64;
constexpr std::size_t k_writer_digits = 32;
constexpr std::array k_types = {ObjectType::shard,      ObjectType::structure, ObjectType::content, ObjectType::log,
                                ObjectType::checkpoint, ObjectType::slot,      ObjectType::part};

[[noreturn]] void refuse(std::string_view why) {
  throw Error(ErrorKind::invalid,
              "drive:", std::string(why) + ": write drive:FOLDER, or drive://ID/FOLDER for a shared drive");
}

}  // namespace

Address parse_address(std::string_view rest) {
  if (std::any_of(rest.begin(), rest.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    refuse("there is a control character in the folder's name");
  }
  Address address;
  const bool shared = rest.starts_with("//");
  while (!rest.empty()) {
    const auto slash = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, slash);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    if (part.empty()) continue;
    if (part == "." || part == "..") refuse("Drive knows no . and ..");
    address.folders.emplace_back(part);
  }
  if (shared && !address.folders.empty()) {
    address.shared_drive = address.folders.front();
    address.folders.erase(address.folders.begin());
  }
  if (address.folders.empty()) refuse("no folder is named");
  return address;
}

std::string Address::rest() const {
  std::string text = shared_drive.empty() ? "" : "//" + shared_drive;
  for (const std::string& folder : folders) text += (text.empty() ? "" : "/") + folder;
  return text;
}

Place place_of(const ObjectName& name) {
  const std::string& path = name.path();
  const auto type_end = path.find('/', k_top.size() + 1);
  if (type_end == std::string::npos) return {std::string(k_top), path.substr(k_top.size() + 1)};
  std::string leaf = path.substr(path.rfind('/') + 1);
  if (is_of_chain(*name.type())) leaf = path.substr(type_end + 1, k_writer_digits) + "-" + leaf;
  return {path.substr(0, type_end), std::move(leaf)};
}

std::optional<ObjectName> object_at(std::string_view folder, std::string_view leaf) {
  if (folder == k_top) {
    auto name = ObjectName::parse(std::string(folder) + "/" + std::string(leaf));
    return name && leaf.find('/') == std::string_view::npos ? name : std::nullopt;
  }
  const auto type = object_type_from(folder.substr(std::min(folder.size(), k_top.size() + 1)));
  if (!type || leaf.find('/') != std::string_view::npos) return std::nullopt;
  std::string path = std::string(folder) + "/";
  if (is_of_chain(*type)) {
    if (leaf.size() <= k_writer_digits || leaf[k_writer_digits] != '-') return std::nullopt;
    path += std::string(leaf.substr(0, k_writer_digits)) + "/" + std::string(leaf.substr(k_writer_digits + 1));
  } else {
    if (leaf.size() != k_hash_digits) return std::nullopt;
    path += std::string(leaf.substr(0, 2)) + "/" + std::string(leaf);
  }
  return ObjectName::parse(path);
}

const std::vector<std::string>& folders_of_objects() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> folders = {std::string(k_top)};
    for (const ObjectType type : k_types) folders.push_back(std::string(k_top) + "/" + std::string(to_string(type)));
    return folders;
  }();
  return all;
}

std::vector<std::string> folders_with(std::string_view prefix) {
  std::vector<std::string> folders;
  for (const std::string& folder : folders_of_objects()) {
    const std::string inner = folder + "/";
    // What lies in mf1 itself has no slash behind it.
    const bool fits =
        inner.starts_with(prefix) ||
        (prefix.starts_with(inner) && (folder != k_top || prefix.find('/', inner.size()) == std::string_view::npos));
    if (fits) folders.push_back(folder);
  }
  return folders;
}

}  // namespace modelfloat::store::drive
