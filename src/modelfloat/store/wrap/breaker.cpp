#include "modelfloat/store/wrap/breaker.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>

#include "modelfloat/base/error.h"

namespace modelfloat::store {
namespace {

constexpr std::array k_traffic = {Traffic::all, Traffic::uploads, Traffic::downloads};

Milliseconds remaining(UtcTime until, UtcTime now) {
  return std::max(Milliseconds(1), std::chrono::duration_cast<Milliseconds>(until - now));
}

// The state of the circuit breaker, without the calls. Shared by threads.
class Circuit {
 public:
  Circuit(std::string where, BreakerLimits limits, Ledger& ledger, Clock& clock, Random& random)
      : where_(std::move(where)),
        limits_(limits),
        ledger_(ledger),
        clock_(clock),
        random_(random),
        wait_(limits.first) {
    const UtcTime latest = clock_.utc_now() + limits_.longest_asked;
    for (const Traffic traffic : k_traffic) {
      auto pause = ledger_.pause(traffic);
      if (pause && pause->until <= latest) pauses_[static_cast<std::size_t>(traffic)] = std::move(pause);
    }
  }

  // Throws when the call must not be made. Returns true when it is the one that tries whether the
  // store works again.
  bool admit(Traffic traffic) {
    const std::lock_guard lock(mutex_);
    for (const Traffic blocked : {Traffic::all, traffic}) {
      const auto& pause = pauses_[static_cast<std::size_t>(blocked)];
      const UtcTime now = clock_.utc_now();
      if (pause && pause->until > now) {
        throw Error(ErrorKind::rate_limited, where_,
                    "is left alone until " + to_rfc3339(pause->until) + ", as it asked: " + pause->why,
                    remaining(pause->until, now));
      }
    }
    if (!open_until_) return false;
    const SteadyTime now = clock_.steady_now();
    if (now >= *open_until_ && !trying_) {
      trying_ = true;
      return true;
    }
    const auto rest = std::max(Milliseconds(1), std::chrono::duration_cast<Milliseconds>(*open_until_ - now));
    const bool answers = last_kind_ != ErrorKind::offline && last_kind_ != ErrorKind::timed_out;
    throw Error(last_kind_ == ErrorKind::denied ? ErrorKind::denied : ErrorKind::offline, where_,
                "failed again and again and is left alone for a moment; the last time: " + last_text_,
                answers ? std::optional(rest) : std::nullopt);
  }

  void succeeded(bool tried) {
    const std::lock_guard lock(mutex_);
    if (tried) trying_ = false;
    failures_ = 0;
    open_until_.reset();
    wait_ = limits_.first;
  }

  void gave_up(bool tried) {
    const std::lock_guard lock(mutex_);
    if (tried) trying_ = false;
  }

  void failed(const Error& error, bool tried, SteadyTime started) {
    const double fraction = random_.fraction();
    const std::lock_guard lock(mutex_);
    if (tried) trying_ = false;
    last_kind_ = error.kind;
    last_text_ = error.what();
    if (failures_++ == 0) first_failure_ = started;
    const SteadyTime now = clock_.steady_now();
    const bool opens = failures_ >= limits_.failures && now - first_failure_ >= limits_.over;
    if (!tried && (open_until_ || !opens)) return;
    // Up to a quarter more, so that many clients that fail together do not come back together.
    open_until_ = now + wait_ + std::chrono::duration_cast<Milliseconds>(wait_ * (fraction / 4));
    wait_ = std::min(limits_.longest, wait_ * 2);
  }

  void asked_to_wait(const Error& error, Traffic traffic, bool tried) {
    const Milliseconds wait = std::min(*error.retry_after, limits_.longest_asked);
    const Traffic blocked = wait > limits_.short_wait ? traffic : Traffic::all;
    const Pause pause{clock_.utc_now() + wait, error.what()};
    {
      const std::lock_guard lock(mutex_);
      if (tried) trying_ = false;
      open_until_.reset();  // the store does answer
      failures_ = 0;
      auto& known = pauses_[static_cast<std::size_t>(blocked)];
      if (known && known->until >= pause.until) return;
      known = pause;
    }
    if (wait >= limits_.remembered) ledger_.record_pause(blocked, pause);
  }

 private:
  const std::string where_;
  const BreakerLimits limits_;
  Ledger& ledger_;
  Clock& clock_;
  Random& random_;
  std::mutex mutex_;  // guards all below
  std::array<std::optional<Pause>, k_traffic.size()> pauses_;
  unsigned failures_ = 0;  // in a row
  SteadyTime first_failure_;
  std::optional<SteadyTime> open_until_;
  Milliseconds wait_;
  bool trying_ = false;  // a call is trying whether the store works again
  ErrorKind last_kind_ = ErrorKind::transient;
  std::string last_text_;
};

class Breaker final : public Store {
 public:
  Breaker(std::unique_ptr<Store> inner, std::string where, BreakerLimits limits, Ledger& ledger, Clock& clock,
          Random& random)
      : inner_(std::move(inner)),
        limits_(limits),
        clock_(clock),
        circuit_(std::move(where), limits, ledger, clock, random) {}

  StoreTraits traits() const override { return inner_->traits(); }

  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) override {
    call(Traffic::uploads, [&] { inner_->put(name, bytes, options); });
  }
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& options) override {
    return call(Traffic::downloads, [&] { return inner_->get(name, range, options); });
  }
  std::optional<ObjectInfo> stat(const ObjectName& name, const CallOptions& options) override {
    return call(Traffic::all, [&] { return inner_->stat(name, options); });
  }
  void remove(const ObjectName& name, const CallOptions& options) override {
    call(Traffic::all, [&] { inner_->remove(name, options); });
  }
  void list(std::string_view prefix, const ObjectSink& sink, const CallOptions& options) override {
    call(Traffic::all, [&] { inner_->list(prefix, sink, options); });
  }
  Space space(const CallOptions& options) override {
    return call(Traffic::all, [&] { return inner_->space(options); });
  }

 private:
  // Reports the result of one call to the circuit, exactly once, whatever the result is.
  struct Part {
    Part(Circuit& of, Traffic traffic) : circuit(of), tries(of.admit(traffic)) {}
    ~Part() {
      if (!told) circuit.gave_up(tries);
    }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;
    Circuit& circuit;
    const bool tries;
    bool told = false;
  };

  template <typename Work>
  auto call(Traffic traffic, Work work) -> decltype(work()) {
    Part part(circuit_, traffic);
    const SteadyTime started = clock_.steady_now();
    try {
      if constexpr (std::is_void_v<decltype(work())>) {
        work();
        part.told = true;
        circuit_.succeeded(part.tries);
      } else {
        auto result = work();
        part.told = true;
        circuit_.succeeded(part.tries);
        return result;
      }
    } catch (const Error& error) {
      if (!part.told) tell(part, error, traffic, started);
      throw;
    }
  }

  void tell(Part& part, const Error& error, Traffic traffic, SteadyTime started) {
    const bool slow = clock_.steady_now() - started >= limits_.slow;
    switch (error.kind) {
      case ErrorKind::cancelled: return;
      case ErrorKind::offline:
      case ErrorKind::timed_out:
        if (!slow && !part.tries) return;
        [[fallthrough]];
      case ErrorKind::transient: part.told = true; return circuit_.failed(error, part.tries, started);
      case ErrorKind::denied:
        part.told = true;
        // A store that refuses uploads has answered, and downloads may work.
        if (traffic == Traffic::uploads) return circuit_.succeeded(part.tries);
        return circuit_.failed(error, part.tries, started);
      case ErrorKind::rate_limited:
        part.told = true;
        if (error.retry_after && error.retry_after->count() > 0)
          return circuit_.asked_to_wait(error, traffic, part.tries);
        return circuit_.failed(error, part.tries, started);
      default: part.told = true; return circuit_.succeeded(part.tries);
    }
  }

  const std::unique_ptr<Store> inner_;
  const BreakerLimits limits_;
  Clock& clock_;
  Circuit circuit_;
};

}  // namespace

std::unique_ptr<Store> make_breaker(std::unique_ptr<Store> inner, std::string where, BreakerLimits limits,
                                    Ledger& ledger, Clock& clock, Random& random) {
  return std::make_unique<Breaker>(std::move(inner), std::move(where), limits, ledger, clock, random);
}

}  // namespace modelfloat::store
