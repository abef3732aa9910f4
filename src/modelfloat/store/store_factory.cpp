#include "modelfloat/store/store_factory.h"

#include <array>
#include <filesystem>

#include <sys/stat.h>

#include "modelfloat/base/error.h"
#include "modelfloat/store/drive/drive_store.h"
#include "modelfloat/store/ipfs/ipfs_store.h"
#include "modelfloat/store/local/local_store.h"
#include "modelfloat/store/mega/mega_store.h"
#include "modelfloat/store/rclone/rclone_store.h"
#include "modelfloat/store/s3/s3_store.h"
#include "modelfloat/store/webdav/webdav_store.h"

namespace modelfloat::store {
namespace {

const auto& schemes() {
  static const std::array all = {local_scheme(),  drive_scheme(), ipfs_scheme(),  mega_scheme(),
                                 rclone_scheme(), s3_scheme(),    webdav_scheme()};
  return all;
}

std::string scheme_names() {
  std::string names;
  for (const Scheme& scheme : schemes()) names += (names.empty() ? "" : ", ") + std::string(scheme.name) + ":";
  return names;
}

struct Parsed {
  const Scheme& scheme;
  std::string_view rest;
};

Parsed parse(std::string_view url) {
  const std::size_t colon = url.find(':');
  if (colon == std::string_view::npos) {
    throw Error(ErrorKind::invalid, std::string(url), "a store's URL starts with its scheme, such as local:/path");
  }
  for (const Scheme& scheme : schemes()) {
    if (url.substr(0, colon) == scheme.name) return {scheme, url.substr(colon + 1)};
  }
  // Only the scheme is quoted: an unknown URL may contain a password.
  throw Error(ErrorKind::unsupported, std::string(url.substr(0, colon + 1)),
              "no such kind of store; these are known: " + scheme_names());
}

}  // namespace

std::unique_ptr<Store> make_store(std::string_view url, const StoreSettings& settings, const StoreContext& context) {
  const Parsed parsed = parse(url);
  return parsed.scheme.make(parsed.rest, settings, context);
}

const Scheme& scheme_of(std::string_view url) { return parse(url).scheme; }

std::string example_urls() {
  std::string urls;
  for (const Scheme& scheme : schemes()) urls += (urls.empty() ? "" : ", ") + std::string(scheme.example);
  return urls;
}

std::string canonical_url(std::string_view url) {
  const Parsed parsed = parse(url);
  return std::string(parsed.scheme.name) + ":" + parsed.scheme.canonical_rest(parsed.rest);
}

std::string default_domain(std::string_view url, const StoreSettings& settings) {
  const Parsed parsed = parse(url);
  return parsed.scheme.domain(parsed.rest, settings);
}

bool share_a_device(std::string_view url_a, std::string_view url_b) {
  const Parsed a = parse(url_a);
  const Parsed b = parse(url_b);
  if (a.scheme.name != "local" || b.scheme.name != "local") return false;
  const auto folder = [](const Parsed& parsed) { return parsed.scheme.canonical_rest(parsed.rest); };
  struct stat status_a{};
  struct stat status_b{};
  return ::stat(folder(a).c_str(), &status_a) == 0 && ::stat(folder(b).c_str(), &status_b) == 0 &&
         status_a.st_dev == status_b.st_dev;
}

void prepare_new_store(std::string_view url, StoreSettings& settings, const StoreContext& context, Dialogue& dialogue,
                       const CallOptions& call) {
  const Parsed parsed = parse(url);
  parsed.scheme.prepare(parsed.rest, settings, context, dialogue, call);
}

}  // namespace modelfloat::store
