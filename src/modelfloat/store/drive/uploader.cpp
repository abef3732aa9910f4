#include "modelfloat/store/drive/uploader.h"

namespace modelfloat::store::drive {
namespace {

// Google's recommended limit. Larger uploads can be resumed.
constexpr std::uint64_t k_most_in_one_request = std::uint64_t{5} << 20;
constexpr int k_most_rounds = 64;  // if a server accepts only a piece at a time

}  // namespace

std::optional<std::string> checksum_of(const FileInfo& file) {
  if (!file.sha256.empty()) return "sha256:" + file.sha256;
  if (!file.md5.empty()) return "md5:" + file.md5;
  return std::nullopt;
}

std::string Uploader::take_id(const std::string& where, const CallOptions& options) {
  const auto take = [this]() -> std::string {
    const std::lock_guard lock(mutex_);
    if (ids_.empty()) return {};
    std::string id = std::move(ids_.back());
    ids_.pop_back();
    return id;
  };
  for (;;) {
    if (std::string id = take(); !id.empty()) return id;
    std::vector<std::string> fresh = api_.new_ids(where, options);
    const std::lock_guard lock(mutex_);
    ids_.insert(ids_.end(), fresh.begin(), fresh.end());
  }
}

FileInfo Uploader::checked(const std::string& path, const FileInfo& file, const Content& content,
                           const std::string& where, const CallOptions& options) {
  if (!content.is_in(file)) {
    api_.remove(file.id, where, options);
    session_.forget_pending(path);
    throw Error(ErrorKind::transient, where, "Drive keeps other bytes than were sent; they were removed");
  }
  session_.forget_pending(path);
  return file;
}

FileInfo Uploader::send_rest(const std::string& path, PendingUpload pending, const Content& content,
                             std::uint64_t kept_bytes, const std::string& where, const CallOptions& options) {
  const std::uint64_t size = content.bytes.size();
  for (int round = 0;; ++round) {
    const UploadProgress progress = kept_bytes < size
                                        ? api_.send_rest(pending.address, content.bytes, kept_bytes, where, options)
                                        : api_.ask_upload(pending.address, size, where, options);
    if (progress.done) return checked(path, *progress.done, content, where, options);
    if (!progress.known) {
      pending.address.clear();
      session_.set_pending(path, pending);
      throw Error(ErrorKind::transient, where, "Drive has forgotten an upload that was under way");
    }
    if (progress.kept_bytes == kept_bytes || progress.kept_bytes > size || round == k_most_rounds) {
      throw Error(ErrorKind::transient, where,
                  "an upload does not go on: " + std::to_string(progress.kept_bytes) + " bytes are there");
    }
    kept_bytes = progress.kept_bytes;
  }
}

std::optional<FileInfo> Uploader::finish(const std::string& path, const Content& content, const std::string& where,
                                         const CallOptions& options) {
  auto pending = session_.pending(path);
  if (!pending) return std::nullopt;
  if (pending->size_bytes != content.bytes.size() || pending->sha256 != content.sha256) {
    session_.forget_pending(path);
    return std::nullopt;
  }
  bool was_done = false;
  if (!pending->address.empty()) {
    const UploadProgress progress = api_.ask_upload(pending->address, pending->size_bytes, where, options);
    if (progress.known && !progress.done)
      return send_rest(path, *pending, content, std::min(progress.kept_bytes, pending->size_bytes), where, options);
    was_done = progress.done.has_value();
    pending->address.clear();
    session_.set_pending(path, *pending);
  }
  // Also asked when the upload is complete: that may be long ago, and the file may be gone since.
  const auto file = api_.look_at(pending->id, where, options);
  if (!file && !was_done) return std::nullopt;  // upload() will use the same id
  if (!file || file->trashed) {
    session_.forget_pending(path);
    return std::nullopt;
  }
  return checked(path, *file, content, where, options);
}

std::optional<FileInfo> Uploader::send_all(const std::string& path, const DriveApi::NewFile& file,
                                           PendingUpload pending, const Content& content, const std::string& where,
                                           const CallOptions& options) {
  if (content.bytes.size() <= k_most_in_one_request) {
    const auto stored = api_.upload_whole(file, content.bytes, where, options);
    if (!stored) return std::nullopt;
    return checked(path, *stored, content, where, options);
  }
  const auto address = api_.begin_upload(file, content.bytes.size(), where, options);
  if (!address) return std::nullopt;
  pending.address = *address;
  session_.set_pending(path, pending);
  return send_rest(path, std::move(pending), content, 0, where, options);
}

FileInfo Uploader::upload(const std::string& path, DriveApi::NewFile file, const Content& content,
                          const std::string& where, const CallOptions& options) {
  for (bool again = false;; again = true) {
    const auto pending = session_.pending(path);
    file.id = pending && !again ? pending->id : take_id(where, options);
    const PendingUpload begun{file.id, {}, content.bytes.size(), content.sha256, clock_.utc_now()};
    session_.set_pending(path, begun);
    if (const auto stored = send_all(path, file, begun, content, where, options)) return *stored;
    // The id is in use: by a file of an earlier request that seemed to fail, or by something else.
    if (const auto there = api_.look_at(file.id, where, options);
        there && !there->trashed && there->name == file.name) {
      return checked(path, *there, content, where, options);
    }
    if (again) throw Error(ErrorKind::transient, where, "Drive gives ids that are taken");
  }
}

}  // namespace modelfloat::store::drive
