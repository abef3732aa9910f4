#pragma once
// The rclone process that makes our calls.

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

// One `rclone rcd` process for all remotes. It is found by PATH and listens on a Unix socket in a
// private folder, with a random password that it gets by its environment. It reads the user's own
// configuration (RCLONE_CONFIG and whatever else rclone reads), retries nothing itself, and ends
// with this process. The first call starts it; when it dies it is started again, after a pause that
// grows with each failure. Any thread may call any method.
class Daemon {
 public:
  Daemon();
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Sends a request whose `url` is a path and query; blocks. Throws like HttpClient::send(), and
  // Error{offline} when rclone is not installed, too old or does not start, and Error{transient}
  // when it has just died and is not started again before Error::retry_after.
  http::Response send(http::Request request, const CallOptions&);

  // The files from which it uploads.
  Outbox& outbox() noexcept { return outbox_; }

  // The running process; nullopt when there is none. For tests.
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
  std::shared_ptr<Running> running_;  // shared: running calls may outlive a daemon that dies
  std::optional<Error> failure_;      // of the last start, until the next may be tried
  SteadyTime not_before_{};
  unsigned failures_ = 0;  // in a row
  std::jthread keeper_;    // the child dies with the thread that started it, so this one lasts
};

// The daemon of this process. Shared by its stores, which may be destroyed in any order; it ends
// with the last of them.
std::shared_ptr<Daemon> shared_daemon();

}  // namespace modelfloat::store::rclone
