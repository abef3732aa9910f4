#include "modelfloat/server/http_head.h"

#include <algorithm>
#include <array>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "modelfloat/base/ascii.h"

namespace modelfloat::server {
namespace {

namespace http = boost::beast::http;

[[noreturn]] void malformed(const std::string& why) { throw HttpError(400, "bad_request", why); }

// Beast joins folded lines and takes control characters in some places; what it then sees must be unambiguous.
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
  static constexpr std::array<std::string_view, 6> k_single{"host",          "content-length", "transfer-encoding",
                                                            "authorization", "content-type",   "expect"};
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

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t extra = lead < 0x80         ? 0
                              : (lead >> 5) == 6  ? 1
                              : (lead >> 4) == 14 ? 2
                              : (lead >> 3) == 30 ? 3
                                                  : 4;
    if (extra == 4 || i + extra >= text.size()) return false;
    std::uint32_t code = extra == 0 ? lead : lead & (0x3fU >> extra);
    for (std::size_t j = 1; j <= extra; ++j) {
      const auto next = static_cast<unsigned char>(text[i + j]);
      if ((next & 0xc0U) != 0x80U) return false;
      code = (code << 6) | (next & 0x3fU);
    }
    static constexpr std::array<std::uint32_t, 4> k_least{0, 0x80, 0x800, 0x10000};
    if (code < k_least[extra] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    i += extra + 1;
  }
  return true;
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
  // The body is none of this parser's business; that it has one shows as need_more or as a complaint of the empty body.
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
  const std::string_view target(message.target().data(), message.target().size());
  if (target.find('#') != std::string_view::npos) malformed("the address has a fragment");
  const auto question = std::min(target.find('?'), target.size());
  result.request.path = decode_path(target.substr(0, question));
  result.request.query = decode_query(target.substr(std::min(question + 1, target.size())));
  return result;
}

HostList::HostList(std::uint16_t port, const std::vector<std::string>& names) {
  const auto with_port = ":" + std::to_string(port);
  for (const std::string host : {"localhost", "127.0.0.1", "[::1]"}) {
    hosts_.push_back(host + with_port);
    if (port == 80) hosts_.push_back(host);
  }
  for (const auto& name : names) {
    hosts_.push_back(lower_case(name));
    hosts_.push_back(lower_case(name) + with_port);
  }
}

bool HostList::allows(std::string_view host) const {
  return std::find(hosts_.begin(), hosts_.end(), lower_case(host)) != hosts_.end();
}

bool HostList::allows_origin(std::string_view origin) const {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.starts_with(scheme)) return allows(origin.substr(scheme.size()));
  }
  return false;
}

}  // namespace modelfloat::server
