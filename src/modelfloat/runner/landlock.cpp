#include "modelfloat/runner/landlock.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace modelfloat::runner {
namespace {

// Our own names: the header of the oldest system that this is built on ends with version 2.
constexpr std::uint64_t k_execute = 1U << 0;
constexpr std::uint64_t k_read_file = 1U << 2;
constexpr std::uint64_t k_read_dir = 1U << 3;
constexpr std::uint64_t k_make_sock = 1U << 9;
constexpr std::uint64_t k_all_of_version_1 = (1U << 13) - 1;
constexpr std::uint64_t k_refer = 1U << 13;      // version 2
constexpr std::uint64_t k_truncate = 1U << 14;   // version 3
constexpr std::uint64_t k_ioctl_dev = 1U << 15;  // version 5
constexpr std::uint64_t k_tcp = 3;               // version 4: bind and connect
constexpr std::uint64_t k_scopes = 3;            // version 6: abstract sockets and signals

constexpr unsigned k_ask_version = 1;
constexpr int k_path_beneath = 1;

constexpr long k_create_ruleset = 444;
constexpr long k_add_rule = 445;
constexpr long k_restrict_self = 446;

// As the kernel defines it. Older kernels have a shorter one, and accept this one as long as the
// fields that they don't know are 0.
struct RulesetAttributes {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
  std::uint64_t scoped;
};

struct __attribute__((packed)) PathBeneath {
  std::uint64_t allowed_access;
  std::int32_t parent_fd;
};

RulesetAttributes everything_of(int version) noexcept {
  RulesetAttributes attributes{k_all_of_version_1 | k_refer, 0, 0};
  if (version >= 3) attributes.handled_access_fs |= k_truncate;
  if (version >= 4) attributes.handled_access_net = k_tcp;
  if (version >= 5) attributes.handled_access_fs |= k_ioctl_dev;
  if (version >= 6) attributes.scoped = k_scopes;
  return attributes;
}

std::uint64_t rights_for(PermittedPath::Use use, bool is_folder) noexcept {
  const std::uint64_t read = is_folder ? k_read_file | k_read_dir : k_read_file;
  switch (use) {
    case PermittedPath::Use::read: return read;
    case PermittedPath::Use::execute: return read | k_execute;
    case PermittedPath::Use::list: return is_folder ? k_read_dir : 0;
    case PermittedPath::Use::make_socket: return is_folder ? k_make_sock : 0;
  }
  return 0;
}

bool permit(int ruleset, const PermittedPath& permitted) noexcept {
  const int file = ::open(permitted.path.c_str(), O_PATH | O_CLOEXEC);
  // Not to be had in any case.
  if (file < 0) return errno == ENOENT || errno == ENOTDIR || errno == EACCES;
  struct stat about{};
  bool done = ::fstat(file, &about) == 0;
  if (done) {
    PathBeneath rule{};
    rule.allowed_access = rights_for(permitted.use, S_ISDIR(about.st_mode));
    rule.parent_fd = file;
    done = rule.allowed_access == 0 || ::syscall(k_add_rule, ruleset, k_path_beneath, &rule, 0U) == 0;
  }
  const int error = errno;
  ::close(file);
  errno = error;
  return done;
}

}  // namespace

int landlock_version() noexcept {
  const long version = ::syscall(k_create_ruleset, nullptr, 0UL, k_ask_version);
  return version < 0 ? 0 : static_cast<int>(version);
}

const char* restrict_by_landlock(int version, std::span<const PermittedPath> permitted) noexcept {
  const RulesetAttributes attributes = everything_of(version);
  const auto ruleset = static_cast<int>(::syscall(k_create_ruleset, &attributes, sizeof attributes, 0U));
  if (ruleset < 0) return "make a Landlock ruleset";
  for (const PermittedPath& path : permitted) {
    if (!permit(ruleset, path)) return "permit a file by Landlock";
  }
  if (::syscall(k_restrict_self, ruleset, 0U) != 0) return "enter a Landlock domain";
  ::close(ruleset);
  return nullptr;
}

}  // namespace modelfloat::runner
