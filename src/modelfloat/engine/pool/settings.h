#pragma once
// The small named values in the registry, typed and in one place.

#include <optional>

#include "modelfloat/domain/ids.h"
#include "modelfloat/domain/log_record.h"
#include "modelfloat/registry/key_values.h"

namespace modelfloat::engine {

// As cheap to make as a reference. A value of wrong length in the registry is Error{corrupt}.
class Settings {
 public:
  explicit Settings(registry::KeyValues& registry) : registry_(registry) {}

  std::optional<PoolId> pool() const { return array<16>("pool"); }
  void set_pool(const PoolId& pool) { registry_.set_setting("pool", pool); }

  // The id that this registry writes its chain under.
  std::optional<WriterId> writer() const { return array<16>("writer"); }
  void set_writer(const WriterId& writer) { registry_.set_setting("writer", writer); }

  // The pool's default redundancy.
  PolicySet policy() const;
  void set_policy(const PolicySet& policy);

  // The largest m that a push asked for, here or by what the manifests in the pool say: metadata
  // must survive as much as data does.
  std::uint8_t largest_parity() const;
  void raise_largest_parity(std::uint8_t m);

  // Up to which record of a chain a checkpoint was read, so that those before are known without
  // being there.
  std::uint64_t covered(const WriterId& writer) const;
  void set_covered(const WriterId& writer, std::uint64_t seq);

 private:
  template <std::size_t N>
  std::optional<std::array<std::byte, N>> array(const std::string& name) const;

  registry::KeyValues& registry_;
};

}  // namespace modelfloat::engine
