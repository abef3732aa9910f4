#pragma once
// What a Drive store keeps in its vault between runs: the access token, where its folders are, and
// uploads that were cut off.

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/base/clock.h"
#include "modelfloat/store/scheme.h"

namespace modelfloat::store::drive {

struct AccessToken {
  crypto::SecretBytes value;
  UtcTime expires;
};

// An object on its way: the id that it will have, so that an upload that was stored though an error
// was reported is recognised.
struct PendingUpload {
  std::string id;
  // Of a resumable upload, a secret: whoever has it can write there; empty: none was begun.
  std::string address;
  std::uint64_t size_bytes = 0;
  std::string sha256;
  UtcTime begun;
};

// Folder path ("" is the store's folder itself, then "mf1", "mf1/shard"...) -> ids. More than one
// where a name is there twice.
using FolderIds = std::map<std::string, std::vector<std::string>>;

// Shared by all threads. What the vault has is dropped when it belongs to other credentials or
// cannot be read.
class Session {
 public:
  // `owner` names credentials and place without giving them away. `vault` and `clock` outlive this.
  Session(SessionVault& vault, Clock& clock, std::string owner);

  std::optional<AccessToken> token() const;
  void set_token(const AccessToken& token);

  FolderIds folders() const;
  void set_folders(const FolderIds& folders);

  // Nothing when there is none, or it is so old that the provider has forgotten it.
  std::optional<PendingUpload> pending(const std::string& path) const;
  // Written to the vault at once when it has an address. The oldest are forgotten when there are
  // many.
  void set_pending(const std::string& path, const PendingUpload& upload);
  void forget_pending(const std::string& path);

 private:
  void load();
  void save_locked();

  SessionVault& vault_;
  Clock& clock_;
  const std::string owner_;
  mutable std::mutex mutex_;
  std::optional<AccessToken> token_;
  FolderIds folders_;
  std::map<std::string, PendingUpload> pending_;
};

}  // namespace modelfloat::store::drive
