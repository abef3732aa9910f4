#include "modelfloat/store/s3/reply.h"

#include <algorithm>
#include <charconv>

#include "modelfloat/store/http/status.h"
#include "modelfloat/store/http/url.h"
#include "modelfloat/store/xml_reader.h"

namespace modelfloat::store::s3 {
namespace {

constexpr std::size_t k_longest_words = 200;

std::string printable(std::string text) {
  if (text.size() > k_longest_words) text.resize(k_longest_words);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return text;
}

Error senseless(const std::string& where, std::string_view what) {
  return Error(ErrorKind::transient, where, "the answer makes no sense: " + std::string(what));
}

bool is_one_of(std::string_view code, std::initializer_list<std::string_view> codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, and what servers of the same
// protocol say.
std::optional<ErrorKind> kind_of(const Trouble& trouble) {
  const std::string_view code = trouble.code;
  if (code == "NoSuchBucket") return ErrorKind::offline;
  if (is_one_of(code, {"SlowDown", "SlowDownRead", "SlowDownWrite", "ServiceUnavailable", "Throttling",
                       "ThrottlingException", "RequestLimitExceeded", "TooManyRequests", "BandwidthLimitExceeded"})) {
    return ErrorKind::rate_limited;
  }
  if (is_one_of(code, {"QuotaExceeded", "QuotaExceededException", "XMinioStorageFull", "InsufficientStorage",
                       "ServiceQuotaExceeded"}))
    return ErrorKind::out_of_space;
  // Backblaze reports it only as text.
  if (code == "AccessDenied" && trouble.message.find("cap exceeded") != std::string::npos)
    return ErrorKind::out_of_space;
  if (is_one_of(code, {"RequestTimeout"})) return ErrorKind::timed_out;
  // The bytes were changed in transit, or another client writes or deletes the same object just
  // now.
  if (is_one_of(code, {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch",
                       "IncompleteBody", "OperationAborted", "ConditionalRequestConflict", "InternalError",
                       "NoSuchUpload", "InvalidPart"})) {
    return ErrorKind::transient;
  }
  if (is_one_of(code, {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
                       "RequestTimeTooSkewed", "AccountProblem", "AllAccessDisabled", "NotSignedUp", "InvalidSecurity",
                       "InvalidTokenId", "TokenRefreshRequired"})) {
    return ErrorKind::denied;
  }
  return std::nullopt;
}

}  // namespace

Trouble read_trouble(const http::Response& response) {
  Trouble trouble;
  bool is_error = false;
  bool first = true;
  try {
    XmlReader reader(
        "s3",
        [&](std::string_view name) {
          if (first) is_error = name == "Error";
          first = false;
        },
        [&](std::string_view name, std::string_view text) {
          if (name == "Code") trouble.code = text;
          if (name == "Message") trouble.message = text;
          if (name == "Region") trouble.region = text;
        });
    reader.feed(response.body);
    reader.finish();
  } catch (const Error&) {
    is_error = false;  // a page of a proxy
  }
  return is_error ? trouble : Trouble();
}

Error api_error(const http::Response& response, const Trouble& trouble, std::string where, std::string_view what,
                UtcTime now) {
  Error by_status = http::status_error(response, where, what, now);
  if (trouble.code.empty() && response.status != 503) return by_status;
  // With 503 S3 asks for fewer calls; an answer to HEAD has no text that says so.
  const ErrorKind kind = kind_of(trouble).value_or(response.status == 503 ? ErrorKind::rate_limited : by_status.kind);
  if (trouble.code.empty())
    return Error(kind, std::move(where), std::string(what) + ": HTTP status 503", by_status.retry_after);
  std::string message = std::string(what) + ": " + printable(trouble.code);
  if (!trouble.message.empty()) message += ": " + printable(trouble.message);
  return Error(kind, std::move(where), message, by_status.retry_after);
}

static void decode_keys(Page& page, const std::string& where) {
  try {
    for (Entry& one : page.entries) {
      std::replace(one.key.begin(), one.key.end(), '+', ' ');
      one.key = http::percent_decode(one.key);
    }
  } catch (const Error&) {
    throw senseless(where, "a key that is no encoded one");
  }
}

Page read_page(ByteSpan body, const std::string& where) {
  Page page;
  Entry entry;
  std::string root;
  std::string truncated;
  bool encoded = false;
  bool has_size = false;
  XmlReader reader(
      where,
      [&](std::string_view name) {
        if (root.empty()) root = name;
        if (name == "Contents") {
          entry = {};
          has_size = false;
        }
      },
      [&](std::string_view name, std::string_view text) {
        if (name == "Key") entry.key = text;
        if (name == "ETag") {
          entry.etag = text;
          std::erase(entry.etag, '"');
        }
        if (name == "Size") {
          const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), entry.size_bytes);
          has_size = error == std::errc() && end == text.data() + text.size();
        }
        if (name == "Contents") {
          if (!has_size) throw senseless(where, "an object without a size");
          page.entries.push_back(entry);
        }
        if (name == "IsTruncated") truncated = text;
        if (name == "NextContinuationToken") page.next = text;
        if (name == "EncodingType") encoded = text == "url";
      });
  reader.feed(body);
  reader.finish();
  if (root != "ListBucketResult" || (truncated != "true" && truncated != "false"))
    throw senseless(where, "it is no listing");
  if (truncated == "true" && page.next.empty()) throw senseless(where, "a listing that goes on nowhere");
  if (truncated == "false") page.next.clear();
  if (encoded) decode_keys(page, where);
  return page;
}

std::string read_element(ByteSpan body, std::string_view root, std::string_view name, const std::string& where) {
  std::string found_root;
  std::optional<std::string> found;
  XmlReader reader(
      where,
      [&](std::string_view opened) {
        if (found_root.empty()) found_root = opened;
      },
      [&](std::string_view closed, std::string_view text) {
        if (closed == name) found = text;
      });
  reader.feed(body);
  reader.finish();
  if (found_root != root || !found) throw senseless(where, "it has no " + std::string(name));
  return *found;
}

}  // namespace modelfloat::store::s3
