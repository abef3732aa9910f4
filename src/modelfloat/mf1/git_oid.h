#pragma once
// The ids that git, and with it the Hugging Face Hub, gives the files of a model.

#include <cstdint>
#include <string>

#include "modelfloat/base/bytes.h"
#include "modelfloat/domain/ids.h"

namespace modelfloat::mf1 {

// Files of this size and above have the git id of their LFS pointer file.
inline constexpr std::uint64_t k_lfs_from_bytes = 10'000'000;

// What git hashes with SHA-1 in front of a blob's content: "blob <size>" and a zero byte.
std::string git_blob_prefix(std::uint64_t size_bytes);
GitOid git_blob_oid(ByteSpan content);

// The pointer file of Git LFS, version 1 of its specification.
std::string lfs_pointer_text(const Hash256& sha256, std::uint64_t size_bytes);
GitOid lfs_pointer_oid(const Hash256& sha256, std::uint64_t size_bytes);

}  // namespace modelfloat::mf1
