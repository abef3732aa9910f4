#include "engine/process.h"

#include <utility>

#include "support/forwarding_store.h"

namespace modelfloat::test {

void Process::kill_at(std::uint64_t moment, Moment of_a_call) {
  moments_left_ = moment;
  of_a_call_ = of_a_call;
}

bool Process::dies_now(Moment of_a_call) {
  if (is_dead_) return true;
  if (moments_left_ == 0 || of_a_call != of_a_call_) return false;
  if (--moments_left_ > 0) return false;
  is_dead_ = true;
  if (on_death_) on_death_();
  return true;
}

namespace {

class MortalStore final : public ForwardingStore {
 public:
  MortalStore(std::unique_ptr<store::Store> inner, std::shared_ptr<Process> process)
      : ForwardingStore(std::move(inner)), process_(std::move(process)) {}
  void put(const ObjectName& name, ByteSpan bytes, const CallOptions& call) override {
    alive([&] { ForwardingStore::put(name, bytes, call); });
  }
  std::optional<Bytes> get(const ObjectName& name, ByteRange range, const CallOptions& call) override {
    std::optional<Bytes> bytes;
    alive([&] { bytes = ForwardingStore::get(name, range, call); });
    return bytes;
  }
  std::optional<store::ObjectInfo> stat(const ObjectName& name, const CallOptions& call) override {
    std::optional<store::ObjectInfo> info;
    alive([&] { info = ForwardingStore::stat(name, call); });
    return info;
  }
  void remove(const ObjectName& name, const CallOptions& call) override {
    alive([&] { ForwardingStore::remove(name, call); });
  }
  void list(std::string_view prefix, const store::ObjectSink& sink, const CallOptions& call) override {
    alive([&] { ForwardingStore::list(prefix, sink, call); });
  }
  store::Space space(const CallOptions& call) override {
    store::Space space;
    alive([&] { space = ForwardingStore::space(call); });
    return space;
  }

 private:
  template <typename Work>
  void alive(const Work& work) {
    if (process_->dies_now(Moment::before)) throw Error(ErrorKind::offline, "process", "was killed");
    work();
    if (process_->dies_now(Moment::after)) throw Error(ErrorKind::offline, "process", "was killed");
  }

  const std::shared_ptr<Process> process_;
};

}  // namespace

std::unique_ptr<store::Store> make_mortal(std::unique_ptr<store::Store> inner, std::shared_ptr<Process> process) {
  return std::make_unique<MortalStore>(std::move(inner), std::move(process));
}

}  // namespace modelfloat::test
