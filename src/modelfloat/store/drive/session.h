#pragma once
// What a Drive store keeps in its vault between runs: the access token, the ids of its folders, and
// interrupted uploads.

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

// An upload that may not be complete. The file's id is chosen first, so that a file that was stored
// although an error was reported is recognised later.
struct PendingUpload {
  std::string id;
  // The address of a resumable upload. It is a secret: whoever has it can write there. Empty: none
  // was started.
  std::string address;
  std::uint64_t size_bytes = 0;
  std::string sha256;
  UtcTime begun;
};

// Maps the path of a folder ("" is the store's folder itself, then "mf1", "mf1/shard"...) to its
// ids. It has more than one id when the name exists twice.
using FolderIds = std::map<std::string, std::vector<std::string>>;

// Any thread may call any method. The content of the vault is dropped when it belongs to other
// credentials or cannot be read.
class Session {
 public:
  // `owner` identifies the credentials and the folder without revealing them. `vault` and `clock`
  // outlive this.
  Session(SessionVault& vault, Clock& clock, std::string owner);

  std::optional<AccessToken> token() const;
  void set_token(const AccessToken& token);

  FolderIds folders() const;
  void set_folders(const FolderIds& folders);

  // The upload of this path that was started; nullopt when there is none, or it is so old that the
  // provider has dropped it.
  std::optional<PendingUpload> pending(const std::string& path) const;
  // Records an upload. One with an address is written to the vault at once. When there are too
  // many, the oldest are dropped.
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
