#include "modelfloat/base/expand_home.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include <pwd.h>
#include <unistd.h>

#include "modelfloat/base/error.h"

namespace modelfloat {
namespace {

// The home folder in the system's list of accounts; of this process's own account when `user` is
// empty.
std::string account_home(const std::string& user) {
  constexpr std::size_t k_room = std::size_t{16} << 10;
  std::vector<char> room(k_room);
  passwd entry{};
  passwd* found = nullptr;
  const int error = user.empty() ? ::getpwuid_r(::geteuid(), &entry, room.data(), room.size(), &found)
                                 : ::getpwnam_r(user.c_str(), &entry, room.data(), room.size(), &found);
  return error == 0 && found != nullptr && found->pw_dir != nullptr ? found->pw_dir : std::string();
}

}  // namespace

std::filesystem::path expand_home(std::string_view path) {
  if (!path.starts_with('~')) return path;
  const std::size_t slash = std::min(path.find('/'), path.size());
  const std::string user(path.substr(1, slash - 1));
  std::string home;
  if (user.empty()) {
    const char* variable = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe): nobody sets any
    if (variable != nullptr) home = variable;
  }
  if (home.empty()) home = account_home(user);
  if (home.empty()) {
    throw Error(ErrorKind::invalid, std::string(path),
                user.empty()
                    ? "~ stands for your home folder, and HOME is not set"
                    : "there is no user " + user + "; a folder of that name is written ./" + std::string(path));
  }
  return home + std::string(path.substr(slash));
}

}  // namespace modelfloat
