#pragma once
// How stores do, in tables and in JSON.

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "modelfloat/engine/catalogue/pool_status.h"
#include "modelfloat/engine/pool/store_health.h"
#include "modelfloat/store/store.h"

namespace modelfloat::cli {

engine::StoreHealth health_of(engine::Pool& pool, const engine::StoreStatus& store);

// Everything about a store, for `status` and `store ls`.
nlohmann::ordered_json store_json(engine::Pool& pool, const engine::StoreStatus& store);
nlohmann::ordered_json traits_json(const store::StoreTraits& traits);
// One line each, for what is not the same everywhere.
std::string traits_text(const store::StoreTraits& traits);

// Cells of tables; "-" for what is not known.
std::string used_text(const engine::StoreStatus& store);
std::string free_text(const engine::StoreStatus& store);
std::string error_text(const engine::StoreHealth& health);
std::string last_seen_text(const engine::StoreHealth& health);
// What needs attention: paused calls, budgets that are used up, an account that will be closed.
// Often empty.
std::string remarks(const engine::StoreHealth& health);

}  // namespace modelfloat::cli
