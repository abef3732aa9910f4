#pragma once
// Which files an engine must be able to read besides its model.

#include <filesystem>
#include <vector>

#include "modelfloat/runner/landlock.h"

namespace modelfloat::runner {

// The program, the libraries beside it, the system's libraries, and the files that the C library
// and CPU detection read. In the program's folder only the program and files with names of
// libraries are permitted. So no file of a user is among them, as long as the program lies in its
// own folder or in one of the system.
std::vector<PermittedPath> files_of_engine(const std::filesystem::path& program);

}  // namespace modelfloat::runner
