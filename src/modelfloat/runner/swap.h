#pragma once
// Memory may be written to a disk behind our back: by swapping.

#include <filesystem>
#include <string>
#include <vector>

namespace modelfloat::runner {

// The swap spaces in use that keep what they are given readable: neither compressed memory (zram)
// nor on top of dm-crypt. `proc` and `sys` are where those file systems are mounted. A swap file
// counts by the device of its file system.
std::vector<std::string> unencrypted_swaps(const std::filesystem::path& proc = "/proc",
                                           const std::filesystem::path& sys = "/sys");

}  // namespace modelfloat::runner
