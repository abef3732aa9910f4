#pragma once
// A bucket, or a prefix in one, of any server that speaks Amazon's S3. docs/stores/s3.md says what
// was tried with which.

#include <memory>

#include "modelfloat/store/scheme.h"
#include "modelfloat/store/store.h"

namespace modelfloat::store {

struct S3Limits {
  std::uint64_t single_put_bytes = std::uint64_t{100} << 20;  // a longer object goes in parts
  std::uint64_t part_bytes = std::uint64_t{32} << 20;         // Amazon's least is 5 MiB
};

// The object NAME is the key PREFIX/NAME. A bucket that is not there is Error{offline}. `address`
// is what follows "s3:".
std::unique_ptr<Store> make_s3_store(std::string_view address, const StoreSettings& settings,
                                     const StoreContext& context, const S3Limits& limits = {});

// s3:https://host/bucket/prefix, or with the bucket in the name of a host that is known to be
// spelled so. Credentials: access_key, secret_key, optional region, session_token. A new one's
// bucket must be there already; its region is found out and added to the credentials.
Scheme s3_scheme();

}  // namespace modelfloat::store
