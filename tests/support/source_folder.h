#pragma once
#include <filesystem>

namespace modelfloat::test {

// The checkout that this program was built from, where the golden files are.
std::filesystem::path source_folder();

}  // namespace modelfloat::test
