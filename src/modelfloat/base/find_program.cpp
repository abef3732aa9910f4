#include "modelfloat/base/find_program.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <system_error>

#include <unistd.h>

namespace modelfloat {

namespace fs = std::filesystem;

bool can_execute(const fs::path& file) {
  std::error_code ignored;
  return fs::is_regular_file(file, ignored) && ::access(file.c_str(), X_OK) == 0;
}

std::optional<fs::path> find_program(std::string_view name) {
  const char* value = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody sets any
  const std::string path = value == nullptr ? "" : value;
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const fs::path folder = path.substr(begin, end - begin);
    if (folder.is_absolute() && can_execute(folder / name)) return folder / name;
    begin = end + 1;
  }
  return std::nullopt;
}

}  // namespace modelfloat
