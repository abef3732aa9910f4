#pragma once
// The hashes by which others know a file.

#include <optional>

#include "modelfloat/base/bytes.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/domain/manifest.h"
#include "modelfloat/mf1/git_oid.h"

namespace modelfloat::engine {

// Made as the file streams by. Used by one thread.
class FileDigest {
 public:
  explicit FileDigest(std::optional<std::uint64_t> size_bytes) {
    if (size_bytes && *size_bytes < mf1::k_lfs_from_bytes) begin_git(*size_bytes);
    size_is_known_ = size_bytes.has_value();
  }
  void update(ByteSpan bytes) {
    sha256_.update(bytes);
    if (git_) git_->update(bytes);
    // Git's hash begins with the size. Without it the content has to wait for it, as long as it is
    // small enough to matter.
    if (!size_is_known_ && size_ < mf1::k_lfs_from_bytes) append(held_, bytes);
    size_ += bytes.size();
    if (size_ >= mf1::k_lfs_from_bytes) Bytes().swap(held_);
  }
  void finish(FileEntry& file) {
    file.size_bytes = size_;
    file.sha256 = sha256_.finish();
    if (size_ >= mf1::k_lfs_from_bytes) {
      file.git_oid = mf1::lfs_pointer_oid(file.sha256, size_);
    } else {
      file.git_oid = git_ ? git_->finish() : mf1::git_blob_oid(held_);
    }
  }

 private:
  void begin_git(std::uint64_t size_bytes) {
    git_.emplace();
    git_->update(as_bytes(mf1::git_blob_prefix(size_bytes)));
  }
  crypto::Sha256 sha256_;
  std::optional<crypto::Sha1> git_;
  bool size_is_known_ = false;
  Bytes held_;
  std::uint64_t size_ = 0;
};

}  // namespace modelfloat::engine
