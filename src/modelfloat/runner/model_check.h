#pragma once
// Our own parser looks at a model before an engine does.

#include <cstdint>
#include <string>

#include "modelfloat/formats/layout.h"
#include "modelfloat/runner/sealed_memory.h"

namespace modelfloat::runner {

// What the file says about itself. Throws Error{unsupported} with the reason when it must not be
// given to an engine. The memory has to be sealed: what is looked at is then what the engine sees.
formats::FileLayout check_runnable(const SealedMemory&, const std::string& name);

// `wanted` tokens, or as many as the model was made for.
std::uint64_t context_within(const formats::FileLayout&, std::uint64_t wanted);

}  // namespace modelfloat::runner
