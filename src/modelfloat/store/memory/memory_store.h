#pragma once
// Objects in this process's memory, for tests and simulations.

#include <cstdint>
#include <memory>
#include <optional>

#include "modelfloat/store/store.h"

namespace modelfloat::store {

// put() throws Error{out_of_space} when all objects together would have more than `capacity_bytes`.
std::unique_ptr<Store> make_memory_store(std::optional<std::uint64_t> capacity_bytes = std::nullopt);

}  // namespace modelfloat::store
