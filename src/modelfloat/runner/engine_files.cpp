#include "modelfloat/runner/engine_files.h"

#include <array>
#include <string_view>
#include <system_error>

namespace modelfloat::runner {
namespace {

namespace fs = std::filesystem;
using Use = PermittedPath::Use;

constexpr std::array<std::string_view, 8> k_library_folders = {
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64", "/nix/store", "/gnu/store"};

constexpr std::array<std::string_view, 11> k_facts = {"/etc/ld.so.cache",
                                                      "/usr/share/zoneinfo/UTC",
                                                      "/usr/share/zoneinfo/Etc/UTC",
                                                      "/dev/null",
                                                      "/dev/urandom",
                                                      "/proc/cpuinfo",
                                                      "/proc/meminfo",
                                                      "/proc/self/maps",
                                                      "/proc/self/cmdline",
                                                      "/sys/devices/system",
                                                      "/proc/sys/vm/overcommit_memory"};

// "libggml-cpu.so", "libggml.so.0"
bool is_library(const fs::path& file) {
  const std::string name = file.filename();
  return name.starts_with("lib") && name.find(".so") != std::string::npos;
}

// Engines that choose code for the processor when they start look for it in the folder of their
// program.
void add_libraries(const fs::path& folder, std::vector<PermittedPath>& files) {
  bool any = false;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (!is_library(entry->path())) continue;
    files.push_back({entry->path().string(), Use::read});
    any = true;
  }
  if (any) files.push_back({folder.string(), Use::list});
}

}  // namespace

std::vector<PermittedPath> files_of_engine(const fs::path& program) {
  std::error_code error;
  fs::path resolved = fs::canonical(program, error);
  if (error) resolved = program;
  std::vector<PermittedPath> files = {{program.string(), Use::execute}, {resolved.string(), Use::execute}};
  for (const std::string_view folder : k_library_folders) files.push_back({std::string(folder), Use::execute});
  for (const std::string_view fact : k_facts) files.push_back({std::string(fact), Use::read});
  add_libraries(resolved.parent_path(), files);
  add_libraries(resolved.parent_path().parent_path() / "lib", files);
  return files;
}

}  // namespace modelfloat::runner
