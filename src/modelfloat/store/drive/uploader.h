#pragma once
// Uploads an object to Drive so that an interruption or a lost answer does not create it twice.

#include <mutex>
#include <string>
#include <vector>

#include "modelfloat/store/drive/drive_api.h"
#include "modelfloat/store/drive/session.h"

namespace modelfloat::store::drive {

// The content to upload.
struct Content {
  ByteSpan bytes;
  std::string sha256;

  // Whether the file holds exactly this, by the checksum that Drive computed.
  bool is_in(const FileInfo& file) const { return file.size_bytes == bytes.size() && file.sha256 == sha256; }
};

// "sha256:…" or "md5:…", as the server lists it; nullopt when it lists none.
std::optional<std::string> checksum_of(const FileInfo& file);

// Each object gets its id before it is sent; a repeated put asks whether a file with that id exists
// by now. Any thread may call it, but only one at a time for each path.
class Uploader {
 public:
  // The references outlive this.
  Uploader(DriveApi& api, Session& session, Clock& clock) : api_(api), session_(session), clock_(clock) {}

  // Completes an upload of the same content that was started earlier: asks for its progress and
  // sends the rest. Nullopt when there is no such upload to complete.
  std::optional<FileInfo> finish(const std::string& path, const Content& content, const std::string& where,
                                 const CallOptions& options);
  // Uploads the content; sets `file.id` itself. If Drive then has other bytes than were sent,
  // removes them and throws Error{transient}.
  FileInfo upload(const std::string& path, DriveApi::NewFile file, const Content& content, const std::string& where,
                  const CallOptions& options);

 private:
  std::string take_id(const std::string& where, const CallOptions& options);
  std::optional<FileInfo> send_all(const std::string& path, const DriveApi::NewFile& file, PendingUpload pending,
                                   const Content& content, const std::string& where, const CallOptions& options);
  FileInfo send_rest(const std::string& path, PendingUpload pending, const Content& content, std::uint64_t kept_bytes,
                     const std::string& where, const CallOptions& options);
  FileInfo checked(const std::string& path, const FileInfo& file, const Content& content, const std::string& where,
                   const CallOptions& options);

  DriveApi& api_;
  Session& session_;
  Clock& clock_;
  std::mutex mutex_;
  std::vector<std::string> ids_;
};

}  // namespace modelfloat::store::drive
