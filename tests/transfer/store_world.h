#pragma once
// A few stores in memory with faults, and the set of them.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/fake_clock.h"
#include "support/faulty_store.h"

#include "modelfloat/base/executor.h"
#include "modelfloat/mf1/marker.h"
#include "modelfloat/store/memory/memory_store.h"
#include "modelfloat/transfer/stores/store_set.h"

namespace modelfloat::test {

// Stores "s0", "s1", ... of domains "d0", "d1", ..., each with its marker. The threads of `io` are
// joined before the stores go.
class StoreWorld {
 public:
  explicit StoreWorld(std::size_t stores) {
    for (std::size_t i = 0; i < stores; ++i) add(i);
  }

  FaultyStore& faults(std::size_t index) { return *faulty_.at(index); }
  store::Store& inner(std::size_t index) { return *inner_.at(index); }
  static StoreId id(std::size_t index) { return StoreId{std::byte{1}, std::byte{static_cast<unsigned char>(index)}}; }
  static registry::StoreRow row(std::size_t index) {
    const std::string number = std::to_string(index);
    return {id(index), "s" + number, "memory:" + number, "d" + number, 0, {}};
  }
  std::vector<registry::StoreRow> rows() const {
    std::vector<registry::StoreRow> all;
    for (std::size_t i = 0; i < inner_.size(); ++i) all.push_back(row(i));
    return all;
  }
  void add(std::size_t index) {
    inner_.push_back(store::make_memory_store());
    faulty_.push_back(std::make_unique<FaultyStore>(*inner_.back(), nullptr, &clock));
    inner_.back()->put(ObjectName::marker(), mf1::make_marker({k_tag, id(index)}), {});
  }
  transfer::StoreSet::Context context(Executor& io) {
    return {
        io, clock, k_tag,
        [this](const registry::StoreRow& row) -> std::unique_ptr<store::Store> {
          if (unmakable) throw Error(ErrorKind::denied, row.name, "has no credentials");
          return std::make_unique<FaultyStore>(static_cast<store::Store&>(*faulty_.at(std::stoul(row.url.substr(7)))));
        },
        timeouts};
  }

  static constexpr mf1::PoolTag k_tag{std::byte{9}};
  FakeClock clock;
  transfer::Timeouts timeouts;
  bool unmakable = false;

 private:
  std::vector<std::unique_ptr<store::Store>> inner_;
  std::vector<std::unique_ptr<FaultyStore>> faulty_;
};

}  // namespace modelfloat::test
