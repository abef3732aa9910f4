#pragma once
// AWS Signature Version 4 by header, as S3 wants it:
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

// What of a request is signed.
struct Call {
  std::string method;
  std::string host;   // as the header Host will be: with the port unless it is the scheme's own
  std::string path;   // encoded, begins with a slash
  std::string query;  // by canonical_query()
  http::Headers headers;
  Hash256 body_sha256{};
};

// The query in the order and spelling that is signed, and is to be sent.
std::string canonical_query(const http::Fields& fields);

// The headers of the call with those that sign it: Authorization, x-amz-date, x-amz-content-sha256
// and, when there is a token, x-amz-security-token.
http::Headers signed_headers(const Call& call, const Keys& keys, std::string_view region, UtcTime now);

}  // namespace modelfloat::store::s3
