#include "engine/simulation.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "modelfloat/transfer/ask/object_reader.h"

namespace modelfloat::test {

class Simulation::TimedStore final : public store::Store {
 public:
  TimedStore(std::unique_ptr<Store> inner, Simulation& simulation, std::size_t index)
      : inner_(std::move(inner)), simulation_(simulation), index_(index) {}

  store::StoreTraits traits() const override { return inner_->traits(); }
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& options) override {
    if (behaviour().hangs_at_a_shard && name.type() == ObjectType::shard) behaviour().hangs = true;
    call("put", name.path(), bytes.size(), options, [&] {
      if (refuses(name)) throw Error(ErrorKind::denied, name.path(), "the store takes none");
      if (bytes.size() > behaviour().room) throw Error(ErrorKind::out_of_space, name.path(), "the store is full");
      if (happens(behaviour().loses_puts)) return;
      if (behaviour().room != UINT64_MAX) behaviour().room -= bytes.size();
      if (!transfer::fits_name(name, bytes)) simulation_.offences_.push_back(name.path() + " is put with wrong bytes");
      const bool is_shard = name.type() == ObjectType::shard;
      if (is_shard) ++simulation_.shards_put_.at(index_);
      inner_->put(name, bytes, {});
      if (is_shard && happens(behaviour().spoils_puts)) {
        simulation_.rot(index_, name);
        simulation_.spoiled_.emplace(index_, name);
      }
      if (name.type() == ObjectType::log) simulation_.records_put_.insert(name);
      simulation_.lost_.erase({index_, name});
      simulation_.puts_.at(index_).push_back({name, simulation_.time_.steady_now()});
    });
  }
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& options) override {
    std::optional<Bytes> bytes;
    const auto info = inner_->stat(name, {});
    const std::uint64_t expected = info ? std::min(range.length, info->size_bytes) : 0;
    call("get", name.path(), expected, options, [&] { bytes = inner_->get(name, range, {}); });
    if (bytes && !bytes->empty() && happens(behaviour().flips))
      (*bytes)[simulation_.random_.number() % bytes->size()] ^= std::byte{4};
    return bytes;
  }
  std::optional<store::ObjectInfo> stat(const ObjectName& name, const CallOptions& options) override {
    std::optional<store::ObjectInfo> info;
    call("stat", name.path(), 0, options, [&] { info = inner_->stat(name, {}); });
    return info;
  }
  void remove(const ObjectName& name, const CallOptions& options) override {
    call("remove", name.path(), 0, options, [&] {
      const auto type = name.type();
      if (type != ObjectType::log && type != ObjectType::checkpoint && type != ObjectType::part)
        simulation_.offences_.push_back(name.path() + " is removed");
      simulation_.removed_.push_back(name);
      inner_->remove(name, {});
    });
  }
  void list(std::string_view prefix, const store::ObjectSink& sink, const CallOptions& options) override {
    std::vector<store::ObjectInfo> found;
    call("list", std::string(prefix), 0, options,
         [&] { inner_->list(prefix, [&](const store::ObjectInfo& info) { found.push_back(info); }, {}); });
    const bool twice = behaviour().lists == Behaviour::Lists::twice;
    const bool breaks = happens(behaviour().breaks_lists);
    if (breaks) simulation_.history_.back() += ", and breaks off";
    for (std::size_t i = 0; i < (breaks ? found.size() / 2 : found.size()); ++i) {
      if (!simulation_.shows(index_, i, found[i].name)) continue;
      sink(found[i]);
      if (twice) sink(found[i]);
    }
    if (breaks) throw Error(ErrorKind::transient, std::string(prefix), "the list breaks off");
  }
  store::Space space(const CallOptions& options) override {
    store::Space space;
    call("space", "", 0, options, [&] { space = inner_->space({}); });
    return space;
  }

 private:
  Behaviour& behaviour() const { return simulation_.behaviours_.at(index_); }
  bool happens(double part) const { return part > 0 && simulation_.random_.fraction() < part; }

  bool refuses(const ObjectName& name) const {
    if (behaviour().refuses == Behaviour::Refuses::log) return name.type() == ObjectType::log;
    return behaviour().refuses == Behaviour::Refuses::all;
  }

  template <typename Work>
  void call(const char* kind, const std::string& object, std::uint64_t bytes, const CallOptions& options, Work work) {
    simulation_.begin_call();
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
    : random_(seed),
      behaviours_(stores),
      puts_(stores),
      stale_(stores),
      shards_put_(stores),
      world_(stores),
      time_(seed) {
  world_.wrap = [this](std::unique_ptr<store::Store> inner, std::size_t index) {
    return std::make_unique<TimedStore>(std::move(inner), *this, index);
  };
  machines_made_ = seed;
  clocks_.push_back(std::make_unique<MachineClock>(time_));
  machines_.push_back(std::make_unique<Machine>(world_, *clocks_.back(), time_, machines_made_));
}

Simulation::~Simulation() = default;

Machine& Simulation::add_machine() {
  clocks_.push_back(std::make_unique<MachineClock>(time_));
  return *machines_.emplace_back(std::make_unique<Machine>(world_, *clocks_.back(), time_, ++machines_made_));
}

Machine& Simulation::restart(std::size_t index) {
  Machine& next = another_process(index);
  std::swap(machines_.at(index), retired_.back());
  return next;
}

Machine& Simulation::replace(std::size_t index, const mf1::SlotSecret& secret, const std::vector<std::size_t>& stores) {
  Machine& next =
      *retired_.emplace_back(std::make_unique<Machine>(world_, *clocks_.at(index), time_, ++machines_made_));
  next.recover(secret, stores);
  const auto place =
      std::find_if(retired_.begin(), retired_.end(), [&](const auto& one) { return one.get() == &next; });
  machines_.at(index)->process().kill_at(1, Moment::before);
  std::swap(machines_.at(index), *place);
  return next;
}

Machine& Simulation::visitor() {
  return *retired_.emplace_back(std::make_unique<Machine>(world_, time_, time_, ++machines_made_));
}

Machine& Simulation::another_process(std::size_t index) {
  auto process = std::make_unique<Machine>(world_, *clocks_.at(index), time_, ++machines_made_, *machines_.at(index));
  return *retired_.emplace_back(std::move(process));
}

void Simulation::begin_step() {
  before_calls_.clear();
  removed_.clear();
  spoiled_.clear();
  records_put_.clear();
  shards_put_.assign(shards_put_.size(), 0);
}

void Simulation::before_call(std::uint64_t call, std::function<void()> work) {
  before_calls_.emplace(calls_ + call, std::move(work));
}

void Simulation::begin_call() {
  ++calls_;
  while (!before_calls_.empty() && before_calls_.begin()->first <= calls_) {
    const auto work = std::move(before_calls_.begin()->second);
    before_calls_.erase(before_calls_.begin());
    work();
  }
}

// Whether list() shows this object, the one at this place.
bool Simulation::shows(std::size_t store, std::size_t place, const ObjectName& name) const {
  const Behaviour& now = behaviours_.at(store);
  if (now.lists == Behaviour::Lists::empty) return false;
  if (now.lists == Behaviour::Lists::half && place % 2 == 1) return false;
  if (now.lists == Behaviour::Lists::stale && !stale_.at(store).contains(name)) return false;
  if (now.lists_late.count() == 0) return true;
  const SteadyTime since = time_.steady_now() - now.lists_late;
  const auto& puts = puts_.at(store);
  return std::none_of(puts.begin(), puts.end(), [&](const Put& put) { return put.name == name && put.time > since; });
}

std::set<std::string> Simulation::shown(std::size_t store, std::string_view folder) {
  std::set<std::string> paths;
  std::size_t place = 0;
  world_.inner(store).list(folder,
                           [&](const store::ObjectInfo& info) {
                             if (shows(store, place++, info.name)) paths.insert(info.name.path());
                           },
                           {});
  return paths;
}

bool Simulation::has_good(std::size_t store, const ObjectName& name) {
  const auto bytes = world_.inner(store).get(name, {}, {});
  return bytes && transfer::fits_name(name, *bytes);
}

void Simulation::rot(std::size_t store, const ObjectName& name) {
  auto bytes = world_.inner(store).get(name, {}, {});
  if (!bytes || bytes->empty()) return;
  (*bytes)[random_.number() % bytes->size()] ^= std::byte{16};
  world_.inner(store).put(name, *bytes, {});
}

void Simulation::roll_back(std::size_t store, const std::map<std::string, Bytes>& snapshot) {
  for (const auto& [path, bytes] : world_.objects(store)) {
    if (snapshot.contains(path)) continue;
    const auto name = ObjectName::parse(path).value();
    world_.inner(store).remove(name, {});
    lost_.emplace(store, name);
  }
  for (const auto& [path, bytes] : snapshot) world_.inner(store).put(ObjectName::parse(path).value(), bytes, {});
}

void Simulation::lose_last_puts(std::size_t store, std::size_t count) {
  auto& puts = puts_.at(store);
  for (; count > 0 && !puts.empty(); --count) {
    if (puts.back().name.path() != "mf1/marker") {
      world_.inner(store).remove(puts.back().name, {});
      lost_.emplace(store, puts.back().name);
    }
    puts.pop_back();
  }
}

void Simulation::list_as_of_now(std::size_t store) {
  stale_.at(store).clear();
  for (const auto& [path, bytes] : world_.objects(store)) stale_[store].insert(ObjectName::parse(path).value());
  behaviours_.at(store).lists = Behaviour::Lists::stale;
}

double Simulation::seconds(const std::function<void()>& work) {
  const SteadyTime begin = time_.steady_now();
  work();
  return seconds_between(begin, time_.steady_now());
}

}  // namespace modelfloat::test
