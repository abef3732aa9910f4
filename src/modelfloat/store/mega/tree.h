#pragma once
// The tree of folders and objects below our folder, as far as the server has reported it. The rest
// of the account is ignored.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "modelfloat/crypto/secret.h"
#include "modelfloat/domain/object_name.h"
#include "modelfloat/store/mega/cipher.h"

namespace modelfloat::store::mega {

// MEGA's name of a node: 48 bits, eight characters of base64url.
using Handle = std::uint64_t;
std::string to_text(Handle handle);
std::optional<Handle> handle_from(std::string_view text);

struct FoundObject {
  Handle handle = 0;
  std::uint64_t size_bytes = 0;
  std::array<std::byte, FileKey::k_bytes> node_key{};
  // Whether an event or a full listing has reported it, and not only the answer to our own call.
  bool confirmed = false;
};

// seal_name() makes the attributes of a node with this name, encrypted and in base64, as the server
// stores them. open_name() returns the name; nullopt when the key does not decrypt them.
std::string seal_name(ByteSpan key, const std::string& name);
std::optional<std::string> open_name(ByteSpan key, std::string_view attributes);

// Takes about 180 bytes for each object. Not thread-safe: the owner locks. Does no I/O. The
// server's JSON is not trusted: an invalid node is ignored.
class Tree {
 public:
  // `folder`: the path of our folder in the account, without slashes at its ends; empty for the
  // account's root.
  explicit Tree(std::string_view folder);

  // Replaces the tree by the answer to "f". Throws Error{corrupt} when that is invalid.
  void load(ByteSpan answer, ByteSpan master_key, std::string_view user, const std::string& where);
  // Back to the state before the first load().
  void forget();
  bool loaded() const noexcept { return loaded_; }
  // The sequence number from which to ask for the next events.
  const std::string& sequence() const noexcept { return sequence_; }
  void set_sequence(std::string sequence) { sequence_ = std::move(sequence); }

  // Applies the "a" of an answer to "sc". Returns false when a folder of ours was moved, renamed or
  // deleted: then the tree must be loaded again.
  bool apply(const nlohmann::json& events);
  // Adds nodes that the server says it has just made for us: the "f" of an answer to "p". They are
  // confirmed when an event reports them too, earlier or later.
  void add(const nlohmann::json& nodes);
  void erase(Handle handle);

  // The newest object of that name.
  std::optional<FoundObject> find(const ObjectName& name) const;
  // All objects of that name: MEGA allows any number.
  std::vector<Handle> all(const ObjectName& name) const;
  // The folder with this path below ours, such as "mf1/shard"; "" is our folder itself. Nullopt
  // when it is missing.
  std::optional<Handle> folder(const std::string& path) const;
  // The deepest folder on the path to ours that exists (at least the account's root), and how many
  // parts of the path that is.
  std::pair<Handle, std::size_t> way_to_folder() const;
  const std::vector<std::string>& folder_parts() const noexcept { return parts_; }

  // For listings that release the mutex while they call others: all handles, and the name and size
  // of one of them. newest() is nullopt when the object is gone, not confirmed, or not the newest
  // of its name.
  std::vector<Handle> handles() const;
  std::optional<std::pair<ObjectName, std::uint64_t>> newest(Handle handle) const;
  std::size_t size() const noexcept { return objects_.size(); }
  std::vector<Handle> unconfirmed() const;
  bool is_unconfirmed(Handle handle) const;

 private:
  struct Folder {
    Handle parent = 0;
    std::string path;  // below ours
  };
  // The last part of a name. The hash is stored as 32 bytes, not as 64 digits.
  struct Leaf {
    Hash256 hash{};
    std::uint64_t seq = 0;
    enum class Kind : std::uint8_t { plain, chain, marker, format_text, rescue_reader } kind = Kind::plain;
  };
  struct Object {
    Handle parent;
    std::uint64_t size_bytes;
    std::array<std::byte, FileKey::k_bytes> node_key;
    Leaf leaf;
    std::uint32_t made;        // seconds
    std::uint32_t order : 31;  // the order in which we learned of it
    std::uint32_t confirmed : 1;
  };
  struct Node;  // as the server reports it
  using Objects = std::unordered_map<Handle, Object>;

  Node read(const nlohmann::json& node) const;
  bool open_key(const nlohmann::json& node, Node& into) const;
  bool add_folder(const Node& node);
  void add_object(const Node& node, bool confirmed);
  void add_nodes(const nlohmann::json& nodes, bool confirmed);
  void find_folder(const std::multimap<Handle, Node>& folders);
  std::optional<ObjectName> name_of(const Object& object) const;
  static std::string text_of(const Leaf& leaf);
  static std::optional<Leaf> leaf_from(const std::string& text);
  Objects::const_iterator newest_of(const std::string& path) const;

  const std::vector<std::string> parts_;
  crypto::SecretBytes master_key_;
  std::string user_;
  bool loaded_ = false;
  std::string sequence_;
  // The account's root and the folders on the path to ours, with ours if it exists.
  std::vector<Handle> above_;
  std::unordered_map<Handle, Folder> folders_;
  std::multimap<std::string, Handle, std::less<>> by_path_;
  Objects objects_;
  std::unordered_multimap<std::uint64_t, Handle> by_name_;  // by a hash of the path
  // Files in our folders that are no objects. They may be renamed to one later.
  std::unordered_set<Handle> strangers_;
  std::uint32_t next_order_ = 0;
  std::size_t unconfirmed_ = 0;
};

}  // namespace modelfloat::store::mega
