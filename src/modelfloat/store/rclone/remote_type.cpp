#include "modelfloat/store/rclone/remote_type.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "modelfloat/base/ascii.h"
#include "modelfloat/base/error.h"
#include "modelfloat/store/host_domain.h"
#include "modelfloat/store/http/url.h"
#include "modelfloat/store/provider_limits.h"

namespace modelfloat::store::rclone {
namespace {

constexpr unsigned k_deepest = 10;  // of remotes that wrap each other

std::string option(const Config& config, std::string_view name) {
  const auto found = config.find(name);
  return found == config.end() ? std::string() : found->second;
}

// The company or host of "https://host:port/path", "host:port" or "host".
std::string host_in(const std::string& text) {
  try {
    return host_domain(http::parse_url(text.find("://") == std::string::npos ? "https://" + text : text).host);
  } catch (const Error&) {
    return {};  // a form that we don't know is no reason to refuse the store
  }
}

// Of remotes that wrap another: what they wrap, as rclone writes it.
std::vector<std::string> wrapped(const Config& config) {
  const std::string type = option(config, "type");
  static constexpr std::array<std::string_view, 7> k_around_one = {"crypt",  "chunker", "alias",  "compress",
                                                                   "hasher", "cache",   "archive"};
  if (std::find(k_around_one.begin(), k_around_one.end(), type) != k_around_one.end())
    return {option(config, "remote")};
  std::vector<std::string> result;
  if (type != "union" && type != "combine") return result;
  const std::string upstreams = option(config, "upstreams");
  for (std::size_t begin = 0; begin < upstreams.size();) {
    const bool quoted = upstreams[begin] == '"';
    const std::size_t end = std::min(upstreams.find(quoted ? '"' : ' ', begin + (quoted ? 1 : 0)), upstreams.size());
    std::string one = upstreams.substr(begin + (quoted ? 1 : 0), end - begin - (quoted ? 1 : 0));
    begin = end + 1;
    if (type == "combine") one.erase(0, one.find('=') + 1);
    for (const std::string_view tag : {":ro", ":nc", ":writeback"}) {
      if (type == "union" && one.ends_with(tag)) one.resize(one.size() - tag.size());
    }
    if (!one.empty()) result.push_back(std::move(one));
  }
  return result;
}

std::string local_domain(std::string_view path) {
  auto folder = std::filesystem::path(path.empty() ? std::string_view("/") : path).lexically_normal();
  if (!folder.has_filename() && folder.has_relative_path()) folder = folder.parent_path();
  return "local:" + folder.string();
}

// The company behind a type, where it has one.
std::optional<std::string> company_of(std::string_view type) {
  using Pair = std::pair<std::string_view, std::string_view>;
  static constexpr Pair k_companies[] = {{"drive", "google"},
                                         {"google photos", "google"},
                                         {"google cloud storage", "google"},
                                         {"gphotos", "google"},
                                         {"gcs", "google"},
                                         {"mega", "mega"},
                                         {"dropbox", "dropbox"},
                                         {"onedrive", "microsoft"},
                                         {"azureblob", "microsoft"},
                                         {"azurefiles", "microsoft"},
                                         {"b2", "backblaze"},
                                         {"pcloud", "pcloud"},
                                         {"box", "box"},
                                         {"koofr", "koofr"},
                                         {"jottacloud", "jottacloud"},
                                         {"yandex", "yandex"},
                                         {"hidrive", "strato"},
                                         {"pikpak", "pikpak"},
                                         {"protondrive", "proton"},
                                         {"iclouddrive", "apple"},
                                         {"zoho", "zoho"},
                                         {"mailru", "mailru"},
                                         {"putio", "putio"},
                                         {"premiumizeme", "premiumizeme"},
                                         {"storj", "storj"},
                                         {"internetarchive", "internetarchive"},
                                         {"opendrive", "opendrive"},
                                         {"sugarsync", "sugarsync"},
                                         {"sharefile", "sharefile"},
                                         {"1fichier", "1fichier"}};
  for (const auto& [name, company] : k_companies) {
    if (type == name) return std::string(company);
  }
  return std::nullopt;
}

RemoteType innermost(const std::string& name, const Config& config, std::string_view path) {
  const std::string type = option(config, "type");
  if (type == "local") return {type, local_domain(path)};
  if (auto company = company_of(type)) return {type, std::move(*company)};
  if (type == "s3") {
    const std::string provider = lower_case(option(config, "provider"));
    if (std::string host = host_in(option(config, "endpoint")); !host.empty()) return {type, std::move(host)};
    return {type, provider.empty() || provider == "aws" ? "amazon" : provider};
  }
  for (const std::string_view field : {"url", "host", "endpoint", "server", "auth", "namenode"}) {
    if (std::string host = host_in(option(config, field)); !host.empty()) return {type, std::move(host)};
  }
  return {type, "rclone:" + name};
}

RemoteType follow(const std::string& name, std::string_view path, const Lookup& lookup, unsigned depth) {
  const Config config = lookup(name);
  const auto targets = wrapped(config);
  if (targets.empty() || depth == k_deepest) return innermost(name, config, path);
  std::optional<RemoteType> common;
  for (const std::string& target : targets) {
    RemoteType one;
    const auto colon = target.find(':');
    if (target.starts_with('/') || target.starts_with('.') || colon == std::string::npos) {
      one = {"local", local_domain(target)};
    } else if (colon == 0 || target.find(',') < colon) {
      // ":backend,option=value:path", or a remote with other options
      const std::size_t begin = colon == 0 ? 1 : 0;
      const std::string word = target.substr(begin, target.find_first_of(",:", begin) - begin);
      one = colon == 0 ? innermost(name, {{"type", word}}, target.substr(target.rfind(':') + 1))
                       : follow(word, {}, lookup, depth + 1);
    } else {
      one = follow(target.substr(0, colon), target.substr(colon + 1), lookup, depth + 1);
    }
    if (!common) {
      common = std::move(one);
    } else if (common->domain != one.domain || common->type != one.type) {
      return {option(config, "type"), "rclone:" + name};
    }
  }
  return *common;
}

}  // namespace

RemoteType remote_type(const std::string& name, std::string_view path, const Lookup& lookup) {
  return follow(name, path, lookup, 0);
}

StoreTraits traits_of(std::string_view type) {
  StoreTraits traits;
  if (type == "drive") {
    traits = limits_of_drive();
  } else if (type == "mega") {
    traits = limits_of_mega();
    traits.parallel_calls = 4;
  } else if (type == "dropbox") {
    traits.calls_per_second = 12;  // rclone's documentation
  } else if (type == "sftp" || type == "ftp" || type == "pikpak" || type == "protondrive" || type == "iclouddrive") {
    traits.parallel_calls = 4;  // each is a login or a session of its own, and servers allow few
  }
  return traits;
}

}  // namespace modelfloat::store::rclone
