#pragma once
// Where a bucket is: from https://host/bucket/prefix, or https://bucket.host/prefix where the host
// is known to be spelled so.

#include <string>
#include <string_view>

#include "modelfloat/store/http/url.h"

namespace modelfloat::store::s3 {

struct Address {
  http::Url server;  // scheme, host and port alone, without the bucket
  std::string bucket;
  std::string prefix;  // of every key; plain, without slashes at its ends; may be empty
  // As far as the host's name tells; else "us-east-1", which is what servers without regions
  // expect.
  std::string region;

  // https://host/bucket/prefix
  std::string text() const;
  bool is_amazon() const;
  // Whether the bucket goes into the host's name: for Amazon, unless its certificate would not fit
  // (a dot in the bucket's name).
  bool is_virtual() const;
};

// Error{invalid} for what names no bucket, or has a part that makes no sense.
Address parse_address(std::string_view text);

// Amazon's server of a region.
std::string amazon_host(std::string_view region);

}  // namespace modelfloat::store::s3
