#pragma once
// Formats the health and traits of stores for tables and JSON.

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "modelfloat/engine/catalogue/pool_status.h"
#include "modelfloat/engine/pool/store_health.h"
#include "modelfloat/store/store.h"

namespace modelfloat::cli {

// Returns the health of a store; all unknown when it is not in the pool any more.
engine::StoreHealth health_of(engine::Pool& pool, const engine::StoreStatus& store);

// Returns everything about a store, for `status` and `store ls`.
nlohmann::ordered_json store_json(engine::Pool& pool, const engine::StoreStatus& store);
nlohmann::ordered_json traits_json(const store::StoreTraits& traits);
// Returns one line for each trait that differs between stores.
std::string traits_text(const store::StoreTraits& traits);

// Returns a table cell such as "online" or "online, draining".
std::string state_text(const engine::StoreStatus& store);
// Table cells; "-" when the value is unknown.
std::string used_text(const engine::StoreStatus& store);
std::string free_text(const engine::StoreStatus& store);
std::string error_text(const engine::StoreHealth& health);
std::string last_seen_text(const engine::StoreHealth& health);
// Returns what needs attention: paused calls, used-up budgets, an account that will be closed.
// Often empty.
std::string remarks(const engine::StoreHealth& health);

}  // namespace modelfloat::cli
