#pragma once
// Finds the ids of a store's folders by their names.

#include <mutex>
#include <string>
#include <vector>

#include "modelfloat/store/drive/drive_api.h"
#include "modelfloat/store/drive/session.h"
#include "modelfloat/store/keyed_mutex.h"

namespace modelfloat::store::drive {

// Names are not unique on Drive, so there may be several folders for one name: all are read, and
// the oldest is written to. What was found is kept in the session. Any thread may call any method.
class FolderTree {
 public:
  // The references outlive this. `where` names the store in messages.
  FolderTree(const Address& address, DriveApi& api, Session& session, std::string where);

  // Makes the store's folder, its parents and the folders of all object types, where they are
  // missing.
  void make_all(const CallOptions& options);
  // The ids of a folder of objects ("mf1", "mf1/shard"...); empty when it is missing. Throws
  // Error{offline} when the store's folder is missing.
  std::vector<std::string> find(const std::string& folder, const CallOptions& options);
  // The id of the folder to write to. Makes it when it is missing, but never the store's own
  // folder.
  std::string find_or_make(const std::string& folder, const CallOptions& options);
  // Reads the folders from the server again. Throws Error{offline} when the store's folder is
  // missing.
  void refresh(const CallOptions& options);

 private:
  FolderIds read_all(const CallOptions& options);
  bool reread_types(FolderIds& folders, const CallOptions& options);
  std::vector<std::string> read_store_folder(const CallOptions& options);
  void keep(const std::string& folder, const std::string& id);
  FolderIds known() const;

  const Address address_;
  DriveApi& api_;
  Session& session_;
  const std::string where_;
  KeyedMutex making_;
  mutable std::mutex mutex_;
  FolderIds folders_;
};

}  // namespace modelfloat::store::drive
