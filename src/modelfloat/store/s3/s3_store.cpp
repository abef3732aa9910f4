#include "modelfloat/store/s3/s3_store.h"

#include <algorithm>
#include <atomic>

#include "modelfloat/base/ascii.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"
#include "modelfloat/store/host_domain.h"
#include "modelfloat/store/http/ranged_get.h"
#include "modelfloat/store/http/status.h"
#include "modelfloat/store/range.h"
#include "modelfloat/store/s3/address.h"
#include "modelfloat/store/s3/connection.h"
#include "modelfloat/store/s3/reply.h"

namespace modelfloat::store {
namespace s3 {
namespace {

constexpr std::uint64_t k_longest_object = std::uint64_t{1} << 30;  // ours have 64 MiB and a header
constexpr std::uint64_t k_most_parts = 10'000;
constexpr Milliseconds k_time_to_clean_up{15'000};

// "sha256:<hex>" from what S3 calls it, when it is of the whole object and not of its parts'
// checksums.
std::optional<std::string> whole_sha256(std::string_view text) {
  const auto bytes = from_base64(text);
  if (!bytes || bytes->size() != sizeof(Hash256) || text.size() != 44) return std::nullopt;
  return "sha256:" + to_hex(*bytes);
}

// The ETag of an object that was put in one piece is the MD5 of its bytes.
std::optional<std::string> md5_of_etag(std::string_view etag) {
  if (etag.starts_with('"') && etag.ends_with('"') && etag.size() >= 2) etag = etag.substr(1, etag.size() - 2);
  if (etag.size() != 32 || !from_hex(etag)) return std::nullopt;
  return "md5:" + std::string(etag);
}

class S3Store final : public Store {
 public:
  S3Store(Address address, const StoreSettings& settings, const StoreContext& context, const S3Limits& limits);

  StoreTraits traits() const override {
    return {.parallel_calls = 16, .max_object_bytes = limits_.part_bytes * k_most_parts, .lists_checksums = true};
  }
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) override;
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& options) override;
  std::optional<ObjectInfo> stat(const ObjectName& name, const CallOptions& options) override;
  void remove(const ObjectName& name, const CallOptions& options) override;
  void list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) override;
  Space space(const CallOptions& options) override;

  // Throws Error when the bucket cannot be listed.
  void check(const CallOptions& options) { list_page("", "", 1, url_, options); }
  std::string region() const { return connection_.region(); }

 private:
  std::string where(const ObjectName& name) const { return url_ + "/" + name.path(); }
  std::string key_of(std::string_view path) const {
    return (address_.prefix.empty() ? "" : address_.prefix + "/") + std::string(path);
  }

  Error error(const http::Response& response, const std::string& where, std::string_view what) const {
    return api_error(response, read_trouble(response), where, what, context_.clock.utc_now());
  }
  // Whether a 404 means that the object is absent. Throws Error{offline} when the bucket is
  // missing.
  bool is_absent(const http::Response& response, const std::string& where, const CallOptions& options);
  // If the answer to a HEAD is an error, which has no text, returns the answer to a GET instead.
  http::Response in_words(http::Response head, const std::string& key, const std::string& where,
                          const CallOptions& options);

  // Returns whether it was stored: false when an object exists and `only_new` is set.
  bool put_whole(const std::string& key, ByteSpan bytes, bool only_new, const std::string& where,
                 const CallOptions& options);
  bool put_in_parts(const std::string& key, ByteSpan bytes, bool only_new, const std::string& where,
                    const CallOptions& options);
  std::string put_part(const std::string& key, const std::string& upload, std::size_t number, ByteSpan part,
                       const std::string& where, const CallOptions& options);
  void abort(const std::string& key, const std::string& upload, const std::string& where) noexcept;
  // Whether the server refuses headers that it does not know; from now on none are sent.
  bool learn_to_be_plain(const http::Response& response);
  bool was_put(const http::Response& response, const std::string& where, std::string_view checksum) const;
  bool holds(const std::string& key, ByteSpan bytes, const std::string& where, const CallOptions& options);

  Page list_page(std::string_view prefix, const std::string& token, unsigned count, const std::string& where,
                 const CallOptions& options);
  std::optional<std::string> checksum_of(const http::Response& head) const;

  const Address address_;
  const std::string url_;
  const S3Limits limits_;
  StoreContext context_;
  Connection connection_;
  // True until an answer shows that the bucket is encrypted by a key service.
  std::atomic<bool> etags_are_md5_{true};
  // Send no conditions and no checksums: the signature proves the bytes anyway.
  std::atomic<bool> is_plain_{false};
};

S3Store::S3Store(Address address, const StoreSettings& settings, const StoreContext& context, const S3Limits& limits)
    : address_(std::move(address)),
      url_("s3:" + address_.text()),
      limits_(limits),
      context_(context),
      connection_(address_, settings, context) {}

bool S3Store::is_absent(const http::Response& response, const std::string& where, const CallOptions& options) {
  if (response.status != 404) return false;
  const Trouble trouble = read_trouble(response);
  if (trouble.code == "NoSuchKey") return true;
  if (!trouble.code.empty() && trouble.code != "NoSuchVersion")
    throw api_error(response, trouble, where, "cannot find it", context_.clock.utc_now());
  // A proxy may answer 404 to anything, so the bucket is checked.
  list_page("", "", 1, where, options);
  return true;
}

http::Response S3Store::in_words(http::Response head, const std::string& key, const std::string& where,
                                 const CallOptions& options) {
  if (head.status != 400 && head.status != 403 && head.status != 404) return head;
  http::Response answer =
      connection_.send({.method = "GET", .key = key, .headers = {{"Range", "bytes=0-0"}}}, where, options);
  if (answer.ok() || answer.status == 416)
    throw Error(ErrorKind::transient, where, "the server says now this, now that");
  return answer;
}

// Backblaze: https://github.com/iterate-ch/cyberduck/issues/16107
bool S3Store::learn_to_be_plain(const http::Response& response) {
  if (response.status != 501 && response.status != 400) return false;
  const Trouble trouble = read_trouble(response);
  const std::string words = lower_case(trouble.message);
  const bool is_of_headers = words.find("header") != std::string::npos || words.find("checksum") != std::string::npos ||
                             words.find("if-none-match") != std::string::npos;
  if (trouble.code != "NotImplemented" &&
      !((trouble.code == "InvalidArgument" || trouble.code == "InvalidRequest") && is_of_headers))
    return false;
  is_plain_ = true;
  return true;
}

bool S3Store::was_put(const http::Response& response, const std::string& where, std::string_view checksum) const {
  if (response.status == 412 || response.status == 409) return false;
  if (response.status == 404 && read_trouble(response).code.empty())
    throw Error(ErrorKind::offline, url_, "the bucket is not there");
  if (!response.ok()) throw error(response, where, "cannot put");
  const auto said = response.header("x-amz-checksum-sha256");
  if (said && !checksum.empty() && *said != checksum)
    throw Error(ErrorKind::transient, where, "other bytes arrived than were sent");
  return true;
}

bool S3Store::put_whole(const std::string& key, ByteSpan bytes, bool only_new, const std::string& where,
                        const CallOptions& options) {
  const Hash256 hash = crypto::sha256(bytes);
  const std::string checksum = to_base64(hash);
  for (;;) {
    const bool plain = is_plain_;
    Request call{.method = "PUT",
                 .key = key,
                 .headers = {{"Content-Type", "application/octet-stream"}},
                 .body = {bytes},
                 .body_sha256 = hash};
    if (!plain) call.headers.emplace_back("x-amz-checksum-sha256", checksum);
    if (!plain && only_new) call.headers.emplace_back("If-None-Match", "*");
    const http::Response response = connection_.send(call, where, options);
    if (plain || !learn_to_be_plain(response)) return was_put(response, where, checksum);
  }
}

std::string S3Store::put_part(const std::string& key, const std::string& upload, std::size_t number, ByteSpan part,
                              const std::string& where, const CallOptions& options) {
  const bool plain = is_plain_;
  const Hash256 hash = crypto::sha256(part);
  const std::string checksum = to_base64(hash);
  const http::Response response =
      connection_.send({.method = "PUT",
                        .key = key,
                        .query = {{"partNumber", std::to_string(number)}, {"uploadId", upload}},
                        .headers = plain ? http::Headers() : http::Headers{{"x-amz-checksum-sha256", checksum}},
                        .body = {part},
                        .body_sha256 = hash},
                       where, options);
  if (!response.ok()) throw error(response, where, "cannot put a part");
  std::string etag(response.header("etag").value_or(std::string_view()));
  if (etag.empty() || etag.find_first_of("<>&") != std::string::npos)
    throw Error(ErrorKind::transient, where, "the server gives no ETag for a part");
  return "<Part><PartNumber>" + std::to_string(number) + "</PartNumber><ETag>" + etag + "</ETag>" +
         (plain ? "" : "<ChecksumSHA256>" + checksum + "</ChecksumSHA256>") + "</Part>";
}

bool S3Store::put_in_parts(const std::string& key, ByteSpan bytes, bool only_new, const std::string& where,
                           const CallOptions& options) {
  Request begin{.method = "POST",
                .key = key,
                .query = {{"uploads", ""}},
                .headers = {{"Content-Type", "application/octet-stream"}}};
  if (!is_plain_) begin.headers.emplace_back("x-amz-checksum-algorithm", "SHA256");
  const http::Response begun = connection_.send(begin, where, options);
  if (!is_plain_ && learn_to_be_plain(begun)) return put_in_parts(key, bytes, only_new, where, options);
  if (!begun.ok()) throw error(begun, where, "cannot begin to put");
  const std::string upload = read_element(begun.body, "InitiateMultipartUploadResult", "UploadId", where);
  try {
    std::string list = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    for (std::size_t number = 1; !bytes.empty(); ++number) {
      const ByteSpan part = bytes.first(std::min<std::uint64_t>(bytes.size(), limits_.part_bytes));
      list += put_part(key, upload, number, part, where, options);
      bytes = bytes.subspan(part.size());
    }
    list += "</CompleteMultipartUpload>";
    Request complete{.method = "POST",
                     .key = key,
                     .query = {{"uploadId", upload}},
                     .headers = {{"Content-Type", "application/xml"}},
                     .body = {as_bytes(list)},
                     .body_sha256 = crypto::sha256(as_bytes(list))};
    if (only_new && !is_plain_) complete.headers.emplace_back("If-None-Match", "*");
    const http::Response done = connection_.send(complete, where, options);
    const Trouble trouble = read_trouble(done);
    if (done.ok() && !trouble.code.empty()) {  // the answer may begin with 200 and then fail
      if (trouble.code != "PreconditionFailed")
        throw api_error(done, trouble, where, "cannot put", context_.clock.utc_now());
      abort(key, upload, where);
      return false;
    }
    const bool was = was_put(done, where, {});
    if (!was) abort(key, upload, where);
    if (was) read_element(done.body, "CompleteMultipartUploadResult", "ETag", where);
    return was;
  } catch (...) {
    abort(key, upload, where);
    throw;
  }
}

// Parts that are not removed cost money for ever. If this fails, the bucket's own rules must remove
// them.
void S3Store::abort(const std::string& key, const std::string& upload, const std::string& where) noexcept {
  try {
    CallOptions options;  // also after the caller's deadline
    options.deadline = std::chrono::steady_clock::now() + k_time_to_clean_up;
    connection_.send({.method = "DELETE", .key = key, .query = {{"uploadId", upload}}}, where, options);
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): what went wrong before is what matters
  }
}

bool S3Store::holds(const std::string& key, ByteSpan bytes, const std::string& where, const CallOptions& options) {
  std::uint64_t at = 0;
  bool same = true;
  const http::Response response =
      connection_.send({.method = "GET", .key = key}, where, options, [&](http::Request request) {
        request.on_head = [&](const http::Response&) { at = 0; };
        request.sink = [&](ByteSpan piece) {
          same = same && piece.size() <= bytes.size() - at && equal(piece, bytes.subspan(at, piece.size()));
          at += same ? piece.size() : 0;
        };
        return connection_.client().send(request, options);
      });
  if (is_absent(response, where, options)) return false;
  if (!response.ok()) throw error(response, where, "cannot read what is there");
  return same && at == bytes.size();
}

void S3Store::put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) {
  const std::string place = where(name);
  const std::string key = key_of(name.path());
  const bool in_parts = bytes.size() > limits_.single_put_bytes;
  const auto put_once = [&](bool only_new) {
    return in_parts ? put_in_parts(key, bytes, only_new, place, options)
                    : put_whole(key, bytes, only_new, place, options);
  };
  if (put_once(true)) return;
  if (holds(key, bytes, place, options)) return;
  if (!put_once(false)) throw Error(ErrorKind::transient, place, "others are changing it");
}

std::optional<Bytes> S3Store::get(const ObjectName& name, ByteRange range, const CallOptions& options) {
  const std::string place = where(name);
  const auto by_size = [&]() -> std::optional<ByteRange> {
    const auto info = stat(name, options);
    if (!info) return std::nullopt;
    return clip(range, info->size_bytes, place);
  };
  if (range.length == 0 || range.offset == UINT64_MAX ||
      !checked_add(range.offset, range.length == ByteRange::k_to_the_end ? 0 : range.length)) {
    // HTTP cannot express such a range.
    if (!by_size()) return std::nullopt;
    return Bytes();
  }
  auto answer = connection_.send(
      {.method = "GET", .key = key_of(name.path())}, place, options, [&](const http::Request& request) {
        return http::ranged_get(connection_.client(), request, range, k_longest_object, options);
      });
  if (answer.bytes) return std::move(answer.bytes);
  if (answer.response.status == 416) {
    const auto clipped = by_size();
    if (!clipped) return std::nullopt;
    if (clipped->length == 0) return Bytes();
    throw error(answer.response, place, "cannot read");
  }
  if (is_absent(answer.response, place, options)) return std::nullopt;
  throw error(answer.response, place, "cannot read");
}

std::optional<std::string> S3Store::checksum_of(const http::Response& head) const {
  if (const auto sha256 = head.header("x-amz-checksum-sha256")) {
    if (auto whole = whole_sha256(*sha256)) return whole;
  }
  if (!etags_are_md5_) return std::nullopt;
  return md5_of_etag(head.header("etag").value_or(std::string_view()));
}

std::optional<ObjectInfo> S3Store::stat(const ObjectName& name, const CallOptions& options) {
  const std::string place = where(name);
  const std::string key = key_of(name.path());
  Request call{.method = "HEAD", .key = key};
  if (!is_plain_) call.headers.emplace_back("x-amz-checksum-mode", "ENABLED");
  http::Response response = connection_.send(call, place, options);
  if (!call.headers.empty() && (response.status == 400 || response.status == 501)) {
    // The answer to a HEAD has no text. The header may be the reason for the refusal.
    call.headers.clear();
    response = connection_.send(call, place, options);
    if (response.ok() || response.status == 404) is_plain_ = true;
  }
  response = in_words(std::move(response), key, place, options);
  if (is_absent(response, place, options)) return std::nullopt;
  if (!response.ok()) throw error(response, place, "cannot look at");
  const auto encryption = response.header("x-amz-server-side-encryption").value_or("AES256");
  if (encryption != "AES256" || response.header("x-amz-server-side-encryption-customer-algorithm"))
    etags_are_md5_ = false;
  const auto size = http::content_length(response);
  if (!size) throw Error(ErrorKind::transient, place, "the server does not say how long it is");
  return ObjectInfo{name, *size, checksum_of(response)};
}

void S3Store::remove(const ObjectName& name, const CallOptions& options) {
  const std::string place = where(name);
  const http::Response response = connection_.send({.method = "DELETE", .key = key_of(name.path())}, place, options);
  if (response.ok() || is_absent(response, place, options)) return;
  throw error(response, place, "cannot remove");
}

Page S3Store::list_page(std::string_view prefix, const std::string& token, unsigned count, const std::string& where,
                        const CallOptions& options) {
  Request call{.method = "GET",
               .query = {{"list-type", "2"},
                         {"max-keys", std::to_string(count)},
                         {"prefix", key_of(prefix)},
                         {"encoding-type", "url"}}};
  if (!token.empty()) call.query.emplace_back("continuation-token", token);
  const http::Response response = connection_.send(call, where, options);
  if (!response.ok()) {
    // The bucket does not answer a listing: it is not the store that we know.
    if (response.status == 404) throw Error(ErrorKind::offline, url_, "the bucket is not there");
    throw error(response, where, "cannot list");
  }
  return read_page(response.body, where);
}

void S3Store::list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) {
  const std::size_t ours = key_of("").size();
  std::string token;
  do {
    const Page page = list_page(prefix, token, 1000, url_, options);
    for (const Entry& entry : page.entries) {
      if (entry.key.size() < ours || !entry.key.starts_with(key_of(""))) continue;
      const auto name = ObjectName::parse(std::string_view(entry.key).substr(ours));
      if (!name || !name->path().starts_with(prefix)) continue;
      check_cancelled(options, url_);
      sink({*name, entry.size_bytes, etags_are_md5_ ? md5_of_etag(entry.etag) : std::nullopt});
    }
    if (!page.next.empty() && page.next == token)
      throw Error(ErrorKind::transient, url_, "its listing goes in circles");
    token = page.next;
  } while (!token.empty());
}

// S3 does not report its space, but a missing bucket must not look like one with unlimited space.
Space S3Store::space(const CallOptions& options) {
  list_page("", {}, 1, url_, options);
  return {};
}

}  // namespace
}  // namespace s3

std::unique_ptr<Store> make_s3_store(std::string_view address, const StoreSettings& settings,
                                     const StoreContext& context, const S3Limits& limits) {
  return std::make_unique<s3::S3Store>(s3::parse_address(address), settings, context, limits);
}

Scheme s3_scheme() {
  return {.name = "s3",
          .example = "s3:https://host/bucket/prefix",
          .credential_fields = {{"access_key", "Access key", false}, {"secret_key", "Secret key", true}},
          .make = [](std::string_view rest, const StoreSettings& settings,
                     const StoreContext& context) { return make_s3_store(rest, settings, context); },
          .canonical_rest = [](std::string_view rest) { return s3::parse_address(rest).text(); },
          .domain = [](std::string_view rest,
                       const StoreSettings& settings) { return host_domain(s3::parse_address(rest).server, settings); },
          .prepare =
              [](std::string_view rest, StoreSettings& settings, const StoreContext& context, Dialogue&,
                 const CallOptions& call) {
                s3::S3Store store(s3::parse_address(rest), settings, context, {});
                store.check(call);
                settings.credentials.set("region", store.region());
              }};
}

}  // namespace modelfloat::store
