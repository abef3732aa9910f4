#include "modelfloat/store/s3/signature.h"

#include <algorithm>

#include "modelfloat/base/ascii.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"

namespace modelfloat::store::s3 {
namespace {

// "20130524T000000Z"
std::string compact_time(UtcTime now) {
  std::string text = to_rfc3339(std::chrono::floor<std::chrono::seconds>(now));
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

Hash256 signing_key(const crypto::SecretBytes& secret, std::string_view date, std::string_view region) {
  Bytes first = to_bytes("AWS4");
  first.reserve(first.size() + secret.bytes().size());  // so that no copy is left behind
  append(first, secret.bytes());
  const crypto::SecretBytes key(std::move(first));
  Hash256 step = crypto::hmac_sha256(key.bytes(), as_bytes(date));
  for (const std::string_view part : {region, std::string_view("s3"), std::string_view("aws4_request")}) {
    step = crypto::hmac_sha256(step, as_bytes(part));
  }
  return step;
}

}  // namespace

std::string canonical_query(const http::Fields& fields) {
  http::Fields sorted;
  for (const auto& [name, value] : fields) sorted.emplace_back(http::percent_encode(name), http::percent_encode(value));
  std::sort(sorted.begin(), sorted.end());
  std::string query;
  for (const auto& [name, value] : sorted) {
    if (!query.empty()) query += '&';
    query.append(name).append("=").append(value);
  }
  return query;
}

http::Headers signed_headers(const Call& call, const Keys& keys, std::string_view region, UtcTime now) {
  const std::string time = compact_time(now);
  const std::string date = time.substr(0, 8);
  const std::string body_hash = to_hex(call.body_sha256);
  http::Headers headers = call.headers;
  headers.emplace_back("x-amz-date", time);
  headers.emplace_back("x-amz-content-sha256", body_hash);
  if (!keys.session_token.empty()) headers.emplace_back("x-amz-security-token", as_text(keys.session_token.bytes()));

  http::Headers signed_headers = {{"host", call.host}};
  for (const auto& [name, value] : headers) signed_headers.emplace_back(lower_case(name), value);
  std::sort(signed_headers.begin(), signed_headers.end());
  std::string lines;
  std::string names;
  for (const auto& [name, value] : signed_headers) {
    lines.append(name).append(":").append(value).append("\n");
    if (!names.empty()) names += ';';
    names += name;
  }
  const std::string request =
      call.method + "\n" + call.path + "\n" + call.query + "\n" + lines + "\n" + names + "\n" + body_hash;
  const std::string scope = date + "/" + std::string(region) + "/s3/aws4_request";
  const std::string to_sign =
      "AWS4-HMAC-SHA256\n" + time + "\n" + scope + "\n" + to_hex(crypto::sha256(as_bytes(request)));
  Hash256 key = signing_key(keys.secret_key, date, region);
  const std::string signature = to_hex(crypto::hmac_sha256(key, as_bytes(to_sign)));
  crypto::wipe(key);
  headers.emplace_back("Authorization", "AWS4-HMAC-SHA256 Credential=" + keys.access_key + "/" + scope +
                                            ",SignedHeaders=" + names + ",Signature=" + signature);
  return headers;
}

}  // namespace modelfloat::store::s3
