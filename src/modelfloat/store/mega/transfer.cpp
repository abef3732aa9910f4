#include "modelfloat/store/mega/transfer.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <nlohmann/json.hpp>

#include "modelfloat/store/http/status.h"
#include "modelfloat/store/mega/back_off.h"
#include "modelfloat/store/mega/json_fields.h"

namespace modelfloat::store::mega {

using nlohmann::json;

namespace {

// A shard of 16 MiB with its header fits into one request.
constexpr std::uint64_t k_request_bytes = std::uint64_t{17} << 20;
constexpr std::size_t k_completion_bytes = 36;
constexpr unsigned k_addresses = 3;

// The upload address is not valid any more: the upload starts again with another.
struct AddressExpired {};

// The negative number that a storage server answered with, or 0.
int negative_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value < 0 ? value : 0;
}

bool is_base64url(std::string_view text) {
  return text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
         std::string_view::npos;
}

class Upload {
 public:
  Upload(Api& api, Clock& clock, Random& random, const std::string& where, const CallOptions& options)
      : api_(api), clock_(clock), random_(random), where_(where), options_(options) {}

  // The token; empty when the server gave none.
  std::string send_all(const FileKey& key, ByteSpan content) {
    const json answer =
        api_.call({{"a", "u"}, {"s", content.size()}, {"ssl", api_.ssl()}, {"v", 2}}, Purpose::write, where_, options_);
    const std::string address = text_in(answer, "p");
    if (address.empty()) throw Error(ErrorKind::corrupt, where_, "MEGA gives no address to upload to");
    std::string token;
    std::uint64_t begin = 0;
    Bytes encrypted;
    do {
      std::uint64_t end = std::min<std::uint64_t>(content.size(), end_of_chunk(begin));
      while (end < content.size() &&
             std::min<std::uint64_t>(content.size(), end_of_chunk(end)) - begin <= k_request_bytes) {
        end = std::min<std::uint64_t>(content.size(), end_of_chunk(end));
      }
      const ByteSpan piece = content.subspan(begin, end - begin);
      encrypted.resize(piece.size());
      crypt_content(key, begin, piece, encrypted);
      const std::string answered = send(address + "/" + std::to_string(begin), encrypted);
      if (!answered.empty()) token = answered;
      begin = end;
    } while (begin < content.size());
    return token;
  }

 private:
  // Sends one request until it is answered. Returns the token when the file is complete, otherwise
  // an empty one.
  std::string send(const std::string& url, ByteSpan piece) {
    http::Request request;
    request.method = "POST";
    request.url = url;
    request.where = where_;
    request.headers = {{"Content-Type", "application/octet-stream"}};
    request.body = {piece};
    BackOff back_off(clock_, random_);
    for (;;) {
      try {
        if (auto token = answer_of(api_.http().send(request, options_))) return *token;
        back_off.wait(code_error(-3, Purpose::write, where_), options_);
      } catch (const Error& error) {
        if (error.kind != ErrorKind::transient) throw;
        back_off.wait(error, options_, error.retry_after);
      }
    }
  }

  // Nullopt when the server asks to try again.
  std::optional<std::string> answer_of(const http::Response& response) const {
    if (response.status == 403 || response.status == 404) throw AddressExpired();
    if (response.status == 509) throw transfer_quota_error(response, where_);
    if (!response.ok())
      throw http::status_error(response, where_, "MEGA's storage server does not take it", clock_.utc_now());
    if (response.body.size() == k_completion_bytes) return to_base64url(response.body);
    const std::string_view text = response.text();
    if (text.empty() || text == "0") return std::string();
    const int code = negative_number(text);
    if (code == -3) return std::nullopt;
    if (code == -17 || code == -24) throw code_error(code, Purpose::write, where_);
    if (code < 0) throw AddressExpired();
    if (!is_base64url(text))
      throw Error(ErrorKind::corrupt, where_, "MEGA's storage server answers with what is no token");
    return std::string(text);
  }

  Api& api_;
  Clock& clock_;
  Random& random_;
  const std::string& where_;
  const CallOptions& options_;
};

}  // namespace

Uploaded upload(Api& api, Clock& clock, Random& random, ByteSpan content, const std::string& where,
                const CallOptions& options) {
  Uploaded result;
  result.key = {random.array<k_block_bytes>(), random.array<8>(), {}};
  ContentMac mac(result.key.key, result.key.nonce);
  mac.update(content);
  result.key.mac = mac.finish();
  for (unsigned tries = 0; tries < k_addresses && result.token.empty(); ++tries) {
    try {
      result.token = Upload(api, clock, random, where, options).send_all(result.key, content);
    } catch (const AddressExpired&) {
      check_cancelled(options, where);
    }
  }
  if (result.token.empty()) throw Error(ErrorKind::transient, where, "MEGA's storage servers do not finish the upload");
  return result;
}

Bytes download(Api& api, Clock& clock, const FoundObject& object, ByteRange range, const std::string& where,
               const CallOptions& options) {
  const json answer = api.call({{"a", "g"}, {"g", 1}, {"n", to_text(object.handle)}, {"ssl", api.ssl()}}, Purpose::read,
                               where, options);
  if (answer.contains("e") && answer["e"].is_number_integer() && answer["e"] < 0)
    throw code_error(answer["e"].get<int>(), Purpose::read, where);
  const std::string address = text_in(answer, "g");
  if (address.empty() || number_in(answer, "s") != object.size_bytes) {
    throw Error(ErrorKind::corrupt, where, "MEGA has another length for it than its listing says, or no address");
  }
  if (range.length == 0) return {};
  http::Request request;
  request.url = address + "/" + std::to_string(range.offset) + "-" + std::to_string(range.offset + range.length - 1);
  request.where = where;
  request.max_answer_bytes = range.length;
  request.expected_bytes = range.length;
  http::Response response = api.http().send(request, options);
  if (response.status == 509) throw transfer_quota_error(response, where);
  if (response.status == 403 || response.status == 404)
    throw Error(ErrorKind::not_found, where, "the address that MEGA gave has expired");
  if (!response.ok())
    throw http::status_error(response, where, "MEGA's storage server does not give it", clock.utc_now());
  Bytes bytes = std::move(response.body);
  if (bytes.size() != range.length) {
    throw Error(ErrorKind::corrupt, where,
                "MEGA gives " + std::to_string(bytes.size()) + " bytes where it has " + std::to_string(range.length));
  }
  const FileKey key = FileKey::unpack(object.node_key);
  crypt_content(key, range.offset, bytes, bytes);
  if (range.length == object.size_bytes) {
    ContentMac mac(key.key, key.nonce);
    mac.update(bytes);
    if (mac.finish() != key.mac)
      throw Error(ErrorKind::corrupt, where,
                  "its bytes are not those that were uploaded: MEGA's checksum of them is another");
  }
  return bytes;
}

}  // namespace modelfloat::store::mega
