#pragma once
// The rclone that works for us.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "modelfloat/base/cancel.h"
#include "modelfloat/base/child_process.h"
#include "modelfloat/base/error.h"
#include "modelfloat/crypto/secret.h"
#include "modelfloat/store/http/http_client.h"
#include "modelfloat/store/rclone/outbox.h"

namespace modelfloat::store::rclone {

// One `rclone rcd` for all remotes: found by PATH, on a Unix socket in a private folder, with a
// random password that it is told by its environment. It reads the user's own configuration
// (RCLONE_CONFIG and all that rclone itself heeds), tries nothing again by itself, and dies with
// this process. It is started by the first call, and again, ever less eagerly, when it dies. Shared
// by all threads.
class Daemon {
 public:
  Daemon();
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Sends a request whose `url` is a path and query. Errors as HttpClient has them; besides,
  // offline: rclone is not installed, too old or does not start; transient: it died just now, and
  // is not started again before Error::retry_after.
  http::Response send(http::Request request, const CallOptions&);

  // What it is given to upload.
  Outbox& outbox() noexcept { return outbox_; }

  // The process that runs now, or nothing. For tests.
  std::optional<pid_t> process_id() const;

 private:
  struct Running;
  std::shared_ptr<Running> running(const std::string& where, const CallOptions&);
  void keep(const std::stop_token& stop);
  void live_through_one(const std::stop_token& stop);
  static void wait_until_up(Running& running, const ChildProcess& child, const std::string& program,
                            const CallOptions&);
  void publish(std::shared_ptr<Running> running, std::optional<Error> failure);

  Outbox outbox_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  bool wanted_ = false;
  std::shared_ptr<Running> running_;  // shared: calls under way outlive a daemon that dies
  std::optional<Error> failure_;      // of the last start, while it is not to be tried again
  SteadyTime not_before_{};
  unsigned failures_ = 0;  // one after the other
  std::jthread keeper_;    // the child dies with the thread that started it, so this one lasts
};

// The one of this process. Shared, as its stores may end in any order; with the last of them it
// ends too.
std::shared_ptr<Daemon> shared_daemon();

}  // namespace modelfloat::store::rclone
