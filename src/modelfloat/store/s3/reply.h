#pragma once
// What S3 says in XML.

#include <string>
#include <vector>

#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"
#include "modelfloat/store/http/http_client.h"

namespace modelfloat::store::s3 {

struct Trouble {
  std::string code;  // "NoSuchKey", ...; empty when the answer has none (HEAD never has)
  std::string message;
  std::string region;  // of a bucket that is elsewhere
};
// Never throws: an answer that is none of S3's own has no code.
Trouble read_trouble(const http::Response& response);

// The Error for an answer that is no success. NoSuchBucket is offline.
Error api_error(const http::Response& response, const Trouble& trouble, std::string where, std::string_view what,
                UtcTime now);

struct Entry {
  std::string key;
  std::uint64_t size_bytes = 0;
  std::string etag;  // without quotes
};

struct Page {
  std::vector<Entry> entries;
  std::string next;  // the token that gives the next page; empty: this was the last
};
// Error{transient} for anything but a whole listing.
Page read_page(ByteSpan body, const std::string& where);

// The text of the one element of this name, at any depth; Error{transient} when it is not there or
// the root has another name.
std::string read_element(ByteSpan body, std::string_view root, std::string_view name, const std::string& where);

}  // namespace modelfloat::store::s3
