#pragma once
// Lets one server of a home maintain the pool: asks Maintenance once a minute, and puts what it says
// into the queue of jobs.

#include <filesystem>
#include <optional>
#include <thread>

#include "modelfloat/base/file_lock.h"
#include "modelfloat/engine/pool/pool.h"
#include "modelfloat/server/jobs/job_runner.h"
#include "modelfloat/server/maintenance.h"

namespace modelfloat::server {

class Maintainer {
 public:
  // `pool` and `jobs` outlive it. The server that holds the lock on `lock_file` maintains; its
  // folder must exist. Nothing happens before start().
  Maintainer(engine::Pool& pool, JobRunner& jobs, MaintenancePolicy policy, std::filesystem::path lock_file);

  // Tries to become the one that maintains, and then begins to look by a thread of its own. The
  // first look is a minute later, when it is known which stores are there.
  void start();

  // What the thread does; for one thread at a time. Both return whether this is the server that
  // maintains. One that is not says so, once, in a warning.
  bool take_over();
  // Looks, and begins a job if one is due. What fails is logged. Does nothing while another server
  // maintains.
  bool look();

 private:
  void work(const std::stop_token& stop);
  void note_end();
  MaintenanceView view();
  void begin(const MaintenanceJob& job);
  void save();

  engine::Pool& pool_;
  JobRunner& jobs_;
  const MaintenancePolicy policy_;
  const std::filesystem::path lock_file_;
  bool warned_ = false;
  std::optional<FileLock> lock_;
  std::optional<Maintenance> maintenance_;  // while it holds the lock
  MaintenanceRecord saved_;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace modelfloat::server
