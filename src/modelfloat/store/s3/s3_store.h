#pragma once
// A bucket, or a prefix in one, on any server with Amazon's S3 API. docs/stores/s3.md says which
// servers were tested.

#include <memory>

#include "modelfloat/store/scheme.h"
#include "modelfloat/store/store.h"

namespace modelfloat::store {

struct S3Limits {
  std::uint64_t single_put_bytes = std::uint64_t{100} << 20;  // longer objects go in parts
  std::uint64_t part_bytes = std::uint64_t{32} << 20;         // Amazon's minimum is 5 MiB
};

// The object NAME is the key PREFIX/NAME. While the bucket is missing, calls throw Error{offline}.
// `address` is what follows "s3:".
std::unique_ptr<Store> make_s3_store(std::string_view address, const StoreSettings& settings,
                                     const StoreContext& context, const S3Limits& limits = {});

// s3:https://host/bucket/prefix, or with the bucket in the host's name for hosts that are known to
// support that form. Credentials: access_key, secret_key, optional region, session_token. The
// bucket of a new store must exist; its region is found out and added to the credentials.
Scheme s3_scheme();

}  // namespace modelfloat::store
