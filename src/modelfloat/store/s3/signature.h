#pragma once
// AWS Signature Version 4 in a header, as S3 requires it:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html

#include <string>
#include <string_view>

#include "modelfloat/base/clock.h"
#include "modelfloat/crypto/secret.h"
#include "modelfloat/store/http/http_client.h"
#include "modelfloat/store/http/url.h"

namespace modelfloat::store::s3 {

struct Keys {
  std::string access_key;
  crypto::SecretBytes secret_key;
  crypto::SecretBytes session_token;  // empty: none
};

// The parts of a request that are signed.
struct Call {
  std::string method;
  std::string host;   // as the header Host will be: with the port unless it is the scheme's own
  std::string path;   // encoded, begins with a slash
  std::string query;  // by canonical_query()
  http::Headers headers;
  Hash256 body_sha256{};
};

// The query in the order and encoding that is signed. It must be sent in the same form.
std::string canonical_query(const http::Fields& fields);

// Returns the headers of the call and those that sign it: Authorization, x-amz-date,
// x-amz-content-sha256 and, with a token, x-amz-security-token.
http::Headers signed_headers(const Call& call, const Keys& keys, std::string_view region, UtcTime now);

}  // namespace modelfloat::store::s3
