#pragma once
// The calls of Drive's API v3 that a store needs, one function each. docs/stores/drive.md describes
// the protocol.

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
  std::optional<std::uint64_t> size_bytes;  // nullopt for folders and Google's own documents
  std::string sha256;                       // hex, or empty
  std::string md5;
  bool trashed = false;  // the file itself or a folder above it
};

// The progress of a resumable upload.
struct UploadProgress {
  bool known = true;             // false: the server has forgotten it
  std::uint64_t kept_bytes = 0;  // when it is not done
  std::optional<FileInfo> done;
};

struct Quota {
  std::uint64_t used_bytes = 0;
  std::optional<std::uint64_t> limit_bytes;
};

// Any thread may call any method. When the server refuses an access token, the call is repeated
// once with a new one. Throws what api_error() makes of an error answer, Error{transient} for an
// answer that is not as the API promises, and what HttpClient throws. `where` in errors is the
// store and what the call was about.
class DriveApi {
 public:
  DriveApi(const std::string& api_url, std::string shared_drive, http::HttpClient& client, AccessTokens& tokens,
           Clock& clock, Random& random, Backoff& backoff);

  // Calls `sink` for each file in this folder that is not in the trash; of files with equal names
  // the newest comes first. With `name`: only for files of this name. Throws Error{not_found} when
  // there is no such folder.
  using FileSink = std::function<void(const FileInfo&)>;
  void list(const std::string& folder_id, const std::optional<std::string>& name, const FileSink& sink,
            const std::string& where, const CallOptions& options);
  // Returns the file; nullopt when it does not exist (any more). A file in the trash is returned,
  // with `trashed` set.
  std::optional<FileInfo> look_at(const std::string& id, const std::string& where, const CallOptions& options);
  // The folders in a folder, or only those of this name, oldest first. "root" or the id of a shared
  // drive is the top folder.
  std::vector<FileInfo> folders_in(const std::string& folder_id, const std::optional<std::string>& name,
                                   const std::string& where, const CallOptions& options);
  std::string make_folder(const std::string& parent_id, const std::string& name, const std::string& where,
                          const CallOptions& options);
  // Deletes the file for good; moves it to the trash if the account may do only that. Does nothing
  // when it does not exist.
  void remove(const std::string& id, const std::string& where, const CallOptions& options);
  // Returns new ids for files that do not exist yet.
  std::vector<std::string> new_ids(const std::string& where, const CallOptions& options);
  // Returns exactly the bytes of the range, which must not be empty; nullopt when there is no such
  // file. `size_bytes` is the expected size of the file. Throws Error{corrupt} when the file ends
  // before the range does, or is longer than expected.
  std::optional<Bytes> download(const std::string& id, ByteRange range, std::uint64_t size_bytes,
                                const std::string& where, const CallOptions& options);
  Quota quota(const std::string& where, const CallOptions& options);

  struct NewFile {
    std::string id;
    std::string name;
    std::string folder_id;
  };
  // Uploads a file in one request. Nullopt when a file has this id already.
  std::optional<FileInfo> upload_whole(const NewFile& file, ByteSpan bytes, const std::string& where,
                                       const CallOptions& options);
  // Starts a resumable upload and returns the address for it. Nullopt when a file has this id
  // already.
  std::optional<std::string> begin_upload(const NewFile& file, std::uint64_t size_bytes, const std::string& where,
                                          const CallOptions& options);
  UploadProgress ask_upload(const std::string& address, std::uint64_t size_bytes, const std::string& where,
                            const CallOptions& options);
  // Sends the bytes from `kept_bytes` on.
  UploadProgress send_rest(const std::string& address, ByteSpan bytes, std::uint64_t kept_bytes,
                           const std::string& where, const CallOptions& options);

 private:
  // Calls `exchange(request)` with a token; once more with a new token when the server refuses the
  // first. Returns its response.
  template <typename Exchange>
  http::Response authorized(http::Request& request, const CallOptions& options, Exchange exchange);
  http::Response send(http::Request request, const CallOptions& options);
  // Sends to an address that the server gave us, which itself grants access. Our token is added
  // only if that address is on our API server.
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
