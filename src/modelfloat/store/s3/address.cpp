#include "modelfloat/store/s3/address.h"

#include <algorithm>
#include <vector>

#include "modelfloat/base/error.h"

namespace modelfloat::store::s3 {
namespace {

constexpr std::string_view k_default_region = "us-east-1";

[[noreturn]] void refuse(std::string_view why) {
  throw Error(ErrorKind::invalid, "s3:", std::string(why) + "; an example: s3:https://host/bucket/prefix");
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool ends_with_host(std::string_view host, std::string_view end) {
  return host == end || (host.size() > end.size() && host.ends_with(end) && host[host.size() - end.size() - 1] == '.');
}

// Hosts spelled [bucket.]s3.[region.]company, or s3-region for old ones of Amazon.
bool has_s3_label(std::string_view host) {
  static constexpr std::string_view k_ends[] = {"amazonaws.com", "amazonaws.com.cn", "wasabisys.com", "backblazeb2.com",
                                                "scw.cloud",     "cloud.ovh.net",    "cloud.ovh.us"};
  return std::any_of(std::begin(k_ends), std::end(k_ends),
                     [&](std::string_view end) { return ends_with_host(host, end); });
}

bool is_s3_label(std::string_view label) { return label == "s3" || label.starts_with("s3-"); }

// What of the host's name is the bucket, with the dot behind it; empty when none of it is.
std::string_view bucket_label(std::string_view host) {
  if (has_s3_label(host)) {
    const auto labels = split(host, '.');
    // From the end, so that a bucket may be called "s3" or have dots in its name.
    for (std::size_t i = labels.size(); i-- > 1;) {
      if (is_s3_label(labels[i])) return host.substr(0, static_cast<std::size_t>(labels[i].data() - host.data()));
    }
    return {};
  }
  const std::pair<std::string_view, std::size_t> k_lengths[] = {
      {"r2.cloudflarestorage.com", 4}, {"digitaloceanspaces.com", 3}, {"linodeobjects.com", 3}};
  for (const auto& [end, length] : k_lengths) {
    if (!ends_with_host(host, end)) continue;
    const auto labels = split(host, '.');
    if (labels.size() > length)
      return host.substr(0, static_cast<std::size_t>(labels[labels.size() - length].data() - host.data()));
  }
  return {};
}

std::string region_of(std::string_view host) {
  const auto labels = split(host, '.');
  if (ends_with_host(host, "r2.cloudflarestorage.com")) return "auto";
  if (ends_with_host(host, "digitaloceanspaces.com") || ends_with_host(host, "linodeobjects.com"))
    return std::string(labels[0]);
  if (!has_s3_label(host)) return std::string(k_default_region);
  if (labels[0].starts_with("s3-") && labels[0] != "s3-accelerate" && labels[0] != "s3-fips")
    return std::string(labels[0].substr(3));
  std::size_t at = 1;
  if (at < labels.size() && labels[at] == "dualstack") ++at;
  // s3.amazonaws.com and s3.wasabisys.com have none.
  return at + 2 < labels.size() ? std::string(labels[at]) : std::string(k_default_region);
}

void check_bucket(std::string_view bucket) {
  const bool fits = bucket.size() >= 3 && bucket.size() <= 63 && std::all_of(bucket.begin(), bucket.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                             c == '.' || c == '_';
                    });
  if (!fits) refuse("a bucket's name has 3 to 63 letters, digits, dots and hyphens");
}

std::string clean_prefix(std::string_view path) {
  std::string prefix;
  for (const std::string_view part : split(path, '/')) {
    if (part.empty()) continue;
    const std::string plain = http::percent_decode(part);
    if (plain == "." || plain == "..") refuse("a prefix has no \".\" and \"..\" in it");
    if (std::any_of(plain.begin(), plain.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
      refuse("the prefix has a control character in it");
    prefix += (prefix.empty() ? "" : "/") + plain;
  }
  if (prefix.size() > 800) refuse("the prefix is too long: a key has 1,024 bytes at most");
  return prefix;
}

}  // namespace

std::string amazon_host(std::string_view region) {
  return "s3." + std::string(region) + (region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com");
}

bool Address::is_amazon() const {
  return ends_with_host(server.host, "amazonaws.com") || ends_with_host(server.host, "amazonaws.com.cn");
}
bool Address::is_virtual() const { return is_amazon() && bucket.find_first_of("._") == std::string::npos; }
std::string Address::text() const {
  return server.root() + "/" + bucket + (prefix.empty() ? "" : "/" + http::percent_encode(prefix, true));
}

Address parse_address(std::string_view text) {
  if (text.find_first_of("?#") != std::string_view::npos)
    refuse("the address has a question mark or a hash in it (%3F and %23 where they are meant)");
  Address address;
  address.server = http::parse_url(text);
  std::string_view path = address.server.path;
  const std::string host = address.server.host;
  const std::string_view label = bucket_label(host);
  if (!label.empty()) {
    address.bucket = label.substr(0, label.size() - 1);
    address.server.host = host.substr(label.size());
  } else {
    if (path.starts_with('/')) path.remove_prefix(1);
    address.bucket = http::percent_decode(path.substr(0, path.find('/')));
    path.remove_prefix(std::min(path.find('/'), path.size()));
    if (address.bucket.empty()) refuse("no bucket is named");
  }
  check_bucket(address.bucket);
  address.prefix = clean_prefix(path);
  address.server.path.clear();
  if ((address.server.scheme == "https" && address.server.port == 443) ||
      (address.server.scheme == "http" && address.server.port == 80))
    address.server.port = 0;
  address.region = region_of(address.server.host);
  return address;
}

}  // namespace modelfloat::store::s3
