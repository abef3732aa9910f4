#include "modelfloat/store/store_factory.h"

#include <array>
#include <filesystem>

#include <sys/stat.h>

#include "modelfloat/base/error.h"
#include "modelfloat/store/local_store.h"

namespace modelfloat::store {
namespace {

std::filesystem::path local_folder(std::string_view rest) {
  if (rest.empty() || rest.find('\0') != std::string_view::npos) {
    throw Error(ErrorKind::invalid, "local:" + std::string(rest),
                "a local store is named by its folder, such as local:/path");
  }
  auto folder = std::filesystem::absolute(std::filesystem::path(rest)).lexically_normal();
  if (!folder.has_filename() && folder.has_relative_path()) folder = folder.parent_path();
  return folder;
}

// `rest` is what follows the scheme and its colon.
struct Scheme {
  std::string_view name;
  std::unique_ptr<Store> (*make)(std::string_view rest);
  std::string (*canonical_rest)(std::string_view rest);
  std::string (*domain)(std::string_view rest);
  void (*prepare)(std::string_view rest);
};

constexpr std::array k_schemes = {
    Scheme{"local", [](std::string_view rest) { return make_local_store(local_folder(rest)); },
           [](std::string_view rest) { return local_folder(rest).string(); },
           [](std::string_view rest) { return "local:" + local_folder(rest).string(); },
           [](std::string_view rest) { create_local_folder(local_folder(rest)); }},
};

std::string scheme_names() {
  std::string names;
  for (const Scheme& scheme : k_schemes) names += (names.empty() ? "" : ", ") + std::string(scheme.name) + ":";
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
  for (const Scheme& scheme : k_schemes) {
    if (url.substr(0, colon) == scheme.name) return {scheme, url.substr(colon + 1)};
  }
  // Only the scheme is repeated: a foreign URL may carry a password.
  throw Error(ErrorKind::unsupported, std::string(url.substr(0, colon + 1)),
              "no such kind of store; these are known: " + scheme_names());
}

}  // namespace

std::unique_ptr<Store> make_store(std::string_view url) {
  const Parsed parsed = parse(url);
  return parsed.scheme.make(parsed.rest);
}

std::string canonical_url(std::string_view url) {
  const Parsed parsed = parse(url);
  return std::string(parsed.scheme.name) + ":" + parsed.scheme.canonical_rest(parsed.rest);
}

std::string default_domain(std::string_view url) {
  const Parsed parsed = parse(url);
  return parsed.scheme.domain(parsed.rest);
}

bool share_a_device(std::string_view url_a, std::string_view url_b) {
  const Parsed a = parse(url_a);
  const Parsed b = parse(url_b);
  if (a.scheme.name != "local" || b.scheme.name != "local") return false;
  struct stat status_a{};
  struct stat status_b{};
  return ::stat(local_folder(a.rest).c_str(), &status_a) == 0 && ::stat(local_folder(b.rest).c_str(), &status_b) == 0 &&
         status_a.st_dev == status_b.st_dev;
}

void prepare_new_store(std::string_view url) {
  const Parsed parsed = parse(url);
  parsed.scheme.prepare(parsed.rest);
}

}  // namespace modelfloat::store
