#pragma once
// The address of a bucket: https://host/bucket/prefix, or https://bucket.host/prefix for hosts that
// are known to support that form.

#include <string>
#include <string_view>

#include "modelfloat/store/http/url.h"

namespace modelfloat::store::s3 {

struct Address {
  http::Url server;  // scheme, host and port, without the bucket
  std::string bucket;
  std::string prefix;  // of every key; not encoded, no slashes at its ends; may be empty
  // The region in the host's name; otherwise "us-east-1", which servers without regions expect.
  std::string region;

  // https://host/bucket/prefix
  std::string text() const;
  bool is_amazon() const;
  // Whether requests have the bucket in the host's name: for Amazon, unless the bucket's name has a
  // dot, which its certificate does not match.
  bool is_virtual() const;
};

// Throws Error{invalid} for an address without a bucket or with an invalid part.
Address parse_address(std::string_view text);

// Amazon's server of a region.
std::string amazon_host(std::string_view region);

}  // namespace modelfloat::store::s3
