#pragma once
// Typed access to the small named values in the registry.

#include <optional>

#include "modelfloat/domain/ids.h"
#include "modelfloat/domain/log_record.h"
#include "modelfloat/registry/key_values.h"

namespace modelfloat::engine {

// As cheap to create as a reference. The std::optional getters return nullopt when the value was
// never set. All getters throw Error{corrupt} when the registry has a value of the wrong length.
class Settings {
 public:
  explicit Settings(registry::KeyValues& registry) : registry_(registry) {}

  std::optional<PoolId> pool() const { return array<16>("pool"); }
  void set_pool(const PoolId& pool) { registry_.set_setting("pool", pool); }

  // The writer id of the log chain that this registry writes.
  std::optional<WriterId> writer() const { return array<16>("writer"); }
  void set_writer(const WriterId& writer) { registry_.set_setting("writer", writer); }

  // The pool's default redundancy.
  PolicySet policy() const;
  void set_policy(const PolicySet& policy);

  // The largest m (number of parity shards) of any pack in the pool that is known here; 0 when none
  // is. Documents must survive as many losses as packs do.
  std::uint8_t largest_parity() const;
  void raise_largest_parity(std::uint8_t m);

  // The number of the last record of this chain that a checkpoint covers; 0 when none was read.
  // Records up to this one are known even if they are not in the registry.
  std::uint64_t covered(const WriterId& writer) const;
  void set_covered(const WriterId& writer, std::uint64_t seq);

 private:
  template <std::size_t N>
  std::optional<std::array<std::byte, N>> array(const std::string& name) const;

  registry::KeyValues& registry_;
};

}  // namespace modelfloat::engine
