#include "modelfloat/runner/swap.h"

#include <fstream>
#include <optional>
#include <sstream>

#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace modelfloat::runner {
namespace {

namespace fs = std::filesystem;

// The folder in sysfs about the block device that the swap space lies on.
std::optional<fs::path> device_folder(const std::string& swap, const fs::path& sys) {
  if (swap.starts_with("/dev/")) return sys / "class/block" / fs::path(swap).filename();
  struct stat about{};
  if (::stat(swap.c_str(), &about) != 0) return std::nullopt;
  return sys / "dev/block" / (std::to_string(major(about.st_dev)) + ":" + std::to_string(minor(about.st_dev)));
}

bool is_encrypted(const fs::path& device, int depth = 0) {
  constexpr int k_max_depth = 8;
  std::ifstream file(device / "dm/uuid");
  std::string uuid;
  if (file >> uuid && uuid.starts_with("CRYPT-")) return true;
  // LVM and RAID: encrypted when all that they stand on is.
  if (depth == k_max_depth) return false;
  bool any = false;
  std::error_code error;
  for (fs::directory_iterator slave(device / "slaves", error), end; !error && slave != end; slave.increment(error)) {
    if (!is_encrypted(slave->path(), depth + 1)) return false;
    any = true;
  }
  return any;
}

}  // namespace

std::vector<std::string> unencrypted_swaps(const fs::path& proc, const fs::path& sys) {
  std::vector<std::string> found;
  std::ifstream swaps(proc / "swaps");
  std::string line;
  std::getline(swaps, line);  // the heading
  while (std::getline(swaps, line)) {
    std::string name;
    std::istringstream(line) >> name;
    if (name.empty() || name.starts_with("/dev/zram")) continue;
    const auto device = device_folder(name, sys);
    if (!device || !is_encrypted(*device)) found.push_back(name);
  }
  return found;
}

}  // namespace modelfloat::runner
