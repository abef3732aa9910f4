#pragma once
// The calls of Drive's API v3 that a store needs, one function each. docs/stores/drive.md has the
// wire facts.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/base/random.h"
#include "modelfloat/store/drive/access_tokens.h"
#include "modelfloat/store/drive/address.h"
#include "modelfloat/store/store.h"

namespace modelfloat::store::drive {

// A file as Drive describes it.
struct FileInfo {
  std::string id;
  std::string name;
  std::optional<std::uint64_t> size_bytes;  // nothing for folders and Google's own documents
  std::string sha256;                       // hex, or empty
  std::string md5;
  bool trashed = false;  // itself, or with a folder above it
};

// How far a resumable upload has come.
struct UploadProgress {
  bool known = true;             // false: the server has forgotten it
  std::uint64_t kept_bytes = 0;  // when it is not done
  std::optional<FileInfo> done;
};

struct Quota {
  std::uint64_t used_bytes = 0;
  std::optional<std::uint64_t> limit_bytes;
};

// Shared by all threads. An access token that the server does not take is replaced once. Failures
// are what api_error() makes of them; an answer that is not what the API promises is
// Error{transient}. `where` in errors is the store, and what the call was about.
class DriveApi {
 public:
  DriveApi(const std::string& api_url, std::string shared_drive, http::HttpClient& client, AccessTokens& tokens,
           Clock& clock, Random& random, Backoff& backoff);

  // Calls `sink` for what lies in this folder and is not in the trash, the newest of equal names
  // first. `name`: only what is called so. Error{not_found} when there is no such folder.
  using FileSink = std::function<void(const FileInfo&)>;
  void list(const std::string& folder_id, const std::optional<std::string>& name, const FileSink& sink,
            const std::string& where, const CallOptions& options);
  // Nothing when it is not there (any more); what is in the trash is given, and says so.
  std::optional<FileInfo> look_at(const std::string& id, const std::string& where, const CallOptions& options);
  // The folders in a folder, or those of this name, oldest first; "root" or a shared drive's id is
  // the top.
  std::vector<FileInfo> folders_in(const std::string& folder_id, const std::optional<std::string>& name,
                                   const std::string& where, const CallOptions& options);
  std::string make_folder(const std::string& parent_id, const std::string& name, const std::string& where,
                          const CallOptions& options);
  // Gone at once, not into the trash, unless only the trash is allowed. What is not there is fine.
  void remove(const std::string& id, const std::string& where, const CallOptions& options);
  // Ids for files that do not exist yet.
  std::vector<std::string> new_ids(const std::string& where, const CallOptions& options);
  // Exactly these bytes; the range is not empty. Nothing when there is no such file. Error{corrupt}
  // when the file ends before the range does, or has more than `size_bytes`, which is what it is
  // thought to have.
  std::optional<Bytes> download(const std::string& id, ByteRange range, std::uint64_t size_bytes,
                                const std::string& where, const CallOptions& options);
  Quota quota(const std::string& where, const CallOptions& options);

  struct NewFile {
    std::string id;
    std::string name;
    std::string folder_id;
  };
  // Nothing when a file has this id already.
  std::optional<FileInfo> upload_whole(const NewFile& file, ByteSpan bytes, const std::string& where,
                                       const CallOptions& options);
  // The address to send it to; nothing when a file has this id already.
  std::optional<std::string> begin_upload(const NewFile& file, std::uint64_t size_bytes, const std::string& where,
                                          const CallOptions& options);
  UploadProgress ask_upload(const std::string& address, std::uint64_t size_bytes, const std::string& where,
                            const CallOptions& options);
  // Sends what is missing.
  UploadProgress send_rest(const std::string& address, ByteSpan bytes, std::uint64_t kept_bytes,
                           const std::string& where, const CallOptions& options);

 private:
  // Calls `exchange(request)`, which gives the response, with a token; once more with a fresh one
  // when the server does not take it.
  template <typename Exchange>
  http::Response authorized(http::Request& request, const CallOptions& options, Exchange exchange);
  http::Response send(http::Request request, const CallOptions& options);
  // To an address that the server handed out, which is its own key: our token goes along only to
  // the server that takes it anyway.
  http::Response send_to(const std::string& address, http::Request request, const CallOptions& options);
  http::Request request(std::string method, std::string_view path, const http::Fields& query,
                        const std::string& where) const;
  void each_file(const std::string& query, const std::string& order, const FileSink& sink, const std::string& where,
                 const CallOptions& options);
  Error error(const http::Response& response, const std::string& where, std::string_view what);
  UploadProgress progress_of(const http::Response& response, const std::string& where, std::string_view what);
  void trash(const std::string& id, const std::string& where, const CallOptions& options);

  const std::string api_url_;  // without a slash at its end
  const std::string shared_drive_;
  http::HttpClient& client_;
  AccessTokens& tokens_;
  Clock& clock_;
  Random& random_;
  Backoff& backoff_;
};

}  // namespace modelfloat::store::drive
