#include "modelfloat/engine/upkeep/stores_by_address.h"

#include <algorithm>
#include <utility>

namespace modelfloat::engine {

using transfer::PoolStore;

StoresByAddress::StoresByAddress(const Environment& environment, std::vector<RecoverSource> sources,
                                 transfer::Timeouts timeouts, CallOptions call)
    : environment_(environment), timeouts_(timeouts), call_(std::move(call)) {
  const auto signal = std::make_shared<transfer::ChangeSignal>();
  for (auto& source : sources) {
    std::shared_ptr<store::MeasuredStore> measured = store::make_measured(std::move(source.store), environment.clock);
    const store::StoreTraits traits = measured->traits();
    auto state = std::make_shared<transfer::StoreState>(source.url, signal, environment.clock, environment.io,
                                                        traits.parallel_calls);
    std::unique_ptr<PoolStore> as_ours(new PoolStore{StoreId{}, source.url, source.url, source.url, 0, measured,
                                                     std::move(state), traits.downloads_are_scarce});
    sources_.push_back({std::move(measured), std::move(as_ours), false});
  }
}

void StoresByAddress::read_markers(
    const std::function<bool(const std::string& url, std::optional<mf1::Marker>)>& handle) {
  const auto read_marker = [](store::Store& store, const CallOptions& call) {
    const auto bytes = store.get(ObjectName::marker(), {}, call);
    return bytes ? std::optional(mf1::parse_marker(*bytes)) : std::nullopt;
  };
  ask<std::optional<mf1::Marker>>(timeouts_.marker, read_marker, handle);
}

std::vector<const PoolStore*> StoresByAddress::stores() const {
  std::vector<const PoolStore*> stores;
  for (const Source& source : sources_) stores.push_back(source.store.get());
  return stores;
}

bool StoresByAddress::is_unresponsive(const std::string& url) const {
  return std::any_of(sources_.begin(), sources_.end(),
                     [&](const Source& source) { return source.is_unresponsive && source.store->url == url; });
}

std::uint64_t StoresByAddress::bytes_read() const {
  std::uint64_t sum = 0;
  for (const Source& source : sources_) sum += source.measured->measurements().get.bytes;
  return sum;
}

}  // namespace modelfloat::engine
