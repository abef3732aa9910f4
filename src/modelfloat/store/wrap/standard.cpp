#include "modelfloat/store/wrap/standard.h"

#include "modelfloat/store/wrap/breaker.h"
#include "modelfloat/store/wrap/limited.h"
#include "modelfloat/store/wrap/retrying.h"

namespace modelfloat::store {
namespace {

std::shared_ptr<Throttle> throttle(std::uint64_t per_second) {
  return per_second == 0 ? nullptr : std::make_shared<Throttle>(static_cast<double>(per_second));
}

// The destructor writes the measurements into the ledger.
class SavingMeasurements final : public MeasuredStore {
 public:
  SavingMeasurements(std::unique_ptr<MeasuredStore> inner, Ledger& ledger)
      : inner_(std::move(inner)), ledger_(ledger) {}
  ~SavingMeasurements() override { ledger_.keep(inner_->measurements()); }

  StoreTraits traits() const override { return inner_->traits(); }
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) override {
    inner_->put(name, bytes, options);
  }
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& options) override {
    return inner_->get(name, range, options);
  }
  std::optional<ObjectInfo> stat(const ObjectName& name, const CallOptions& options) override {
    return inner_->stat(name, options);
  }
  void remove(const ObjectName& name, const CallOptions& options) override { inner_->remove(name, options); }
  void list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) override {
    inner_->list(prefix, sink, options);
  }
  Space space(const CallOptions& options) override { return inner_->space(options); }
  Measurements measurements() const override { return inner_->measurements(); }

 private:
  const std::unique_ptr<MeasuredStore> inner_;
  Ledger& ledger_;
};

}  // namespace

SharedBandwidth::SharedBandwidth(Bandwidth limit) : up(throttle(limit.up)), down(throttle(limit.down)) {}

std::unique_ptr<MeasuredStore> make_standard(std::unique_ptr<Store> provider, const std::string& name,
                                             const SharedBandwidth& shared, Bandwidth own, Ledger& ledger, Clock& clock,
                                             Random& random) {
  auto limits = limits_of(provider->traits(), name);
  for (const auto& up : {shared.up, throttle(own.up)}) {
    if (up) limits.up.push_back(up);
  }
  for (const auto& down : {shared.down, throttle(own.down)}) {
    if (down) limits.down.push_back(down);
  }
  auto store = make_breaker(std::move(provider), name, BreakerLimits(), ledger, clock, random);
  store = make_limited(std::move(store), std::move(limits), ledger, clock);
  store = make_retrying(std::move(store), RetryLimits(), clock, random);
  auto measured = make_measured(std::move(store), clock, decayed(ledger.measurements()));
  return std::make_unique<SavingMeasurements>(std::move(measured), ledger);
}

}  // namespace modelfloat::store
