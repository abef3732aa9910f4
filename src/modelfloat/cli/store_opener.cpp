#include "modelfloat/cli/store_opener.h"

#include <fmt/format.h>

#include "modelfloat/base/error.h"
#include "modelfloat/base/log.h"
#include "modelfloat/store/store_factory.h"

namespace modelfloat::cli {

StoreOpener::~StoreOpener() {
  try {
    registry_.transaction([&] {
      for (auto& [id, kept] : kept_) kept.ledger.write();
    });
  } catch (const std::exception& error) {
    log_warning(error.what());  // losing these measurements does no harm
  }
}

std::unique_ptr<store::Store> StoreOpener::open(const registry::StoreRow& row) {
  const auto settings = engine::load_settings(registry_, secrets_, row.id);
  const auto configured = bandwidth_.stores.find(row.name);
  std::string bandwidth;
  if (configured != bandwidth_.stores.end()) {
    bandwidth = configured->second;
  } else if (const auto known = registry_.store_settings(row.id)) {
    bandwidth = known->bandwidth;
  }
  const auto limit =
      bandwidth.empty() ? store::Bandwidth() : store::parse_bandwidth(bandwidth, "the bandwidth of " + row.name);
  Kept& kept = this->kept(row.id);
  try {
    auto store = store::make_store(row.url, settings, {clock_, random_, kept.vault});
    return store::make_standard(std::move(store), row.name, shared_, limit, kept.ledger, clock_, random_);
  } catch (const Error& error) {
    if (error.kind != ErrorKind::denied || !settings.credentials.empty()) throw;
    throw Error(
        ErrorKind::denied, row.name,
        fmt::format("has no credentials on this machine: modelfloat store set {} --credentials-file FILE", row.name));
  }
}

StoreOpener::Kept& StoreOpener::kept(const StoreId& store) {
  const std::lock_guard lock(mutex_);
  return kept_.try_emplace(store, *this, store).first->second;
}

}  // namespace modelfloat::cli
