#pragma once
// What an engine has to read beside its model.

#include <filesystem>
#include <vector>

#include "modelfloat/runner/landlock.h"

namespace modelfloat::runner {

// The program, the libraries beside it and those of the system, and what the C library and the
// processor's code look up. Nothing of a user's, as long as the program lies in a folder of its own
// or of the system: of the program's folder only the program and files that are named like
// libraries are permitted.
std::vector<PermittedPath> files_of_engine(const std::filesystem::path& program);

}  // namespace modelfloat::runner
