#pragma once
// Reading a part of an object over HTTP, whatever the server makes of the header Range (RFC 9110,
// 14).

#include <optional>

#include "modelfloat/store/http/http_client.h"

namespace modelfloat::store::http {

struct RangedAnswer {
  Response response;  // its body is empty where `bytes` is there
  // Exactly the range; nothing for an answer that is no 200 or 206, or a 416 that doesn't tell
  // the size.
  std::optional<Bytes> bytes;
};

// Sends `request`, a GET, for `range` of the object, which is not empty. A server that sends more
// than was asked for (200) is cut down to it, and a range that is the rest of nothing (416 with the
// size) is empty bytes. Error{corrupt} when the object ends before the range does, or when `range`
// has no end and more than `longest` bytes come; transient when another range comes than was asked
// for, fewer bytes than were announced, or compressed ones. Otherwise as HttpClient::send().
RangedAnswer ranged_get(HttpClient& client, Request request, ByteRange range, std::uint64_t longest,
                        const CallOptions& options);

}  // namespace modelfloat::store::http
