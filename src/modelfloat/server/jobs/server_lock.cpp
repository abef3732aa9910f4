#include "modelfloat/server/jobs/server_lock.h"

#include <system_error>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"

namespace modelfloat::server {

namespace fs = std::filesystem;

ServerLock::ServerLock(fs::path folder, Random& random) : folder_(std::move(folder)), id_(to_hex(random.array<8>())) {
  if (folder_.empty()) return;
  try {
    std::error_code error;
    if (fs::create_directory(folder_, error)) fs::permissions(folder_, fs::perms::owner_all, error);
    if (error) throw system_error(error.value(), folder_.string(), "cannot be made");
    lock_ = FileLock::try_take(file_of(id_));
  } catch (const Error& error) {
    log_warning(std::string("jobs that are interrupted will not be known as such: ") + error.what());
  }
}

ServerLock::~ServerLock() {
  std::error_code ignored;
  if (lock_) fs::remove(file_of(id_), ignored);
}

bool ServerLock::has_ended(const std::string& id) const {
  // Ids are in hex: what the registry of an attacker says must not lead out of the folder.
  if (!lock_ || id == id_ || id.empty() || id.find_first_not_of("0123456789abcdef") != std::string::npos) return false;
  try {
    // No server is given an id twice, so a file that is missing does not come back.
    std::error_code error;
    const bool was_there = fs::exists(file_of(id), error);
    if (error) return false;
    if (was_there && !FileLock::try_take(file_of(id))) return false;
    fs::remove(file_of(id), error);
    return true;
  } catch (const Error& error) {
    log_debug(error.what());
    return false;
  }
}

}  // namespace modelfloat::server
