#include "modelfloat/store/mega/tree.h"

#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/store/mega/json_fields.h"

namespace modelfloat::store::mega {

using nlohmann::json;

namespace {

constexpr std::uint64_t k_file = 0;
constexpr std::uint64_t k_folder = 1;
constexpr std::uint64_t k_root = 2;
constexpr std::size_t k_handle_bytes = 6;
constexpr std::size_t k_hash_digits = 64;
constexpr std::size_t k_seq_digits = 16;

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    if (slash != 0) parts.emplace_back(path.substr(0, slash));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return parts;
}

std::string joined(const std::string& path, const std::string& leaf) { return path.empty() ? leaf : path + "/" + leaf; }

std::uint64_t hash_of(std::string_view path) { return std::hash<std::string_view>()(path); }

}  // namespace

std::string to_text(Handle handle) {
  std::array<std::byte, k_handle_bytes> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(handle >> (8 * i));
  return to_base64url(bytes);
}

std::optional<Handle> handle_from(std::string_view text) {
  const auto bytes = from_base64(text);
  if (!bytes || bytes->size() != k_handle_bytes) return std::nullopt;
  Handle handle = 0;
  for (std::size_t i = 0; i < bytes->size(); ++i) handle |= static_cast<Handle>((*bytes)[i]) << (8 * i);
  return handle;
}

std::string seal_name(ByteSpan key, const std::string& name) {
  Bytes bytes = to_bytes("MEGA" + json{{"n", name}}.dump());
  bytes.resize((bytes.size() + k_block_bytes - 1) / k_block_bytes * k_block_bytes, std::byte{0});
  encrypt_cbc(key, bytes);
  return to_base64url(bytes);
}

std::optional<std::string> open_name(ByteSpan key, std::string_view attributes) {
  auto bytes = from_base64(attributes);
  if (!bytes || bytes->empty() || bytes->size() % k_block_bytes != 0) return std::nullopt;
  decrypt_cbc(key, *bytes);
  std::string_view text = as_text(*bytes);
  if (!text.starts_with("MEGA")) return std::nullopt;
  text = text.substr(4, text.find('\0', 4) - 4);
  const auto parsed = json::parse(text, nullptr, false);
  std::string name = text_in(parsed, "n");
  if (name.empty()) return std::nullopt;
  return name;
}

// As the server tells it, with its key opened.
struct Tree::Node {
  Handle handle = 0;
  Handle parent = 0;
  std::uint64_t type = UINT64_MAX;  // none of MEGA's: the node makes no sense
  std::uint64_t size_bytes = 0;
  std::uint32_t made = 0;
  std::array<std::byte, FileKey::k_bytes> node_key{};
  std::string name;
};

Tree::Tree(std::string_view folder) : parts_(parts_of(folder)) {
  constexpr float k_longer_chains = 2;  // and fewer buckets, for an account may hold millions
  objects_.max_load_factor(k_longer_chains);
  by_name_.max_load_factor(k_longer_chains);
}

// "USER:KEY/SHARE:KEY": a key for everyone who may read the node.
bool Tree::open_key(const json& node, Node& into) const {
  const std::string keys = text_in(node, "k");
  const std::size_t wanted = into.type == k_file ? FileKey::k_bytes : k_block_bytes;
  for (std::string_view rest = keys; !rest.empty();) {
    const std::string_view one = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    const std::size_t colon = one.find(':');
    if (colon == std::string_view::npos || one.substr(0, colon) != user_) continue;
    auto key = from_base64(one.substr(colon + 1));
    if (!key || key->size() != wanted) return false;
    decrypt_ecb(master_key_.bytes(), *key);
    std::copy(key->begin(), key->end(), into.node_key.begin());
    return true;
  }
  return false;
}

Tree::Node Tree::read(const json& node) const {
  Node result;
  const auto handle = handle_from(text_in(node, "h"));
  if (!handle || !node.contains("t") || !node["t"].is_number_unsigned()) return result;
  result.handle = *handle;
  result.parent = handle_from(text_in(node, "p")).value_or(0);
  result.size_bytes = number_in(node, "s");
  result.made = static_cast<std::uint32_t>(number_in(node, "ts"));
  const auto type = node["t"].get<std::uint64_t>();
  if (type != k_file && type != k_folder) {
    result.type = type;
    return result;
  }
  result.type = type;
  const bool opened = open_key(node, result);
  const auto attribute_key = type == k_file ? FileKey::unpack(result.node_key).key : Block();
  const ByteSpan key = type == k_file ? ByteSpan(attribute_key) : ByteSpan(result.node_key).first(k_block_bytes);
  const auto name = opened ? open_name(key, text_in(node, "a")) : std::nullopt;
  if (!name) {
    result.type = UINT64_MAX;
  } else {
    result.name = *name;
  }
  return result;
}

std::optional<Tree::Leaf> Tree::leaf_from(const std::string& text) {
  Leaf leaf;
  if (text == "marker") leaf.kind = Leaf::Kind::marker;
  if (text == "FORMAT.txt") leaf.kind = Leaf::Kind::format_text;
  if (text == "rescue.py") leaf.kind = Leaf::Kind::rescue_reader;
  if (leaf.kind != Leaf::Kind::plain) return leaf;
  if (text.size() < k_hash_digits) return std::nullopt;
  const auto hash = array_from_hex<32>(std::string_view(text).substr(text.size() - k_hash_digits));
  if (!hash) return std::nullopt;
  leaf.hash = *hash;
  if (text.size() > k_hash_digits) {
    leaf.kind = Leaf::Kind::chain;
    std::from_chars(text.data(), text.data() + std::min(k_seq_digits, text.size()), leaf.seq, 16);
  }
  if (text_of(leaf) != text) return std::nullopt;
  return leaf;
}

std::string Tree::text_of(const Leaf& leaf) {
  switch (leaf.kind) {
    case Leaf::Kind::plain: return to_hex(leaf.hash);
    case Leaf::Kind::chain: {
      std::array<std::byte, 8> seq;
      for (std::size_t i = 0; i < seq.size(); ++i) seq[i] = static_cast<std::byte>(leaf.seq >> (56 - 8 * i));
      return to_hex(seq) + "-" + to_hex(leaf.hash);
    }
    case Leaf::Kind::marker: return "marker";
    case Leaf::Kind::format_text: return "FORMAT.txt";
    case Leaf::Kind::rescue_reader: return "rescue.py";
  }
  return {};
}

std::optional<ObjectName> Tree::name_of(const Object& object) const {
  const auto folder = folders_.find(object.parent);
  if (folder == folders_.end()) return std::nullopt;
  return ObjectName::parse(joined(folder->second.path, text_of(object.leaf)));
}

bool Tree::add_folder(const Node& node) {
  if (folders_.contains(node.handle)) return false;
  const auto parent = folders_.find(node.parent);
  if (node.type != k_folder || parent == folders_.end()) return false;
  std::string path = joined(parent->second.path, node.name);
  by_path_.emplace(path, node.handle);
  folders_.emplace(node.handle, Folder{node.parent, std::move(path)});
  return true;
}

void Tree::add_object(const Node& node, bool confirmed) {
  if (const auto known = objects_.find(node.handle); known != objects_.end()) {
    // The event may come before the answer to our call.
    confirmed = confirmed || known->second.confirmed != 0;
  }
  erase(node.handle);
  if (node.type != k_file || !folders_.contains(node.parent)) return;
  const auto leaf = leaf_from(node.name);
  const Object object{
      node.parent, node.size_bytes, node.node_key, leaf.value_or(Leaf()), node.made, next_order_++ & 0x7FFFFFFFU,
      confirmed};
  const auto name = leaf ? name_of(object) : std::nullopt;
  if (!name) {
    strangers_.insert(node.handle);
    return;
  }
  objects_.emplace(node.handle, object);
  if (!confirmed) ++unconfirmed_;
  by_name_.emplace(hash_of(name->path()), node.handle);
}

// In an answer, folders may come before their parents.
void Tree::add_nodes(const json& nodes, bool confirmed) {
  if (!nodes.is_array()) return;
  for (bool more = true; more;) {
    more = false;
    for (const json& node : nodes) {
      if (number_in(node, "t") == k_folder && add_folder(read(node))) more = true;
    }
  }
  for (const json& node : nodes) {
    const auto parent = handle_from(text_in(node, "p"));
    if (number_in(node, "t") == k_file && parent && folders_.contains(*parent)) add_object(read(node), confirmed);
  }
}

void Tree::add(const json& nodes) { add_nodes(nodes, false); }

void Tree::erase(Handle handle) {
  strangers_.erase(handle);
  const auto found = objects_.find(handle);
  if (found == objects_.end()) return;
  if (const auto name = name_of(found->second)) {
    const auto [begin, end] = by_name_.equal_range(hash_of(name->path()));
    const auto entry = std::find_if(begin, end, [&](const auto& one) { return one.second == handle; });
    if (entry != end) by_name_.erase(entry);
  }
  if (!found->second.confirmed) --unconfirmed_;
  objects_.erase(found);
}

void Tree::find_folder(const std::multimap<Handle, Node>& folders) {
  if (above_.empty()) return;
  for (const std::string& part : parts_) {
    const auto [begin, end] = folders.equal_range(above_.back());
    const Node* oldest = nullptr;  // of folders with the same name, the oldest, as others choose it
    for (auto it = begin; it != end; ++it) {
      if (it->second.name == part && (oldest == nullptr || it->second.made < oldest->made)) oldest = &it->second;
    }
    if (oldest == nullptr) return;
    above_.push_back(oldest->handle);
  }
  folders_.emplace(above_.back(), Folder{});
  by_path_.emplace("", above_.back());
  // Adds the children of known folders, level by level.
  for (std::vector<Handle> level = {above_.back()}; !level.empty();) {
    std::vector<Handle> next;
    for (const Handle parent : level) {
      const auto [begin, end] = folders.equal_range(parent);
      for (auto it = begin; it != end; ++it) {
        if (add_folder(it->second)) next.push_back(it->second.handle);
      }
    }
    level = std::move(next);
  }
}

void Tree::forget() {
  loaded_ = false;
  above_.clear();
  folders_.clear();
  by_path_.clear();
  objects_.clear();
  by_name_.clear();
  strangers_.clear();
  unconfirmed_ = 0;
}

// The answer is parsed twice, because folders may come after their content. Each node is freed as
// soon as it is read, so that a long answer needs no more memory than its text.
void Tree::load(ByteSpan answer, ByteSpan master_key, std::string_view user, const std::string& where) {
  forget();
  master_key_ = crypto::SecretBytes(master_key);
  user_ = user;

  constexpr int k_depth_of_nodes = 3;  // [ { "f": [ {
  const auto each_node = [&](const auto& visit) {
    const auto callback = [&](int depth, json::parse_event_t event, json& parsed) {
      if (depth != k_depth_of_nodes || event != json::parse_event_t::object_end) return true;
      visit(parsed);
      return false;
    };
    auto rest = json::parse(as_text(answer), callback, false);
    if (!rest.is_array() || rest.size() != 1 || text_in(rest[0], "sn").empty()) {
      throw Error(ErrorKind::corrupt, where, "MEGA's list of nodes makes no sense");
    }
    return text_in(rest[0], "sn");
  };

  std::multimap<Handle, Node> folders;
  each_node([&](const json& node) {
    if (number_in(node, "t") == k_file) return;
    Node one = read(node);
    if (one.type == k_root) above_ = {one.handle};
    if (one.type == k_folder) folders.emplace(one.parent, std::move(one));
  });
  if (above_.empty()) throw Error(ErrorKind::corrupt, where, "MEGA's list of nodes has no root");
  find_folder(folders);
  folders.clear();
  sequence_ = each_node([&](const json& node) {
    const auto parent = handle_from(text_in(node, "p"));
    if (number_in(node, "t") == k_file && parent && folders_.contains(*parent)) add_object(read(node), true);
  });
  loaded_ = true;
}

bool Tree::apply(const json& events) {
  if (!events.is_array()) return true;
  const auto is_ours = [&](Handle handle) {
    return folders_.contains(handle) || std::find(above_.begin(), above_.end(), handle) != above_.end();
  };
  for (const json& event : events) {
    const std::string kind = text_in(event, "a");
    if (kind == "t") {
      const json& nodes = event.contains("t") ? event["t"] : event;
      if (!nodes.is_object() || !nodes.contains("f") || !nodes["f"].is_array()) continue;
      // Our own folder may just have been made.
      const bool waits_for_folder = folders_.empty();
      for (const json& node : nodes["f"]) {
        const auto handle = handle_from(text_in(node, "h"));
        if (waits_for_folder && number_in(node, "t") == k_folder) return false;
        const auto known = handle ? folders_.find(*handle) : folders_.end();
        if (known != folders_.end() && known->second.parent != 0 &&
            handle_from(text_in(node, "p")) != known->second.parent)
          return false;
      }
      add_nodes(nodes["f"], true);
      continue;
    }
    const auto handle = handle_from(text_in(event, "n"));
    if (!handle || (kind != "d" && kind != "u")) continue;
    if (is_ours(*handle)) return false;
    if (kind == "d") erase(*handle);
    // renamed.
    if (kind == "u" && (objects_.contains(*handle) || strangers_.contains(*handle))) return false;
  }
  return true;
}

Tree::Objects::const_iterator Tree::newest_of(const std::string& path) const {
  auto newest = objects_.end();
  const auto [begin, end] = by_name_.equal_range(hash_of(path));
  for (auto entry = begin; entry != end; ++entry) {
    const auto object = objects_.find(entry->second);
    const auto name = name_of(object->second);
    if (!name || name->path() != path) continue;
    const auto age = [](const Object& one) { return std::pair(one.made, one.order); };
    if (newest == objects_.end() || age(newest->second) < age(object->second)) newest = object;
  }
  return newest;
}

std::optional<FoundObject> Tree::find(const ObjectName& name) const {
  const auto object = newest_of(name.path());
  if (object == objects_.end()) return std::nullopt;
  return FoundObject{object->first, object->second.size_bytes, object->second.node_key, object->second.confirmed != 0};
}

std::vector<Handle> Tree::all(const ObjectName& name) const {
  std::vector<Handle> handles;
  const auto [begin, end] = by_name_.equal_range(hash_of(name.path()));
  for (auto entry = begin; entry != end; ++entry) {
    const auto object = objects_.find(entry->second);
    if (name_of(object->second) == name) handles.push_back(object->first);
  }
  return handles;
}

std::optional<Handle> Tree::folder(const std::string& path) const {
  const auto found = by_path_.find(path);
  if (found == by_path_.end()) return std::nullopt;
  return found->second;
}

std::pair<Handle, std::size_t> Tree::way_to_folder() const { return {above_.back(), above_.size() - 1}; }

std::vector<Handle> Tree::handles() const {
  std::vector<Handle> handles;
  handles.reserve(objects_.size());
  for (const auto& [handle, object] : objects_) handles.push_back(handle);
  return handles;
}

std::vector<Handle> Tree::unconfirmed() const {
  std::vector<Handle> handles;
  if (unconfirmed_ == 0) return handles;
  for (const auto& [handle, object] : objects_) {
    if (object.confirmed == 0) handles.push_back(handle);
  }
  return handles;
}

bool Tree::is_unconfirmed(Handle handle) const {
  const auto object = objects_.find(handle);
  return object != objects_.end() && object->second.confirmed == 0;
}

std::optional<std::pair<ObjectName, std::uint64_t>> Tree::newest(Handle handle) const {
  const auto object = objects_.find(handle);
  if (object == objects_.end() || object->second.confirmed == 0) return std::nullopt;
  const auto name = name_of(object->second);
  if (!name || newest_of(name->path())->first != handle) return std::nullopt;
  return std::pair(*name, object->second.size_bytes);
}

}  // namespace modelfloat::store::mega
