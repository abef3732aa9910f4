#pragma once
// Finds swap space through which memory may be written to a disk unencrypted.

#include <filesystem>
#include <string>
#include <vector>

namespace modelfloat::runner {

// The swap spaces in use that are not encrypted: those that are neither zram (compressed memory)
// nor on top of dm-crypt. A swap file is judged by the device of its file system. `proc` and
// `sys` are the mount points of these file systems.
std::vector<std::string> unencrypted_swaps(const std::filesystem::path& proc = "/proc",
                                           const std::filesystem::path& sys = "/sys");

}  // namespace modelfloat::runner
