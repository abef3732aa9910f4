#include "modelfloat/store/drive/folder_tree.h"

#include <algorithm>

namespace modelfloat::store::drive {
namespace {

const std::string k_store_folder;  // the key of the store's own folder
const std::string k_top_folder = "mf1";

std::vector<std::string> ids_of(const std::vector<FileInfo>& files) {
  std::vector<std::string> ids;
  for (const FileInfo& file : files) ids.push_back(file.id);
  return ids;
}

std::string parent_of(const std::string& folder) { return folder == k_top_folder ? k_store_folder : k_top_folder; }
std::string leaf_of(const std::string& folder) { return folder.substr(folder.rfind('/') + 1); }

}  // namespace

FolderTree::FolderTree(const Address& address, DriveApi& api, Session& session, std::string where)
    : address_(address), api_(api), session_(session), where_(std::move(where)), folders_(session.folders()) {}

FolderIds FolderTree::known() const {
  const std::lock_guard lock(mutex_);
  return folders_;
}

void FolderTree::keep(const std::string& folder, const std::string& id) {
  const std::lock_guard lock(mutex_);
  auto& ids = folders_[folder];
  if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  session_.set_folders(folders_);
}

std::vector<std::string> FolderTree::read_store_folder(const CallOptions& options) {
  std::vector<std::string> ids = {address_.shared_drive.empty() ? "root" : address_.shared_drive};
  try {
    for (const std::string& name : address_.folders) {
      std::vector<std::string> below;
      for (const std::string& id : ids) {
        const auto found = ids_of(api_.folders_in(id, name, where_, options));
        below.insert(below.end(), found.begin(), found.end());
      }
      ids = std::move(below);
    }
  } catch (const Error& error) {
    if (error.kind != ErrorKind::not_found) throw;
    throw Error(ErrorKind::offline, where_, "the drive that it lies on is not there, or not shared with this login");
  }
  return ids;
}

// Reads again the folders in the known mf1 folders. Returns whether any were found.
bool FolderTree::reread_types(FolderIds& folders, const CallOptions& options) {
  const auto top = folders.find(k_top_folder);
  if (top == folders.end() || top->second.empty()) return false;
  FolderIds fresh = {{k_store_folder, folders[k_store_folder]}, {k_top_folder, top->second}};
  std::size_t found = 0;
  for (const std::string& id : top->second) {
    for (const FileInfo& folder : api_.folders_in(id, std::nullopt, where_, options)) {
      const std::string path = k_top_folder + "/" + folder.name;
      const auto& all = folders_of_objects();
      if (std::find(all.begin(), all.end(), path) == all.end()) continue;
      fresh[path].push_back(folder.id);
      ++found;
    }
  }
  // A folder that was known and is not listed may be new (listings are delayed) or gone.
  for (const auto& [path, ids] : folders) {
    for (const std::string& id : path == k_store_folder || path == k_top_folder ? std::vector<std::string>() : ids) {
      auto& now = fresh[path];
      if (std::find(now.begin(), now.end(), id) != now.end()) continue;
      const auto file = api_.look_at(id, where_, options);
      if (!file || file->trashed) continue;
      now.push_back(id);
      ++found;
    }
  }
  std::erase_if(fresh, [](const auto& entry) { return entry.second.empty(); });
  folders = std::move(fresh);
  return found > 0;
}

FolderIds FolderTree::read_all(const CallOptions& options) {
  FolderIds folders = {{k_store_folder, read_store_folder(options)}};
  if (folders[k_store_folder].empty()) {
    throw Error(ErrorKind::offline, where_,
                "the folder is not there, is in the trash, or was made with another OAuth client, whose files this one "
                "does not see");
  }
  for (const std::string& id : folders[k_store_folder]) {
    for (const std::string& found : ids_of(api_.folders_in(id, k_top_folder, where_, options)))
      folders[k_top_folder].push_back(found);
  }
  reread_types(folders, options);
  return folders;
}

void FolderTree::refresh(const CallOptions& options) {
  FolderIds folders = known();
  bool there = false;
  try {
    there = reread_types(folders, options);
  } catch (const Error& error) {
    // The folder mf1 itself is gone; all folders are read again below.
    if (error.kind != ErrorKind::not_found) throw;
  }
  if (!there) folders = read_all(options);
  const std::lock_guard lock(mutex_);
  folders_ = folders;
  session_.set_folders(folders_);
}

std::vector<std::string> FolderTree::find(const std::string& folder, const CallOptions& options) {
  if (known().empty()) refresh(options);
  const FolderIds folders = known();
  const auto found = folders.find(folder);
  return found == folders.end() ? std::vector<std::string>() : found->second;
}

std::string FolderTree::find_or_make(const std::string& folder, const CallOptions& options) {
  if (const auto ids = find(folder, options); !ids.empty()) return ids.front();
  const auto held = making_.lock(k_top_folder, options, where_);  // one for all: making is rare
  if (const auto ids = find(folder, options); !ids.empty()) return ids.front();
  const std::string parent = parent_of(folder);
  if (parent == k_top_folder && find(k_top_folder, options).empty())
    keep(k_top_folder, api_.make_folder(find(k_store_folder, options).front(), k_top_folder, where_, options));
  const std::string id = api_.make_folder(find(parent, options).front(), leaf_of(folder), where_, options);
  keep(folder, id);
  return id;
}

void FolderTree::make_all(const CallOptions& options) {
  std::string parent = address_.shared_drive.empty() ? "root" : address_.shared_drive;
  for (const std::string& name : address_.folders) {
    const auto found = api_.folders_in(parent, name, where_, options);
    parent = found.empty() ? api_.make_folder(parent, name, where_, options) : found.front().id;
  }
  keep(k_store_folder, parent);
  const auto tops = api_.folders_in(parent, k_top_folder, where_, options);
  const std::string top = tops.empty() ? api_.make_folder(parent, k_top_folder, where_, options) : tops.front().id;
  keep(k_top_folder, top);
  const auto there = api_.folders_in(top, std::nullopt, where_, options);
  for (const std::string& folder : folders_of_objects()) {
    if (folder == k_top_folder) continue;
    const auto found =
        std::find_if(there.begin(), there.end(), [&](const FileInfo& file) { return file.name == leaf_of(folder); });
    keep(folder, found != there.end() ? found->id : api_.make_folder(top, leaf_of(folder), where_, options));
  }
}

}  // namespace modelfloat::store::drive
