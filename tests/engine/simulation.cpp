#include "engine/simulation.h"

#include <algorithm>

#include <fmt/format.h>

namespace modelfloat::test {

class Simulation::TimedStore final : public store::Store {
 public:
  TimedStore(std::unique_ptr<Store> inner, Simulation& simulation, std::size_t index)
      : inner_(std::move(inner)), simulation_(simulation), index_(index) {}

  store::StoreTraits traits() const override { return inner_->traits(); }
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) override {
    if (behaviour().hangs_at_a_shard && name.type() == ObjectType::shard) behaviour().hangs = true;
    call("put", name.path(), bytes.size(), options, [&] { inner_->put(name, bytes, {}); });
  }
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& options) override {
    std::optional<Bytes> bytes;
    const auto info = inner_->stat(name, {});
    const std::uint64_t expected = info ? std::min(range.length, info->size_bytes) : 0;
    call("get", name.path(), expected, options, [&] { bytes = inner_->get(name, range, {}); });
    return bytes;
  }
  std::optional<store::ObjectInfo> stat(const ObjectName& name, const CallOptions& options) override {
    std::optional<store::ObjectInfo> info;
    call("stat", name.path(), 0, options, [&] { info = inner_->stat(name, {}); });
    return info;
  }
  void remove(const ObjectName& name, const CallOptions& options) override {
    call("remove", name.path(), 0, options, [&] { inner_->remove(name, {}); });
  }
  void list(std::string_view prefix, const store::ObjectSink& sink, const CallOptions& options) override {
    std::vector<store::ObjectInfo> found;
    call("list", std::string(prefix), 0, options,
         [&] { inner_->list(prefix, [&](const store::ObjectInfo& info) { found.push_back(info); }, {}); });
    std::for_each(found.begin(), found.end(), sink);
  }
  store::Space space(const CallOptions& options) override {
    store::Space space;
    call("space", "", 0, options, [&] { space = inner_->space({}); });
    return space;
  }

 private:
  Behaviour& behaviour() const { return simulation_.behaviours_.at(index_); }

  template <typename Work>
  void call(const char* kind, const std::string& object, std::uint64_t bytes, const CallOptions& options, Work work) {
    const std::string what = fmt::format("s{} {} {}", index_, kind, object);
    const auto record = [&](const char* outcome) {
      const double seconds = seconds_between({}, simulation_.time_.steady_now());
      simulation_.history_.push_back(fmt::format("{:.6f} {} {}", seconds, what, outcome));
    };
    try {
      if (behaviour().is_away) throw Error(ErrorKind::offline, what, "it is away");
      pass_time(bytes, what, options);
      if (behaviour().is_away) throw Error(ErrorKind::offline, what, "it went away");
      if (const auto rest = behaviour().busy_until - simulation_.time_.steady_now(); rest.count() > 0) {
        if (!behaviour().says_until_when) throw Error(ErrorKind::transient, what, "try again");
        throw Error(ErrorKind::rate_limited, what, "not so fast", std::chrono::ceil<Milliseconds>(rest));
      }
      const bool fails = simulation_.random_.fraction() < behaviour().fails;
      if (fails && simulation_.random_.fraction() < 0.5) throw Error(ErrorKind::transient, what, "it fails");
      work();
      if (fails) throw Error(ErrorKind::transient, what, "its answer is lost");
    } catch (const Error& error) {
      record(error.what());
      throw;
    }
    record("done");
  }

  void pass_time(std::uint64_t bytes, const std::string& what, const CallOptions& options) {
    VirtualTime& time = simulation_.time_;
    const double latency = static_cast<double>(behaviour().latency.count()) * (0.5 + simulation_.random_.fraction());
    const double transfer = 1000.0 * static_cast<double>(bytes) / static_cast<double>(behaviour().bytes_per_second);
    SteadyTime end = time.steady_now() + Milliseconds(static_cast<Milliseconds::rep>(latency + transfer));
    while (behaviour().hangs || time.steady_now() < end) {
      const bool is_deaf = behaviour().hangs && behaviour().is_deaf;
      if (behaviour().hangs) end = time.steady_now() + std::chrono::hours(1);
      if (is_deaf) {
        time.sleep_for(std::chrono::duration_cast<Milliseconds>(end - time.steady_now()), {});
        break;
      }
      const SteadyTime until = std::min(end, options.deadline.value_or(end));
      time.sleep_for(std::chrono::ceil<Milliseconds>(until - time.steady_now()), options.stop);
      check_cancelled(options, time, what);
    }
    check_cancelled(options, time, what);
  }

  const std::unique_ptr<Store> inner_;
  Simulation& simulation_;
  const std::size_t index_;
};

Simulation::Simulation(std::size_t stores, std::uint64_t seed)
    : random_(seed), behaviours_(stores), world_(stores), time_(seed), machine_(world_, time_, time_, seed) {
  world_.wrap = [this](std::unique_ptr<store::Store> inner, std::size_t index) {
    return std::make_unique<TimedStore>(std::move(inner), *this, index);
  };
}

double Simulation::seconds(const std::function<void()>& work) {
  const SteadyTime begin = time_.steady_now();
  work();
  return seconds_between(begin, time_.steady_now());
}

}  // namespace modelfloat::test
