#pragma once
// Reads the XML answers of S3.

#include <string>
#include <vector>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"
#include "modelfloat/store/http/http_client.h"

namespace modelfloat::store::s3 {

struct Trouble {
  std::string code;  // "NoSuchKey", ...; empty when the answer has none (HEAD never has)
  std::string message;
  std::string region;  // of a bucket in another region
};
// Does not throw. An answer that does not come from S3 has no code.
Trouble read_trouble(const http::Response& response);

// Makes the Error for an answer that is no success. NoSuchBucket is offline.
Error api_error(const http::Response& response, const Trouble& trouble, std::string where, std::string_view what,
                UtcTime now);

struct Entry {
  std::string key;
  std::uint64_t size_bytes = 0;
  std::string etag;  // without quotes
};

struct Page {
  std::vector<Entry> entries;
  std::string next;  // the token for the next page; empty: this is the last
};
// Throws Error{transient} when it is not a complete listing.
Page read_page(ByteSpan body, const std::string& where);

// The text of the element of this name, at any depth. Throws Error{transient} when it is missing,
// or when the root has another name.
std::string read_element(ByteSpan body, std::string_view root, std::string_view name, const std::string& where);

}  // namespace modelfloat::store::s3
