#pragma once
// Objects in this process's memory, for tests and simulations.

#include <cstdint>
#include <memory>
#include <optional>

#include "modelfloat/store/store.h"

namespace modelfloat::store {

// A put that would make the sum of the objects' sizes larger than `capacity_bytes` is
// Error{out_of_space}.
std::unique_ptr<Store> make_memory_store(std::optional<std::uint64_t> capacity_bytes = std::nullopt);

}  // namespace modelfloat::store
