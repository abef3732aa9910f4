#include "modelfloat/store/rclone/daemon.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "modelfloat/base/expand_home.h"
#include "modelfloat/base/find_program.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/base/private_folder.h"
#include "modelfloat/base/random.h"
#include "modelfloat/base/thread.h"
#include "modelfloat/store/http/authorization.h"
#include "modelfloat/store/rclone/words.h"

namespace modelfloat::store::rclone {
namespace {

constexpr std::string_view k_user = "modelfloat";
// The oldest version that can serve a Unix socket and has all options that we use.
constexpr int k_oldest[] = {1, 65};
constexpr Milliseconds k_start_limit{30'000};
constexpr Milliseconds k_settled{60'000};  // a daemon that ran this long started correctly
constexpr Milliseconds k_first_pause{250};
constexpr Milliseconds k_longest_pause{5'000};
constexpr Milliseconds k_look_every{10};

constexpr std::string_view k_webdav_pace = "RCLONE_WEBDAV_PACER_MIN_SLEEP=";

// Environment variables of rclone that we set ourselves.
bool is_ours(std::string_view variable) {
  static constexpr std::array<std::string_view, 13> k_names = {
      "MODELFLOAT_",      "RCLONE_RC_",      "RCLONE_RETRIES", "RCLONE_LOW_LEVEL_RETRIES", "RCLONE_ASK_PASSWORD=",
      "RCLONE_LOG",       "RCLONE_VERBOSE=", "RCLONE_QUIET=",  "RCLONE_DRY_RUN=",          "RCLONE_INTERACTIVE=",
      "RCLONE_PROGRESS=", "RCLONE_MAX_",     "TMPDIR="};
  return std::any_of(k_names.begin(), k_names.end(), [&](std::string_view name) { return variable.starts_with(name); });
}

std::vector<std::string> environment(const std::filesystem::path& folder, const std::string& password) {
  std::vector<std::string> variables = {
      "RCLONE_RC_ADDR=unix://" + (folder / "rc.sock").string(),
      "RCLONE_RC_USER=" + std::string(k_user),
      "RCLONE_RC_PASS=" + password,
      "RCLONE_RC_SERVE=true",
      "RCLONE_RETRIES=1",
      "RCLONE_LOW_LEVEL_RETRIES=1",
      "RCLONE_ASK_PASSWORD=false",  // no user can be asked
      "RCLONE_LOG_LEVEL=ERROR",
      // For files that rclone stores before an upload; removed with the folder.
      "TMPDIR=" + folder.string(),
  };
  bool paces_webdav = false;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (is_ours(text)) continue;
    paces_webdav = paces_webdav || text.starts_with(k_webdav_pace);
    constexpr std::string_view k_config = "RCLONE_CONFIG=";
    // The child has another working directory.
    if (text.starts_with(k_config) && text.size() > k_config.size()) {
      std::error_code error;
      const auto file = std::filesystem::absolute(expand_home(text.substr(k_config.size())), error);
      if (error) throw system_error(error.value(), "RCLONE_CONFIG", "the current folder cannot be found");
      variables.push_back(std::string(k_config) + file.string());
    } else {
      variables.emplace_back(text);
    }
  }
  // Otherwise rclone waits 10 ms between the calls of all threads, and an upload needs eight calls.
  // Our own limit is the number of parallel calls.
  if (!paces_webdav) variables.push_back(std::string(k_webdav_pace) + "1ms");
  return variables;
}

// "rclone v1.60.1-DEV" gives {1, 60}; nothing for any other text.
std::optional<std::array<int, 2>> version_in(std::string_view text) {
  const auto at = text.find("rclone v");
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + 8);
  std::array<int, 2> version{};
  const auto major = std::from_chars(text.data(), text.data() + text.size(), version[0]);
  if (major.ec != std::errc() || major.ptr == text.data() + text.size() || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, text.data() + text.size(), version[1]);
  return minor.ec == std::errc() ? std::optional(version) : std::nullopt;
}

bool is_too_old(const std::array<int, 2>& version) {
  return version[0] < k_oldest[0] || (version[0] == k_oldest[0] && version[1] < k_oldest[1]);
}

[[noreturn]] void refuse_old(const std::string& program, const std::array<int, 2>& version) {
  throw Error(ErrorKind::offline, program,
              fmt::format("is version {}.{}, too old: {}.{} or newer is needed (https://rclone.org/install)",
                          version[0], version[1], k_oldest[0], k_oldest[1]));
}

// The reason why a program called rclone did not start.
[[noreturn]] void explain(const std::string& program, const std::string& said, const CallOptions& options) {
  ChildSpec spec;
  spec.program = program;
  spec.arguments = {"version"};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!is_ours(*variable)) spec.environment.emplace_back(*variable);
  }
  ChildProcess child(spec);
  child.wait(options);
  const auto version = version_in(child.output());
  if (!version) throw Error(ErrorKind::offline, program, "is no rclone: it tells no version");
  if (is_too_old(*version)) refuse_old(program, *version);
  throw Error(ErrorKind::offline, program, "does not start: " + safe_words(said));
}

}  // namespace

// One run of the daemon.
struct Daemon::Running {
  Running(const std::filesystem::path& folder, std::string_view password)
      : authorization(http::basic_authorization(k_user, password)),
        client({.unix_socket = (folder / "rc.sock").string()}) {}

  http::Response send(http::Request request, const CallOptions& options) {
    request.url = "http://rclone" + request.url;
    request.headers.emplace_back("Authorization", as_text(authorization.bytes()));
    return client.send(request, options);
  }

  const crypto::SecretBytes authorization;
  http::HttpClient client;
  pid_t id = -1;
};

Daemon::Daemon() : keeper_(start_thread([this](const std::stop_token& stop) { keep(stop); })) {}

Daemon::~Daemon() {
  keeper_.request_stop();
  changed_.notify_all();
}

std::optional<pid_t> Daemon::process_id() const {
  const std::lock_guard lock(mutex_);
  return running_ ? std::optional(running_->id) : std::nullopt;
}

void Daemon::publish(std::shared_ptr<Running> running, std::optional<Error> failure) {
  {
    const std::lock_guard lock(mutex_);
    wanted_ = false;
    running_ = std::move(running);
    failure_ = std::move(failure);
    if (failure_) {
      const Milliseconds pause =
          std::min<Milliseconds>(k_longest_pause, k_first_pause * (1LL << std::min(failures_, 10U)));
      ++failures_;
      not_before_ = std::chrono::steady_clock::now() + pause;
    }
  }
  changed_.notify_all();
}

std::shared_ptr<Daemon::Running> Daemon::running(const std::string& where, const CallOptions& options) {
  std::unique_lock lock(mutex_);
  for (bool asked = false;; asked = true) {
    if (running_) return running_;
    const auto now = std::chrono::steady_clock::now();
    if (failure_ && (asked || now < not_before_)) {
      const auto wait = std::chrono::ceil<Milliseconds>(std::max(not_before_ - now, SteadyTime::duration(0)));
      throw Error(failure_->kind, where, failure_->what(), wait);
    }
    failure_.reset();
    wanted_ = true;
    changed_.notify_all();
    const auto decided = [this] { return running_ || failure_; };
    const bool came = options.deadline ? changed_.wait_until(lock, options.stop, *options.deadline, decided)
                                       : changed_.wait(lock, options.stop, decided);
    if (!came) {
      check_cancelled(options, where);
      throw Error(ErrorKind::timed_out, where, "the deadline passed while rclone was started");
    }
  }
}

void Daemon::wait_until_up(Running& running, const ChildProcess& child, const std::string& program,
                           const CallOptions& options) {
  for (;;) {
    std::optional<http::Response> response;
    try {
      response = running.send({.method = "POST", .url = "/core/version", .where = program}, options);
    } catch (const Error& error) {
      // The socket is not served yet.
      if (error.kind != ErrorKind::offline && error.kind != ErrorKind::transient) throw;
    }
    if (response) {
      const auto answer = nlohmann::json::parse(response->text(), nullptr, false);
      const bool tells = answer.is_object() && answer.contains("version") && answer["version"].is_string();
      const auto version = version_in("rclone " + (tells ? answer["version"].get<std::string>() : std::string()));
      if (!response->ok() || !version) throw Error(ErrorKind::offline, program, "does not answer as rclone does");
      if (is_too_old(*version)) refuse_old(program, *version);
      return;
    }
    if (child.ends_within(k_look_every)) explain(program, child.output(), options);
  }
}

void Daemon::live_through_one(const std::stop_token& stop) {
  const auto program = find_program("rclone");
  if (!program)
    throw Error(ErrorKind::offline, "rclone",
                "there is no rclone on the PATH: install it (https://rclone.org/install)");
  const PrivateFolder folder;
  const std::string password = to_hex(SystemRandom().array<32>());
  const auto running = std::make_shared<Running>(folder.path(), password);
  ChildSpec spec;
  spec.program = *program;
  spec.arguments = {"rcd"};
  spec.environment = environment(folder.path(), password);
  ChildProcess child(spec);
  running->id = child.id();
  const auto born = std::chrono::steady_clock::now();
  wait_until_up(*running, child, program->string(), {stop, born + k_start_limit});
  publish(running, std::nullopt);
  const std::stop_callback end_it(stop, [&child] { child.kill(); });
  const ChildEnd end = child.wait({});
  if (std::chrono::steady_clock::now() - born > k_settled) {
    const std::lock_guard lock(mutex_);
    failures_ = 0;
  }
  throw Error(ErrorKind::transient, program->string(), "ended by " + to_string(end) + " and is started again");
}

void Daemon::keep(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop, [this] { return wanted_; });
    }
    if (stop.stop_requested()) return;
    try {
      live_through_one(stop);
    } catch (const Error& error) {
      if (!stop.stop_requested() && error.kind == ErrorKind::transient) log_warning(error.what());
      publish(nullptr, error);
    } catch (const std::exception& failure) {  // no caller could report it
      log_warning(failure.what());
      publish(nullptr, Error(ErrorKind::offline, "rclone", failure.what()));
    }
  }
}

http::Response Daemon::send(http::Request request, const CallOptions& options) {
  check_cancelled(options, request.where);
  const std::string where = request.where;
  const auto now = running(where, options);
  try {
    return now->send(std::move(request), options);
  } catch (const Error& error) {
    if (error.kind != ErrorKind::offline) throw;
    // The keeper thread will notice soon.
    throw Error(ErrorKind::transient, where, "rclone has just ended", k_first_pause);
  }
}

std::shared_ptr<Daemon> shared_daemon() {
  static std::mutex mutex;
  static std::weak_ptr<Daemon> current;
  const std::lock_guard lock(mutex);
  auto daemon = current.lock();
  if (!daemon) {
    daemon = std::make_shared<Daemon>();
    current = daemon;
  }
  return daemon;
}

}  // namespace modelfloat::store::rclone
