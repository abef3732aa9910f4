#pragma once
// A place on a provider's server, for the suite of all stores and for tests of one provider.

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "support/store_context.h"
#include "support/store_suite.h"

#include "modelfloat/base/hex.h"
#include "modelfloat/store/http/url.h"
#include "modelfloat/store/store_factory.h"

namespace modelfloat::test {

// What tests/servers told us, or nothing when the server does not run.
inline std::optional<std::string> server_variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets any
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

// For StoreCase::missing.
inline std::string unless_set(const char* name) {
  return server_variable(name) ? std::string() : std::string(name) + " names no server: run ./test, which starts it";
}

// A name that no other test uses.
inline std::string fresh_name() { return "test-" + to_hex(SystemRandom().array<8>()); }

// What people call folders: with spaces, letters beyond ASCII, both cases, and what URLs, XML and
// queries write in other ways.
inline std::string fresh_folder() { return "L'Été & Größe 100% + 模型 🎈 " + to_hex(SystemRandom().array<8>()); }

// Lower case for upper case and the other way round, as far as fresh_folder() needs it.
inline std::string in_other_case(std::string text) {
  for (char& c : text) {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) c ^= 0x20;
  }
  for (const auto& [from, to] : {std::pair("É", "é"), std::pair("ö", "Ö")}) text.replace(text.find(from), 2, to);
  return text;
}

// The place that a URL names, prepared as `store add` does it. Each open() is a new store, as after
// a restart, with the session kept.
class ProviderHome final : public StoreHome {
 public:
  explicit ProviderHome(const std::string& url, const store::StoreSettings& settings = {}) : place_{url, settings} {
    prepare(place_);
  }
  // In a fresh folder, whose name comes behind `base`.
  static std::unique_ptr<ProviderHome> in_fresh_folder(const std::string& base,
                                                       const store::StoreSettings& settings = {}) {
    const std::string folder = fresh_folder();
    const auto url = [&](const std::string& name) {
      return base + (base.find(":http") == std::string::npos ? name : store::http::percent_encode(name));
    };
    auto home = std::make_unique<ProviderHome>(url(folder), settings);
    home->folder_ = folder;
    home->namesake_ = {url(in_other_case(folder)), settings};
    return home;
  }

  std::unique_ptr<store::Store> open() override { return make(place_); }
  std::unique_ptr<store::Store> open_namesake() override {
    if (namesake_.url.empty()) return nullptr;
    prepare(namesake_);
    return make(namesake_);
  }
  // Of in_fresh_folder().
  const std::string& folder() const noexcept { return folder_; }

 private:
  struct Place {
    std::string url;
    store::StoreSettings settings;
  };
  void prepare(Place& place) {
    ListeningDialogue dialogue;
    store::prepare_new_store(place.url, place.settings, context_.context(), dialogue, {});
  }
  std::unique_ptr<store::Store> make(const Place& place) {
    return store::make_store(place.url, place.settings, context_.context());
  }

  Place place_;
  std::string folder_;
  Place namesake_;
  RealContext context_;
};

// One whose server serves a folder of this machine: objects come there as files, which is quicker
// than as many puts.
class HomeOnDisk final : public StoreHome {
 public:
  // `on_disk` is where `home` lies.
  HomeOnDisk(std::unique_ptr<StoreHome> home, std::filesystem::path on_disk)
      : home_(std::move(home)), on_disk_(std::move(on_disk)) {}
  std::unique_ptr<store::Store> open() override { return home_->open(); }
  std::unique_ptr<store::Store> open_namesake() override { return home_->open_namesake(); }
  bool fill(const std::map<ObjectName, std::uint64_t>& objects) override {
    for (const auto& [name, size] : objects) {
      std::filesystem::create_directories((on_disk_ / name.path()).parent_path());
      std::ofstream(on_disk_ / name.path()) << std::string(size, 'x');
    }
    return true;
  }

 private:
  const std::unique_ptr<StoreHome> home_;
  const std::filesystem::path on_disk_;
};

}  // namespace modelfloat::test
