#include "modelfloat/mf1/git_oid.h"

#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"

namespace modelfloat::mf1 {

std::string git_blob_prefix(std::uint64_t size_bytes) {
  std::string prefix = "blob " + std::to_string(size_bytes);
  prefix.push_back('\0');
  return prefix;
}

GitOid git_blob_oid(ByteSpan content) {
  crypto::Sha1 hash;
  hash.update(as_bytes(git_blob_prefix(content.size())));
  hash.update(content);
  return hash.finish();
}

std::string lfs_pointer_text(const Hash256& sha256, std::uint64_t size_bytes) {
  return "version https://git-lfs.github.com/spec/v1\noid sha256:" + to_hex(sha256) + "\nsize " +
         std::to_string(size_bytes) + "\n";
}

GitOid lfs_pointer_oid(const Hash256& sha256, std::uint64_t size_bytes) {
  return git_blob_oid(as_bytes(lfs_pointer_text(sha256, size_bytes)));
}

}  // namespace modelfloat::mf1
