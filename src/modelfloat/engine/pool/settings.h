#pragma once
// Typed access to the small named values in the registry.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/domain/ids.h"
#include "modelfloat/domain/log_record.h"
#include "modelfloat/registry/key_values.h"

namespace modelfloat::engine {

// A store that this machine added, while too few stores have the record that says so.
struct BarelyKnownStore {
  StoreId store{};
  std::string record;       // its path
  std::size_t domains = 0;  // how many failure domains have to have the record
};

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
  // The largest `survive` of all policies that the pool ever had.
  std::uint8_t largest_survive() const;
  void raise_largest_survive(std::uint8_t survive);

  // Which machine and which file this registry was when its writer id was chosen; empty when that
  // was not noted. A registry that finds itself elsewhere was copied.
  Bytes identity() const { return registry_.setting("identity").value_or(Bytes()); }
  void set_identity(ByteSpan identity) { registry_.set_setting("identity", identity); }

  // A key slot that only this home has: its pool could not be written to when it was recovered. The
  // hash of the slot's document.
  std::optional<Hash256> home_slot() const { return array<32>("home_slot"); }
  void set_home_slot(const Hash256& slot) { registry_.set_setting("home_slot", slot); }

  // Why nothing may be written, by the last reading of the log: texts for people, one a line. Empty
  // when it may.
  std::string log_blocked() const { return text("log_blocked"); }
  void set_log_blocked(const std::string& why);

  // What the log says of keys, and of which version of the log (slots.cpp).
  Bytes key_log() const { return registry_.setting("key_log").value_or(Bytes()); }
  void set_key_log(ByteSpan bytes) { registry_.set_setting("key_log", bytes); }

  // What PoolLog worked out from the records, and of which version of the log.
  std::string log_facts() const { return text("log_facts"); }
  void set_log_facts(const std::string& text) { registry_.set_setting("log_facts", as_bytes(text)); }

  // When each of this machine's checkpoints was first listed by every store: number -> seconds of
  // Unix time.
  std::map<std::uint64_t, std::uint64_t> checkpoints_everywhere() const;
  void set_checkpoints_everywhere(const std::map<std::uint64_t, std::uint64_t>& times);

  // The stores that this machine added and that too few of the others have heard of yet.
  std::vector<BarelyKnownStore> barely_known() const;
  void set_barely_known(const std::vector<BarelyKnownStore>& stores);

 private:
  std::uint8_t number(const std::string& name) const;
  void raise(const std::string& name, std::uint8_t value);
  std::string text(const std::string& name) const;
  template <std::size_t N>
  std::optional<std::array<std::byte, N>> array(const std::string& name) const;

  registry::KeyValues& registry_;
};

}  // namespace modelfloat::engine
