#include "modelfloat/store/rclone/rc.h"

#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/store/http/url.h"
#include "modelfloat/store/json_flag.h"
#include "modelfloat/store/rclone/list_items.h"
#include "modelfloat/store/rclone/words.h"

namespace modelfloat::store::rclone {

using nlohmann::json;

namespace {

constexpr std::uint64_t k_longest_answer = std::uint64_t{1} << 30;
// If a provider asks to wait: rclone mostly does not tell how long.
constexpr Milliseconds k_wait_unless_told{30'000};
constexpr std::array<std::string_view, 3> k_checksums = {"sha256", "md5", "sha1"};

// rclone needs the root of a path as a separate parameter.
struct Place {
  std::string fs;
  std::string remote;
};

Place place_of(const std::string& name, std::string_view path) {
  const bool absolute = path.starts_with('/');
  return {name + (absolute ? ":/" : ":"), std::string(absolute ? path.substr(1) : path)};
}

json options_for(bool files_only, const std::string& checksum) {
  json options = {{"filesOnly", files_only}, {"noModTime", true}, {"noMimeType", true}};
  if (!checksum.empty()) {
    options["showHash"] = true;
    options["hashTypes"] = {checksum};
  }
  return options;
}

[[noreturn]] void refuse_answer(const std::string& where) {
  throw Error(ErrorKind::transient, where, "rclone's answer makes no sense");
}

Item item_of(const json& object, const std::string& prefix, const std::string& checksum, const std::string& where) {
  Item item;
  if (!object.is_object() || !object.contains("Path") || !object["Path"].is_string()) refuse_answer(where);
  item.path = prefix + object["Path"].get<std::string>();
  item.is_folder = is_set(object, "IsDir");
  const auto size = object.find("Size");
  if (!item.is_folder) {
    if (size == object.end() || !size->is_number_integer() || size->get<std::int64_t>() < 0) refuse_answer(where);
    item.size_bytes = size->get<std::uint64_t>();
  }
  const auto hashes = object.find("Hashes");
  if (!checksum.empty() && hashes != object.end() && hashes->is_object() && hashes->contains(checksum) &&
      (*hashes)[checksum].is_string()) {
    if (std::string hash = (*hashes)[checksum]; !hash.empty()) item.checksum = checksum + ":" + hash;
  }
  return item;
}

// `body` outlives the call.
http::Request call_request(std::string_view name, std::string_view body, const std::string& where) {
  http::Request request;
  request.method = "POST";
  request.url = "/" + std::string(name);
  request.where = where;
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = {as_bytes(body)};
  request.max_answer_bytes = k_longest_answer;
  return request;
}

// The number behind the slash of "bytes 0-9/300000".
std::optional<std::uint64_t> whole_in(std::string_view content_range) {
  const auto slash = content_range.rfind('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view digits = content_range.substr(slash + 1);
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return size;
}

}  // namespace

void Rc::wait_until(SteadyTime time) {
  const std::lock_guard lock(mutex_);
  not_before_ = time;
}

std::optional<Milliseconds> Rc::time_to_wait() const {
  const SteadyTime now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  if (now >= not_before_) return std::nullopt;
  return std::chrono::ceil<Milliseconds>(not_before_ - now);
}

void Rc::fail(const http::Response& response, const std::string& where) {
  const json body = json::parse(response.text(), nullptr, false);
  std::string text(response.text());
  if (body.is_object() && body.contains("error") && body["error"].is_string()) text = body["error"];
  const ErrorKind kind = kind_of(text, response.status);
  std::string message = "rclone says: " + safe_words(text);
  if (text.find("didn't find section in config file") != std::string::npos) {
    message =
        "rclone's configuration has no remote of this name: `rclone config` makes one, RCLONE_CONFIG names another "
        "configuration";
  } else if (text.find("x509: ") != std::string::npos) {
    message +=
        " (RCLONE_CA_CERT, or SSL_CERT_FILE, names a file with the certificates of authorities of your own, in PEM)";
  } else if (kind == ErrorKind::denied) {
    message += " (`rclone config reconnect " + remote_ + ":` logs in again)";
  }
  if (kind != ErrorKind::rate_limited) throw Error(kind, where, message);
  const Milliseconds wait = wait_in(text).value_or(k_wait_unless_told);
  wait_until(std::chrono::steady_clock::now() + wait);
  throw Error(kind, where, message, wait);
}

json Rc::call(std::string_view name, const json& parameters, const std::string& where, const CallOptions& options) {
  const std::string body = parameters.dump();
  const http::Response response = daemon_->send(call_request(name, body, where), options);
  if (!response.ok()) fail(response, where);
  json answer = json::parse(response.text(), nullptr, false);
  if (!answer.is_object()) refuse_answer(where);
  return answer;
}

Features Rc::features(const CallOptions& options) {
  const json answer = call("operations/fsinfo", json({{"fs", remote_ + ":"}}), where(""), options);
  if (!answer.contains("Features") || !answer["Features"].is_object()) refuse_answer(where(""));
  const json& has = answer["Features"];
  Features features;
  features.shows_partial_uploads = is_set(has, "PartialUploads");
  features.can_move = is_set(has, "Move") || is_set(has, "Copy");
  features.keeps_folders = is_set(has, "CanHaveEmptyDirectories");
  features.allows_twins = is_set(has, "DuplicateFiles");
  if (!is_set(has, "SlowHash") && answer.contains("Hashes") && answer["Hashes"].is_array()) {
    for (const std::string_view checksum : k_checksums) {
      const auto& known = answer["Hashes"];
      if (features.checksum.empty() && std::find(known.begin(), known.end(), checksum) != known.end())
        features.checksum = checksum;
    }
  }
  return features;
}

Config Rc::config(const std::string& name, const CallOptions& options) {
  const json answer = call("config/get", json({{"name", name}}), name + ":", options);
  Config config;
  // The other fields are secrets, and not needed here.
  for (const char* field :
       {"type", "remote", "upstreams", "provider", "endpoint", "url", "host", "server", "auth", "namenode"}) {
    if (answer.contains(field) && answer[field].is_string()) config[field] = answer[field].get<std::string>();
  }
  return config;
}

std::optional<Item> Rc::stat(const std::string& path, bool files_only, const std::string& checksum,
                             const CallOptions& options) {
  const Place place = place_of(remote_, path);
  try {
    const json answer =
        call("operations/stat",
             json({{"fs", place.fs}, {"remote", place.remote}, {"opt", options_for(files_only, checksum)}}),
             where(path), options);
    if (!answer.contains("item")) refuse_answer(where(path));
    if (answer["item"].is_null()) return std::nullopt;
    return item_of(answer["item"], path.starts_with('/') ? "/" : "", checksum, where(path));
  } catch (const Error& error) {
    if (error.kind == ErrorKind::not_found) return std::nullopt;
    throw;
  }
}

std::vector<Item> Rc::twins(const std::string& path, const std::string& checksum, const CallOptions& options) {
  std::vector<Item> found;
  const auto take = [&](const Item& item) {
    if (!item.is_folder && item.path == path) found.push_back(item);
  };
  list(path.substr(0, path.rfind('/')), false, checksum, take, options);
  return found;
}

bool Rc::list(const std::string& path, bool deep, const std::string& checksum,
              const std::function<void(const Item&)>& on_item, const CallOptions& options) {
  const Place place = place_of(remote_, path);
  json how = options_for(deep, checksum);
  how["recurse"] = deep;
  ListItems items(where(path), [&](std::string_view text) {
    on_item(item_of(json::parse(text, nullptr, false), path.starts_with('/') ? "/" : "", checksum, where(path)));
  });
  const std::string body = json({{"fs", place.fs}, {"remote", place.remote}, {"opt", how}}).dump();
  http::Request request = call_request("operations/list", body, where(path));
  request.sink = [&](ByteSpan piece) { items.feed(piece); };
  const http::Response response = daemon_->send(std::move(request), options);
  if (!response.ok()) {
    try {
      fail(response, where(path));
    } catch (const Error& error) {
      if (error.kind == ErrorKind::not_found) return false;
      throw;
    }
  }
  items.finish();
  return true;
}

void Rc::upload(const std::string& path, ByteSpan bytes, Placing placing, const CallOptions& options) {
  const Place place = place_of(remote_, path);
  const Outbox::File file = daemon_->outbox().hold(bytes, to_hex(random_.array<16>()));
  call("operations/copyfile",
       json({{"srcFs", file.folder().string()},
             {"srcRemote", file.name()},
             {"dstFs", place.fs},
             {"dstRemote", place.remote},
             // rclone still compares the size. A caller that wants the checksum compared does that
             // afterwards.
             {"_config",
              {{"IgnoreTimes", true},
               {"IgnoreChecksum", true},
               {"Metadata", false},
               {"NoCheckDest", placing.is_new},
               {"Inplace", placing.in_place}}}}),
       where(path), options);
}

// If rclone cannot open a file, it answers only "404 Not Found", whatever the reason; if it cannot
// read on, it closes the connection without a message (lib/http/serve.Object). When it reads the
// file to hash it, it reports the reason.
void Rc::explain(const std::string& path, const CallOptions& options) {
  if (const auto wait = time_to_wait())
    throw Error(ErrorKind::rate_limited, where(path), "cannot be read, and the provider has asked to wait", wait);
  const Place place = place_of(remote_, path);
  call("operations/hashsumfile",
       json({{"fs", place.fs}, {"remote", place.remote}, {"hashType", "md5"}, {"download", true}}), where(path),
       options);
}

std::optional<Rc::Part> Rc::read(const std::string& path, ByteRange range, const CallOptions& options) {
  for (int attempt = 1; attempt <= 2; ++attempt) {
    bool again = false;
    auto part = read_once(path, range, again, options);
    if (!again) return part;
  }
  throw Error(ErrorKind::transient, where(path), "rclone could not open it, and then it could");
}

std::optional<Rc::Part> Rc::read_once(const std::string& path, ByteRange range, bool& again,
                                      const CallOptions& options) {
  const Place place = place_of(remote_, path);
  const bool to_the_end = range.length == ByteRange::k_to_the_end;
  http::Request request;
  request.url = "/" + http::percent_encode("[" + place.fs + "]") + "/" + http::percent_encode(place.remote, true);
  request.where = where(path);
  if (range.offset != 0 || !to_the_end) {
    const auto last = checked_add(range.offset, std::max<std::uint64_t>(range.length, 1) - 1);
    request.headers.emplace_back(
        "Range", "bytes=" + std::to_string(range.offset) + "-" + (to_the_end || !last ? "" : std::to_string(*last)));
  }
  request.max_answer_bytes = to_the_end ? k_longest_answer : std::max<std::uint64_t>(range.length, 1);
  request.expected_bytes = to_the_end ? 0 : range.length;
  http::Response response;
  try {
    response = daemon_->send(std::move(request), options);
  } catch (const Error& error) {
    if (error.kind == ErrorKind::transient && !error.retry_after) explain(path, options);
    throw;
  }
  if (response.status == 416) return Part{{}, 0};
  const bool has_words = response.header("content-type").value_or("").starts_with("application/json");
  if (!response.ok()) {
    try {
      if (has_words) fail(response, where(path));
      explain(path, options);
      again = true;
      return std::nullopt;
    } catch (const Error& error) {
      if (error.kind == ErrorKind::not_found) return std::nullopt;
      throw;
    }
  }
  const auto content_range = response.header("content-range");
  if (response.status == 206 && !content_range) refuse_answer(where(path));
  const auto whole =
      response.status == 206 ? whole_in(*content_range) : std::optional<std::uint64_t>(response.body.size());
  if (!whole) refuse_answer(where(path));
  wait_until({});
  return Part{std::move(response.body), *whole};
}

void Rc::move(const std::string& from, const std::string& to, bool is_new, const CallOptions& options) {
  const Place source = place_of(remote_, from);
  const Place target = place_of(remote_, to);
  call("operations/movefile",
       json({{"srcFs", source.fs},
             {"srcRemote", source.remote},
             {"dstFs", target.fs},
             {"dstRemote", target.remote},
             // Without the first it takes files of one size for equal where it knows no hash.
             {"_config", {{"IgnoreTimes", true}, {"NoCheckDest", is_new}}}}),
       where(to), options);
}

void Rc::remove(const std::string& path, const CallOptions& options) {
  const Place place = place_of(remote_, path);
  try {
    call("operations/deletefile", json({{"fs", place.fs}, {"remote", place.remote}}), where(path), options);
  } catch (const Error& error) {
    if (error.kind != ErrorKind::not_found) throw;
  }
}

void Rc::make_folder(const std::string& path, const CallOptions& options) {
  const Place place = place_of(remote_, path);
  call("operations/mkdir", json({{"fs", place.fs}, {"remote", place.remote}}), where(path), options);
}

Space Rc::space(const std::string& path, const CallOptions& options) {
  Space space;
  try {
    const json answer = call("operations/about", json({{"fs", where(path)}}), where(path), options);
    if (answer.contains("used") && answer["used"].is_number_unsigned())
      space.used_bytes = answer["used"].get<std::uint64_t>();
    if (answer.contains("free") && answer["free"].is_number_unsigned())
      space.free_bytes = answer["free"].get<std::uint64_t>();
  } catch (const Error& error) {
    if (error.kind != ErrorKind::unsupported) throw;  // many providers do not report it
  }
  return space;
}

}  // namespace modelfloat::store::rclone
