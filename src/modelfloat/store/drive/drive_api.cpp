#include "modelfloat/store/drive/drive_api.h"

#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include "modelfloat/base/hex.h"
#include "modelfloat/store/drive/json_text.h"
#include "modelfloat/store/http/ranged_get.h"
#include "modelfloat/store/json_flag.h"

namespace modelfloat::store::drive {
namespace {

using nlohmann::json;

constexpr std::string_view k_google_api_url = "https://www.googleapis.com";
constexpr std::string_view k_files = "/drive/v3/files";
constexpr std::string_view k_uploads = "/upload/drive/v3/files";
constexpr std::string_view k_folder_type = "application/vnd.google-apps.folder";
constexpr std::string_view k_object_type = "application/octet-stream";
constexpr std::string_view k_file_fields = "id,name,size,md5Checksum,sha256Checksum,trashed";
constexpr std::uint64_t k_page_bytes = std::uint64_t{16} << 20;  // 1,000 files take about 300 kB
// 400: the server does not know the upload's address any more.
constexpr int k_forgotten_statuses[] = {400, 404, 410};

[[noreturn]] void strange(const std::string& where, std::string_view what) {
  throw Error(ErrorKind::transient, where, std::string(what) + ": the answer is not what Drive's API promises");
}

json parse(const http::Response& response, const std::string& where, std::string_view what) {
  json value = json::parse(response.text(), nullptr, false);
  if (!value.is_object()) strange(where, what);
  return value;
}

// A 64-bit number, which Google writes as a string.
std::optional<std::uint64_t> number(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  const auto& text = found->get_ref<const std::string&>();
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

FileInfo file_from(const json& value, const std::string& where, std::string_view what) {
  if (!value.is_object()) strange(where, what);
  FileInfo file;
  file.id = text(value, "id");
  if (file.id.empty()) strange(where, what);
  file.name = text(value, "name");
  file.size_bytes = number(value, "size");
  file.sha256 = text(value, "sha256Checksum");
  file.md5 = text(value, "md5Checksum");
  file.trashed = is_set(value, "trashed");
  return file;
}

// A quoted string of Drive's query language.
std::string query_text(std::string_view value) {
  std::string result = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c;
  }
  return result + "'";
}

std::string metadata_of(const DriveApi::NewFile& file) {
  return json{{"id", file.id}, {"name", file.name}, {"parents", {file.folder_id}}, {"mimeType", k_object_type}}.dump();
}

// Without this field, files on shared drives are not found.
http::Fields with_drives(http::Fields fields) {
  fields.emplace_back("supportsAllDrives", "true");
  return fields;
}

bool id_is_taken(const http::Response& response) { return response.status == 409; }

}  // namespace

DriveApi::DriveApi(const std::string& api_url, std::string shared_drive, http::HttpClient& client, AccessTokens& tokens,
                   Clock& clock, Random& random, Backoff& backoff)
    : api_url_(api_url.empty() ? std::string(k_google_api_url) : api_url.substr(0, api_url.find_last_not_of('/') + 1)),
      shared_drive_(std::move(shared_drive)),
      client_(client),
      tokens_(tokens),
      clock_(clock),
      random_(random),
      backoff_(backoff) {}

http::Request DriveApi::request(std::string method, std::string_view path, const http::Fields& query,
                                const std::string& where) const {
  http::Request request;
  request.method = std::move(method);
  request.url = api_url_ + std::string(path) + (query.empty() ? "" : "?" + http::encode_form(query));
  request.where = where;
  return request;
}

template <typename Exchange>
http::Response DriveApi::authorized(http::Request& request, const CallOptions& options, Exchange exchange) {
  const std::size_t headers = request.headers.size();
  for (bool again = false;; again = true) {
    const crypto::SecretBytes token = tokens_.get(options);
    request.headers.emplace_back("Authorization", "Bearer " + std::string(as_text(token.bytes())));
    http::Response response = exchange(request);
    if (response.ok()) backoff_.worked();
    if (response.status != 401 || again) return response;
    tokens_.reject(token);
    request.headers.resize(headers);
  }
}

http::Response DriveApi::send(http::Request request, const CallOptions& options) {
  return authorized(request, options, [&](const http::Request& ready) { return client_.send(ready, options); });
}

http::Response DriveApi::send_to(const std::string& address, http::Request request, const CallOptions& options) {
  request.method = "PUT";
  request.url = address;
  return address.starts_with(api_url_ + "/") ? send(std::move(request), options) : client_.send(request, options);
}

Error DriveApi::error(const http::Response& response, const std::string& where, std::string_view what) {
  return api_error(response, where, what, backoff_, clock_.utc_now());
}

void DriveApi::each_file(const std::string& query, const std::string& order, const FileSink& sink,
                         const std::string& where, const CallOptions& options) {
  constexpr std::string_view k_what = "cannot list";
  http::Fields fields =
      with_drives({{"q", query},
                   {"pageSize", "1000"},
                   {"orderBy", order},
                   {"fields", "nextPageToken,incompleteSearch,files(" + std::string(k_file_fields) + ")"}});
  if (!shared_drive_.empty()) {
    fields.insert(fields.end(),
                  {{"corpora", "drive"}, {"driveId", shared_drive_}, {"includeItemsFromAllDrives", "true"}});
  }
  const std::size_t without_page = fields.size();
  for (;;) {
    http::Request page = request("GET", k_files, fields, where);
    page.max_answer_bytes = k_page_bytes;
    const http::Response response = send(std::move(page), options);
    if (!response.ok()) throw error(response, where, k_what);
    const json answer = parse(response, where, k_what);
    if (!answer.contains("files") || !answer["files"].is_array() || is_set(answer, "incompleteSearch"))
      strange(where, k_what);
    for (const json& file : answer["files"]) {
      check_cancelled(options, where);
      sink(file_from(file, where, k_what));
    }
    const std::string next = text(answer, "nextPageToken");
    if (next.empty()) return;
    fields.resize(without_page);
    fields.emplace_back("pageToken", next);
  }
}

void DriveApi::list(const std::string& folder_id, const std::optional<std::string>& name, const FileSink& sink,
                    const std::string& where, const CallOptions& options) {
  std::string query = query_text(folder_id) + " in parents and trashed = false";
  if (name) query += " and name = " + query_text(*name);
  each_file(query, "name,createdTime desc", sink, where, options);
}

std::optional<FileInfo> DriveApi::look_at(const std::string& id, const std::string& where, const CallOptions& options) {
  const http::Response response = send(request("GET", std::string(k_files) + "/" + http::percent_encode(id),
                                               with_drives({{"fields", std::string(k_file_fields)}}), where),
                                       options);
  if (response.ok()) return file_from(parse(response, where, "cannot look at it"), where, "cannot look at it");
  Error failure = error(response, where, "cannot look at it");
  if (failure.kind == ErrorKind::not_found) return std::nullopt;
  throw failure;
}

std::vector<FileInfo> DriveApi::folders_in(const std::string& folder_id, const std::optional<std::string>& name,
                                           const std::string& where, const CallOptions& options) {
  std::string query =
      query_text(folder_id) + " in parents and trashed = false and mimeType = " + query_text(k_folder_type);
  if (name) query += " and name = " + query_text(*name);
  std::vector<FileInfo> folders;
  const auto sink = [&](const FileInfo& folder) {
    // The query ignores the case of letters.
    if (!name || folder.name == *name) folders.push_back(folder);
  };
  each_file(query, "createdTime", sink, where, options);
  return folders;
}

std::string DriveApi::make_folder(const std::string& parent_id, const std::string& name, const std::string& where,
                                  const CallOptions& options) {
  const std::string body = json{{"name", name}, {"parents", {parent_id}}, {"mimeType", k_folder_type}}.dump();
  http::Request call = request("POST", k_files, with_drives({{"fields", "id"}}), where);
  call.headers = {{"Content-Type", "application/json"}};
  call.body = {as_bytes(body)};
  const http::Response response = send(std::move(call), options);
  if (!response.ok()) throw error(response, where, "cannot make the folder");
  return file_from(parse(response, where, "cannot make the folder"), where, "cannot make the folder").id;
}

void DriveApi::trash(const std::string& id, const std::string& where, const CallOptions& options) {
  http::Request call =
      request("PATCH", std::string(k_files) + "/" + http::percent_encode(id), with_drives({{"fields", "id"}}), where);
  call.headers = {{"Content-Type", "application/json"}};
  call.body = {as_bytes(R"({"trashed":true})")};
  const http::Response response = send(std::move(call), options);
  if (response.ok()) return;
  Error failure = error(response, where, "cannot remove it");
  if (failure.kind != ErrorKind::not_found) throw failure;
}

void DriveApi::remove(const std::string& id, const std::string& where, const CallOptions& options) {
  const http::Response response =
      send(request("DELETE", std::string(k_files) + "/" + http::percent_encode(id), with_drives({}), where), options);
  if (response.ok()) return;
  Error failure = error(response, where, "cannot remove it");
  if (failure.kind == ErrorKind::not_found) return;
  // A member of a shared drive who may write need not have the right to delete for good.
  if (failure.kind == ErrorKind::denied && response.status == 403 && !shared_drive_.empty())
    return trash(id, where, options);
  throw failure;
}

std::vector<std::string> DriveApi::new_ids(const std::string& where, const CallOptions& options) {
  const http::Response response = send(request("GET", std::string(k_files) + "/generateIds",
                                               {{"count", "200"}, {"space", "drive"}, {"fields", "ids"}}, where),
                                       options);
  if (!response.ok()) throw error(response, where, "cannot get ids for new files");
  const json answer = parse(response, where, "cannot get ids for new files");
  std::vector<std::string> ids;
  if (answer.contains("ids") && answer["ids"].is_array()) {
    for (const json& id : answer["ids"]) {
      if (id.is_string() && !id.get_ref<const std::string&>().empty()) ids.push_back(id);
    }
  }
  if (ids.empty()) strange(where, "cannot get ids for new files");
  return ids;
}

std::optional<Bytes> DriveApi::download(const std::string& id, ByteRange range, std::uint64_t size_bytes,
                                        const std::string& where, const CallOptions& options) {
  http::Request call =
      request("GET", std::string(k_files) + "/" + http::percent_encode(id), with_drives({{"alt", "media"}}), where);
  call.expected_bytes = size_bytes - std::min(range.offset, size_bytes);
  std::optional<Bytes> bytes;
  const http::Response response = authorized(call, options, [&](const http::Request& ready) {
    http::RangedAnswer answer = http::ranged_get(client_, ready, range, size_bytes, options);
    bytes = std::move(answer.bytes);
    return std::move(answer.response);
  });
  if (bytes) return bytes;
  Error failure = error(response, where, "cannot read it");
  if (failure.kind == ErrorKind::not_found) return std::nullopt;
  if (response.status == 416) throw Error(ErrorKind::corrupt, where, "ends before what was asked for begins");
  throw failure;
}

Quota DriveApi::quota(const std::string& where, const CallOptions& options) {
  const http::Response response =
      send(request("GET", "/drive/v3/about", {{"fields", "storageQuota(limit,usage)"}}, where), options);
  if (!response.ok()) throw error(response, where, "cannot ask for free space");
  const json answer = parse(response, where, "cannot ask for free space");
  const auto quota = answer.find("storageQuota");
  const auto used = quota != answer.end() && quota->is_object() ? number(*quota, "usage") : std::nullopt;
  if (!used) strange(where, "cannot ask for free space");
  return {*used, number(*quota, "limit")};
}

std::optional<FileInfo> DriveApi::upload_whole(const NewFile& file, ByteSpan bytes, const std::string& where,
                                               const CallOptions& options) {
  const std::string boundary = to_hex(random_.array<16>());
  const std::string head = "--" + boundary + "\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n" +
                           metadata_of(file) + "\r\n--" + boundary + "\r\nContent-Type: " + std::string(k_object_type) +
                           "\r\n\r\n";
  const std::string tail = "\r\n--" + boundary + "--\r\n";
  http::Request call = request(
      "POST", k_uploads, with_drives({{"uploadType", "multipart"}, {"fields", std::string(k_file_fields)}}), where);
  call.headers = {{"Content-Type", "multipart/related; boundary=" + boundary}};
  call.body = {as_bytes(head), bytes, as_bytes(tail)};
  const http::Response response = send(std::move(call), options);
  if (id_is_taken(response)) return std::nullopt;
  if (!response.ok()) throw error(response, where, "cannot store it");
  return file_from(parse(response, where, "cannot store it"), where, "cannot store it");
}

std::optional<std::string> DriveApi::begin_upload(const NewFile& file, std::uint64_t size_bytes,
                                                  const std::string& where, const CallOptions& options) {
  const std::string metadata = metadata_of(file);
  http::Request call = request(
      "POST", k_uploads, with_drives({{"uploadType", "resumable"}, {"fields", std::string(k_file_fields)}}), where);
  call.headers = {{"Content-Type", "application/json; charset=UTF-8"},
                  {"X-Upload-Content-Type", std::string(k_object_type)},
                  {"X-Upload-Content-Length", std::to_string(size_bytes)}};
  call.body = {as_bytes(metadata)};
  const http::Response response = send(std::move(call), options);
  if (id_is_taken(response)) return std::nullopt;
  if (!response.ok()) throw error(response, where, "cannot begin to store it");
  const auto address = response.header("location");
  if (!address || address->empty()) strange(where, "cannot begin to store it");
  return std::string(*address);
}

UploadProgress DriveApi::progress_of(const http::Response& response, const std::string& where, std::string_view what) {
  if (response.ok()) return {true, 0, file_from(parse(response, where, what), where, what)};
  if (std::find(std::begin(k_forgotten_statuses), std::end(k_forgotten_statuses), response.status) !=
      std::end(k_forgotten_statuses))
    return {false, 0, std::nullopt};
  if (response.status != 308) throw error(response, where, what);
  const auto range = response.header("range");
  if (!range) return {};  // no bytes are kept yet
  constexpr std::string_view k_start = "bytes=0-";
  std::uint64_t last = 0;
  const char* end = range->data() + range->size();
  if (!range->starts_with(k_start) || std::from_chars(range->data() + k_start.size(), end, last).ptr != end ||
      last == UINT64_MAX)
    strange(where, what);
  return {true, last + 1, std::nullopt};
}

UploadProgress DriveApi::ask_upload(const std::string& address, std::uint64_t size_bytes, const std::string& where,
                                    const CallOptions& options) {
  http::Request call;
  call.where = where;
  call.headers = {{"Content-Range", "bytes */" + std::to_string(size_bytes)}};
  return progress_of(send_to(address, std::move(call), options), where, "cannot ask how far an upload has come");
}

UploadProgress DriveApi::send_rest(const std::string& address, ByteSpan bytes, std::uint64_t kept_bytes,
                                   const std::string& where, const CallOptions& options) {
  http::Request call;
  call.where = where;
  call.headers = {{"Content-Range", "bytes " + std::to_string(kept_bytes) + "-" + std::to_string(bytes.size() - 1) +
                                        "/" + std::to_string(bytes.size())}};
  call.body = {bytes.subspan(kept_bytes)};
  const http::Response response = send_to(address, std::move(call), options);
  if (response.status != 400) return progress_of(response, where, "cannot store it");
  // The server has kept more or less than we assumed, for example after a request that was sent
  // twice.
  const UploadProgress progress = ask_upload(address, bytes.size(), where, options);
  if (progress.known && !progress.done && progress.kept_bytes == kept_bytes)
    throw error(response, where, "cannot store it");
  return progress;
}

}  // namespace modelfloat::store::drive
