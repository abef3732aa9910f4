#pragma once
// Small values by name. The engine's are typed in engine/pool/settings.h.

#include <optional>
#include <string>

#include "modelfloat/base/bytes.h"
#include "modelfloat/registry/transactions.h"

namespace modelfloat::registry {

// Threads, durability and errors: see Registry.
class KeyValues : public virtual Transactions {
 public:
  // The value, or nullopt when there is none of this name. Names are case-sensitive.
  virtual std::optional<Bytes> setting(const std::string& name) = 0;
  // Replaces the value. An empty value is kept, too.
  virtual void set_setting(const std::string& name, ByteSpan value) = 0;
};

}  // namespace modelfloat::registry
