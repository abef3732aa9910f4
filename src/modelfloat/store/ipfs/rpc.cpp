#include "modelfloat/store/ipfs/rpc.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <nlohmann/json.hpp>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/store/http/authorization.h"
#include "modelfloat/store/http/status.h"

namespace modelfloat::store::ipfs {
namespace {

using nlohmann::json;

constexpr Milliseconds k_grace{2'000};  // so that the node times out first and reports why
constexpr std::uint64_t k_slowest_bytes_per_second = std::uint64_t{256} << 10;
constexpr std::uint64_t k_listing_bytes = std::uint64_t{1} << 30;

Milliseconds limit_for(std::uint64_t bytes) {
  return Milliseconds(30'000 + static_cast<Milliseconds::rep>(bytes * 1000 / k_slowest_bytes_per_second));
}

std::optional<crypto::SecretBytes> authorization_of(const Credentials& credentials, const std::string& where) {
  if (const auto bearer = credentials.find("bearer"); bearer && !bearer->empty()) {
    return crypto::SecretBytes("Bearer " + std::string(*bearer));
  }
  if (!credentials.has("user")) return std::nullopt;
  return http::basic_authorization(*credentials.find("user"), credentials.require("password", where));
}

bool contains(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

// The RPC answers 500 to every error; only the text differs. These are Kubo's and js-ipfs's texts.
ErrorKind kind_of(std::string_view message) {
  if (contains(message, {"does not exist", "no link named", "not pinned"})) return ErrorKind::not_found;
  if (contains(message, {"timed out", "deadline exceeded", "TimeoutError"})) return ErrorKind::timed_out;
  if (contains(message, {"no space left", "ENOSPC", "disk quota", "EDQUOT"})) return ErrorKind::out_of_space;
  if (contains(message, {"not found locally", "could not find", "did not match", "block corrupt", "verification failed",
                         "unexpected EOF", "invalid checksum"})) {
    return ErrorKind::corrupt;
  }
  if (contains(message, {"permission denied", "EACCES", "read-only"})) return ErrorKind::denied;
  return ErrorKind::transient;
}

json parse(std::string_view text, const std::string& where) {
  json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object()) throw Error(ErrorKind::transient, where, "the node's answer makes no sense");
  return parsed;
}

// Kubo writes most numbers as numbers, js-ipfs some of them as text.
std::uint64_t number(const json& object, const char* name, const std::string& where) {
  const auto found = object.find(name);
  if (found != object.end() && found->is_number_unsigned()) return found->get<std::uint64_t>();
  if (found != object.end() && found->is_string()) {
    const auto& text = found->get_ref<const std::string&>();
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) return value;
  }
  throw Error(ErrorKind::transient, where, std::string("the node's answer has no number \"") + name + "\"");
}

std::string text_of(const json& object, const char* name, const std::string& where) {
  const auto found = object.find(name);
  if (found != object.end() && found->is_string()) return found->get<std::string>();
  throw Error(ErrorKind::transient, where, std::string("the node's answer has no \"") + name + "\"");
}

// Feeds whole lines to `take`.
class Lines {
 public:
  explicit Lines(std::function<void(std::string_view)> on_line) : on_line_(std::move(on_line)) {}
  void add(ByteSpan piece) {
    rest_ += as_text(piece);
    std::size_t begin = 0;
    for (std::size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
      take_line(std::string_view(rest_).substr(begin, end - begin));
      begin = end + 1;
    }
    rest_.erase(0, begin);
  }
  void end() { take_line(rest_); }

 private:
  void take_line(std::string_view line) {
    if (line.find_first_not_of(" \r") != std::string_view::npos) on_line_(line);
  }
  std::function<void(std::string_view)> on_line_;
  std::string rest_;
};

Entry entry_of(const json& object, const std::string& where) {
  Entry entry;
  entry.name = text_of(object, "Name", where);
  const auto type = object.find("Type");
  entry.is_folder = type != object.end() && (*type == 1 || *type == "directory");
  if (object.contains("Size")) entry.size_bytes = number(object, "Size", where);
  return entry;
}

}  // namespace

Rpc::Rpc(std::string root, const StoreSettings& settings, Random& random, const Clock& clock)
    : root_(std::move(root)),
      authorization_(authorization_of(settings.credentials, root_)),
      random_(random),
      clock_(clock),
      client_({.ca_file = settings.ca_file}) {}

void Rpc::fail(const http::Response& response, const Call& call) const {
  if (response.status == 404 || response.status == 405) {
    throw Error(ErrorKind::invalid, call.where,
                "no IPFS node answers at " + root_ + ": HTTP status " + std::to_string(response.status));
  }
  const auto trailer = response.header("x-stream-error");
  const json body = trailer ? json() : json::parse(response.text(), nullptr, false);
  const auto message = body.is_object() ? body.find("Message") : body.end();
  if (!trailer && (response.status != 500 || !body.is_object() || message == body.end() || !message->is_string())) {
    throw http::status_error(response, call.where, std::string(call.name), clock_.utc_now());
  }
  const std::string words(trailer ? *trailer : std::string_view(message->get_ref<const std::string&>()));
  throw Error(kind_of(words), call.where, std::string(call.name) + ": the node says: " + words.substr(0, 200));
}

http::Response Rpc::send(const Call& call, const CallOptions& options) {
  check_cancelled(options, call.where);
  CallOptions limited = options;
  const auto own = std::chrono::steady_clock::now() + call.limit + k_grace;
  if (!limited.deadline || *limited.deadline > own) limited.deadline = own;

  http::Fields fields = call.fields;
  fields.emplace_back("timeout", std::to_string(call.limit.count()) + "ms");
  http::Request request;
  request.method = "POST";
  request.url = root_ + "/api/v0/" + std::string(call.name) + "?" + http::encode_form(fields);
  request.where = call.where;
  request.body = call.body;
  if (!call.content_type.empty()) request.headers.emplace_back("Content-Type", call.content_type);
  if (authorization_) request.headers.emplace_back("Authorization", as_text(authorization_->bytes()));
  request.max_answer_bytes = call.max_answer_bytes;
  request.expected_bytes = call.expected_bytes;
  request.sink = call.sink;
  http::Response response = client_.send(request, limited);
  // An error after the start of the answer is reported in a trailer.
  if (!response.ok() || response.header("x-stream-error")) fail(response, call);
  return response;
}

Cid Rpc::add(ByteSpan bytes, const std::string& where, const CallOptions& options) {
  const std::string boundary = "modelfloat" + to_hex(random_.array<16>());
  const std::string head = "--" + boundary +
                           "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"object\"\r\n"
                           "Content-Type: application/octet-stream\r\n\r\n";
  const std::string tail = "\r\n--" + boundary + "--\r\n";
  Call call{.name = "add",
            .fields = {{"cid-version", "1"},
                       {"raw-leaves", "true"},
                       {"chunker", "size-" + std::to_string(k_chunk_bytes)},
                       {"hash", "sha2-256"},
                       {"pin", "true"},
                       {"progress", "false"}},
            .where = where};
  call.body = {as_bytes(head), bytes, as_bytes(tail)};
  call.content_type = "multipart/form-data; boundary=" + boundary;
  call.limit = limit_for(bytes.size());
  const http::Response response = send(call, options);
  std::optional<Cid> cid;
  Lines lines([&](std::string_view line) {
    const json answer = parse(line, where);
    if (answer.contains("Hash")) cid = parse_cid(text_of(answer, "Hash", where));
  });
  lines.add(response.body);
  lines.end();
  if (!cid) throw Error(ErrorKind::transient, where, "the node does not say what it added");
  return *cid;
}

void Rpc::unpin(const Cid& cid, const std::string& where, const CallOptions& options) {
  try {
    send({.name = "pin/rm", .fields = {{"arg", to_string(cid)}}, .where = where}, options);
  } catch (const Error& error) {
    // Another thread that put the same bytes has removed the pin.
    if (error.kind != ErrorKind::not_found) throw;
  }
}

Bytes Rpc::cat(std::string_view cid, ByteRange range, Milliseconds limit, const std::string& where,
               const CallOptions& options) {
  if (range.length == 0) return {};
  Call call{.name = "cat",
            .fields = {{"arg", std::string(cid)},
                       {"offset", std::to_string(range.offset)},
                       {"length", std::to_string(range.length)}},
            .where = where};
  call.limit = std::min(limit, limit_for(range.length));
  call.max_answer_bytes = range.length;
  call.expected_bytes = range.length;
  Bytes bytes = std::move(send(call, options).body);
  if (bytes.size() != range.length) throw Error(ErrorKind::transient, where, "the node's answer ended too early");
  return bytes;
}

std::optional<Node> Rpc::stat(const std::string& path, const CallOptions& options, Milliseconds limit) {
  try {
    const auto response =
        send({.name = "files/stat", .fields = {{"arg", path}}, .where = path, .limit = limit}, options);
    const json answer = parse(response.text(), path);
    return Node{text_of(answer, "Type", path) == "directory", number(answer, "Size", path),
                text_of(answer, "Hash", path)};
  } catch (const Error& error) {
    if (error.kind == ErrorKind::not_found) return std::nullopt;
    throw;
  }
}

bool Rpc::link(const Cid& cid, const std::string& path, const CallOptions& options) {
  try {
    send({.name = "files/cp",
          .fields = {{"arg", "/ipfs/" + to_string(cid)}, {"arg", path}, {"parents", "true"}, {"flush", "true"}},
          .where = path},
         options);
    return true;
  } catch (const Error& error) {
    if (contains(error.what(), {"already has entry"})) return false;
    throw;
  }
}

void Rpc::remove(const std::string& path, const CallOptions& options) {
  try {
    // Kubo always flushes here and rejects the option. It reports errors as a line of text, with
    // status 200 and an error in the trailer.
    send({.name = "files/rm", .fields = {{"arg", path}, {"force", "true"}}, .where = path}, options);
  } catch (const Error& error) {
    if (error.kind == ErrorKind::not_found) return;
    if (contains(error.what(), {"can't remove some files"}) && !stat(path, options)) return;
    throw;
  }
}

void Rpc::make_folder(const std::string& path, const CallOptions& options) {
  send({.name = "files/mkdir", .fields = {{"arg", path}, {"parents", "true"}, {"flush", "true"}}, .where = path},
       options);
}

std::optional<std::vector<Entry>> Rpc::list(const std::string& path, const CallOptions& options) {
  std::vector<Entry> entries;
  Lines lines([&](std::string_view line) {
    const json answer = parse(line, path);
    const auto all = answer.find("Entries");
    if (all == answer.end()) {
      entries.push_back(entry_of(answer, path));
    } else if (all->is_array()) {  // null when there are none
      for (const json& one : *all) entries.push_back(entry_of(one, path));
    }
  });
  Call call{.name = "files/ls",
            .fields = {{"arg", path}, {"long", "true"}, {"U", "true"}, {"stream", "true"}},
            .where = path,
            .limit = k_quick};
  call.max_answer_bytes = k_listing_bytes;
  call.sink = [&](ByteSpan piece) { lines.add(piece); };
  try {
    send(call, options);
  } catch (const Error& error) {
    if (error.kind == ErrorKind::not_found) return std::nullopt;
    throw;
  }
  lines.end();
  return entries;
}

std::optional<std::vector<Link>> Rpc::links(const std::string& path, const CallOptions& options) {
  const auto folder = stat(path, options);
  if (!folder || !folder->is_folder) return std::nullopt;
  json answer;
  try {
    // Kubo reads no entries if their types are not asked for; js-ipfs reads them anyway, and has
    // this other call.
    answer = parse(send({.name = "ls",
                         .fields = {{"arg", folder->cid}, {"size", "false"}, {"resolve-type", "false"}},
                         .where = path,
                         .limit = k_quick / 4,
                         .max_answer_bytes = k_listing_bytes},
                        options)
                       .text(),
                   path);
    if (answer.contains("Objects") && answer["Objects"].is_array() && !answer["Objects"].empty())
      answer = json(answer["Objects"][0]);
  } catch (const Error& error) {
    if (error.kind != ErrorKind::timed_out) throw;
    check_cancelled(options, path);
    answer = parse(send({.name = "object/links",
                         .fields = {{"arg", folder->cid}},
                         .where = path,
                         .limit = k_quick / 4,
                         .max_answer_bytes = k_listing_bytes},
                        options)
                       .text(),
                   path);
  }
  std::vector<Link> links;
  if (!answer.is_object() || !answer.contains("Links") || !answer["Links"].is_array()) return links;
  for (const json& one : answer["Links"]) links.push_back({text_of(one, "Name", path), text_of(one, "Hash", path)});
  return links;
}

Space Rpc::space(const std::string& where, const CallOptions& options) {
  const auto response = send({.name = "repo/stat", .fields = {{"size-only", "true"}}, .where = where}, options);
  const json answer = parse(response.text(), where);
  const std::uint64_t used = number(answer, "RepoSize", where);
  Space space{used, std::nullopt};
  // A node without a limit reports the largest number that it has.
  constexpr std::uint64_t k_no_limit = std::uint64_t{1} << 52;
  if (answer.contains("StorageMax")) {
    const std::uint64_t most = number(answer, "StorageMax", where);
    if (most < k_no_limit) space.free_bytes = most - std::min(most, used);
  }
  return space;
}

void Rpc::check(const std::string& where, const CallOptions& options) {
  const auto response = send({.name = "version", .fields = {}, .where = where, .limit = k_quick}, options);
  const json answer = json::parse(response.text(), nullptr, false);
  if (!answer.is_object() || !answer.contains("Version"))
    throw Error(ErrorKind::invalid, where, "no IPFS node answers there");
}

}  // namespace modelfloat::store::ipfs
