#pragma once
// Where the folders of a store are: ids, found by name.

#include <mutex>
#include <string>
#include <vector>

#include "modelfloat/store/drive/drive_api.h"
#include "modelfloat/store/drive/session.h"
#include "modelfloat/store/keyed_mutex.h"

namespace modelfloat::store::drive {

// Names are not unique on Drive, so each folder may be several: all are read, the oldest is written
// to. What was found is kept in the session. Shared by all threads.
class FolderTree {
 public:
  // The references outlive this. `where` names the store in messages.
  FolderTree(const Address& address, DriveApi& api, Session& session, std::string where);

  // Makes the store's folder, those above it, and those of all objects, where they are missing.
  void make_all(const CallOptions& options);
  // The ids of a folder of objects ("mf1", "mf1/shard"...), none when it is missing. Error{offline}
  // when the store's folder is not there.
  std::vector<std::string> find(const std::string& folder, const CallOptions& options);
  // One that can be written to; made where it is missing, but never the store's folder itself.
  std::string find_or_make(const std::string& folder, const CallOptions& options);
  // Asks the server again. Error{offline} when the store's folder is not there any more.
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
