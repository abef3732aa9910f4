#pragma once
// Checks a model with our own parser before an engine reads it.

#include <cstdint>
#include <string>

#include "modelfloat/formats/layout.h"
#include "modelfloat/runner/sealed_memory.h"

namespace modelfloat::runner {

// Parses the file and returns its layout. Throws Error{unsupported} with the reason when the file
// must not be given to an engine. The memory must be sealed, so that the engine sees the same
// bytes.
formats::FileLayout check_runnable(const SealedMemory&, const std::string& name);

// `wanted` tokens, or the model's own context length if that is smaller.
std::uint64_t context_within(const formats::FileLayout&, std::uint64_t wanted);

}  // namespace modelfloat::runner
