#include "modelfloat/server/http/http_head.h"

#include <algorithm>
#include <array>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "modelfloat/base/ascii.h"
#include "modelfloat/base/utf8.h"

namespace modelfloat::server {
namespace {

namespace http = boost::beast::http;

[[noreturn]] void malformed(const std::string& why) { throw HttpError(400, "bad_request", why); }

// Beast joins folded lines and accepts control characters in some places, so both are refused
// before Beast parses the head.
void check_lines(std::string_view head, std::size_t max_fields) {
  std::size_t lines = 0;
  for (std::size_t i = 0; i < head.size(); ++i) {
    const auto c = static_cast<unsigned char>(head[i]);
    if (c == '\r') {
      if (i + 1 == head.size() || head[i + 1] != '\n') malformed("a carriage return stands alone");
      ++i;
      ++lines;
      if (i + 1 < head.size() && (head[i + 1] == ' ' || head[i + 1] == '\t')) malformed("a header line is folded");
    } else if ((c < 0x20 && c != '\t') || c == 0x7f) {
      malformed(c == '\n' ? "a line ends without a carriage return" : "a control character stands in the head");
    }
  }
  if (lines > max_fields + 2) throw HttpError(431, "too_many_headers", "the request has too many header fields");
}

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void check_single_fields(const Request& request) {
  static constexpr std::array<std::string_view, 8> k_single{
      "host",          "content-length", "transfer-encoding", "origin",
      "authorization", "content-type",   "content-encoding",  "expect"};
  for (const auto name : k_single) {
    const auto count = std::count_if(request.headers.begin(), request.headers.end(),
                                     [&](const auto& field) { return field.first == name; });
    if (count > 1) malformed("the header " + std::string(name) + " stands there twice");
  }
}

void read_framing(RequestHead& head) {
  const auto coding = head.request.header("transfer-encoding");
  const auto length = head.request.header("content-length");
  if (coding && length) malformed("Content-Length and Transfer-Encoding exclude each other");
  if (coding) {
    if (lower_case(*coding) != "chunked") {
      throw HttpError(501, "unsupported_coding", "the only transfer coding is chunked");
    }
    if (!head.http_1_1) malformed("HTTP/1.0 has no chunks");
    head.chunked = true;
  }
  if (length) {
    if (!is_number(*length) || length->size() > 18) malformed("Content-Length is no number");
    head.request.content_length = std::stoull(std::string(*length));
  }
}

Authority authority_of(std::string_view text, const char* where) {
  auto authority = parse_authority(text);
  if (!authority) malformed(std::string(where) + " names no host");
  return std::move(*authority);
}

// Takes "http://HOST" from the front of a target that has the whole address.
std::optional<Authority> take_authority(std::string_view& target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equal_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    const auto end = std::min(target.find_first_of("/?"), target.size());
    auto authority = authority_of(target.substr(0, end), "the address");
    target.remove_prefix(end);
    return authority;
  }
  return std::nullopt;
}

// Path and query, and by which hosts the server is called.
void read_target(std::string_view target, RequestHead& head) {
  if (target.find('#') != std::string_view::npos) malformed("the address has a fragment");
  if (target == "*" && head.request.method == "OPTIONS") {
    head.request.path = {"*"};
  } else {
    const bool is_whole = !target.starts_with('/');
    if (auto authority = take_authority(target)) head.called.push_back(std::move(*authority));
    const auto path = target.substr(0, target.find('?'));
    head.request.path = decode_path(path.empty() && is_whole && !head.called.empty() ? "/" : path);
    head.request.query = decode_query(target.substr(std::min(path.size() + 1, target.size())));
  }
  if (const auto host = head.request.header("host")) {
    head.called.push_back(authority_of(*host, "the header Host"));
  } else if (head.http_1_1) {
    malformed("the header Host is missing");
  }
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decode_part(std::string_view text, bool plus_is_space) {
  auto decoded = percent_decode(text, plus_is_space);
  if (!decoded) malformed("a percent escape in the address is broken");
  if (!is_utf8(*decoded)) malformed("the address is not UTF-8");
  if (std::any_of(decoded->begin(), decoded->end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    malformed("a control character stands in the address");
  }
  return std::move(*decoded);
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      decoded += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

std::vector<std::string> decode_path(std::string_view path) {
  if (path.empty() || path.front() != '/') malformed("the address does not begin with a slash");
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto slash = std::min(path.find('/'), path.size());
    segments.push_back(decode_part(path.substr(0, slash), false));
    if (segments.back() == "." || segments.back() == "..") malformed("the address has a dot segment");
    path.remove_prefix(slash);
  }
  return segments;
}

std::vector<std::pair<std::string, std::string>> decode_query(std::string_view query) {
  static constexpr std::size_t k_max_pairs = 100;
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    if (pairs.size() == k_max_pairs) malformed("the address has too many query fields");
    const auto equals = std::min(pair.find('='), pair.size());
    pairs.emplace_back(decode_part(pair.substr(0, equals), true),
                       decode_part(pair.substr(std::min(equals + 1, pair.size())), true));
  }
  return pairs;
}

RequestHead parse_head(std::string_view head, std::size_t max_fields) {
  check_lines(head, max_fields);
  http::request_parser<http::empty_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(head.size() + 1));
  parser.body_limit(UINT64_MAX);  // boost::none would refuse every body in Beast 1.74
  boost::system::error_code error;
  parser.put(boost::asio::buffer(head.data(), head.size()), error);
  // This parser does not read the body. For a request with a body it reports need_more, or an
  // error about the empty body.
  if (!parser.is_header_done()) {
    if (error == http::error::bad_version) throw HttpError(505, "bad_version", "only HTTP/1.1 and HTTP/1.0 are spoken");
    malformed("the head is malformed: " + error.message());
  }
  const auto& message = parser.get();
  RequestHead result;
  result.request.method = std::string(message.method_string());
  for (const auto& field : message) {
    result.request.headers.emplace_back(lower_case({field.name_string().data(), field.name_string().size()}),
                                        std::string(field.value()));
  }
  result.http_1_1 = message.version() >= 11;
  result.keep_alive = result.http_1_1 && message.keep_alive();
  check_single_fields(result.request);
  read_framing(result);
  if (const auto expected = result.request.header("expect")) {
    if (lower_case(*expected) != "100-continue")
      throw HttpError(417, "bad_expectation", "only 100-continue may be expected");
    result.expects_continue = result.http_1_1;
  }
  read_target({message.target().data(), message.target().size()}, result);
  return result;
}

std::optional<RequestHead> HeadFinder::take(std::string& received) {
  constexpr std::string_view k_end = "\r\n\r\n";
  // A TLS client waits for an answer to its greeting, which has no end that we would see.
  if (!received.empty() && static_cast<unsigned char>(received.front()) < 0x20 && received.front() != '\r') {
    throw HttpError(400, "bad_request", "this is not HTTP: the server speaks plain HTTP, without TLS");
  }
  // Some old clients send an empty line behind a body (RFC 9112 section 2.2).
  const std::size_t begin = received.starts_with("\r\n") ? 2 : 0;
  const auto end = received.find(k_end, std::max(searched_, begin));
  const auto head_bytes = end == std::string::npos ? received.size() : end + k_end.size();
  if (head_bytes > limits_.head_bytes) throw HttpError(431, "head_too_large", "the head of the request is too large");
  if (end == std::string::npos) {
    searched_ = received.size() < k_end.size() ? 0 : received.size() - (k_end.size() - 1);
    return std::nullopt;
  }
  searched_ = 0;
  auto head = parse_head(std::string_view(received).substr(begin, head_bytes - begin), limits_.head_fields);
  received.erase(0, head_bytes);
  return head;
}

void check_called(const RequestHead& head, const HostList& hosts, std::string_view local_address) {
  for (const auto& called : head.called) {
    if (hosts.allows(called, local_address)) continue;
    throw HttpError(403, "host_not_allowed",
                    "this server does not answer to the name " + called.host +
                        ": allow it by modelfloat serve --host " + called.host +
                        ", or in config.toml by hosts under [serve]");
  }
  const auto called = head.called.empty() ? std::nullopt : std::optional(head.called.front());
  const auto origin = head.request.header("origin");
  if (origin && !hosts.allows_origin(*origin, called)) {
    throw HttpError(403, "origin_not_allowed",
                    "pages of other sites may not call this server: allow the name of a site by modelfloat serve "
                    "--host NAME, or in config.toml by hosts under [serve]");
  }
}

}  // namespace modelfloat::server
