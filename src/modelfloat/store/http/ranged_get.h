#pragma once
// Reads a part of an object over HTTP, also from servers that handle the Range header (RFC 9110,
// 14) incompletely.

#include <optional>

#include "modelfloat/store/http/http_client.h"

namespace modelfloat::store::http {

struct RangedAnswer {
  Response response;  // its body is empty when `bytes` has a value
  // Exactly the bytes of the range. Nullopt for an answer other than 200 or 206, except a 416 that
  // tells the size and a range that begins at the end.
  std::optional<Bytes> bytes;
};

// Sends `request`, a GET, for `range` of the object, which must not be empty. If the server sends
// the whole object (200), the range is cut out of it. If the range is what follows the last byte
// (416 with the size), the result is empty bytes. Throws like HttpClient::send(), and:
// - Error{corrupt} when the object ends before the range does, or when `range` has no end and more
//   than `longest` bytes come;
// - Error{transient} when the server sends another range, fewer bytes than it announced, or
//   compressed bytes.
RangedAnswer ranged_get(HttpClient& client, Request request, ByteRange range, std::uint64_t longest,
                        const CallOptions& options);

}  // namespace modelfloat::store::http
