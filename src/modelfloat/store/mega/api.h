#pragma once
// MEGA's API server: sessions, commands, events, and the meaning of its error numbers.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/error.h"
#include "modelfloat/store/http/http_client.h"
#include "modelfloat/store/scheme.h"

namespace modelfloat::store::mega {

// What a call is for: some error numbers have another meaning for a login than for a download.
enum class Purpose { login, write, read };

// The Error for one of MEGA's negative numbers.
Error code_error(int code, Purpose purpose, std::string where);

// The Error for a download that MEGA's transfer quota stopped (HTTP 509). The time to wait is that
// of X-MEGA-Time-Left, or else some hours.
Error transfer_quota_error(const http::Response& response, std::string where);

// An account that is logged in.
struct Session {
  crypto::SecretBytes id;
  crypto::SecretBytes master_key;
  std::string user;  // the account's handle
};
// Shared: a running call keeps its session while another thread logs in again.
using SessionPointer = std::shared_ptr<const Session>;

// Any thread may call any method. Logs in when a session is needed and none is kept, and once more
// when the server refuses the one that is kept. A wrong password is remembered for some minutes,
// because MEGA locks accounts after too many failed logins.
//
// Repeats calls that MEGA asks to repeat, with the same sequence number, so that nothing is done
// twice: -3, "busy" (HTTP 5xx) and broken connections with a growing back-off, -4 with a longer
// one. Does the proof of work that HTTP 402 asks for.
class Api {
 public:
  // Every message begins with `where`. Throws Error{invalid} for an invalid address.
  Api(const std::string& where, const StoreSettings& settings, const StoreContext& context);

  // Sends one command and returns its answer: an object, text or a positive number. Throws
  // code_error() for a negative number.
  nlohmann::json call(const nlohmann::json& command, Purpose purpose, const std::string& where,
                      const CallOptions& options);
  // Sends several commands at once, whose answers are not needed. not_found is not an error here.
  void call_all(const nlohmann::json& commands, Purpose purpose, const std::string& where, const CallOptions& options);
  // All nodes of the account: the answer to "f" as received, which may be long, and the session
  // whose keys decrypt it.
  std::pair<Bytes, SessionPointer> nodes(const CallOptions& options);
  // The events since `sequence`. Nullopt when that is too long ago; then all nodes must be read
  // again.
  std::optional<nlohmann::json> events(const std::string& sequence, const CallOptions& options);

  SessionPointer session(const CallOptions& options) { return session_other_than(nullptr, options); }
  // The client for the addresses that the API returns. ssl() is the value that asks for addresses
  // with or without TLS.
  http::HttpClient& http() noexcept { return http_; }
  int ssl() const noexcept { return secure_ ? 2 : 0; }

 private:
  struct Reply {
    int code = 0;  // negative when the answer is only that number
    Bytes body;
  };
  Reply send(const std::string& path, const std::string& body, std::uint64_t max_answer_bytes, const std::string& where,
             const CallOptions& options);
  Reply send_with_session(const std::string& path, const std::string& body, std::uint64_t max_answer_bytes,
                          const std::string& where, const CallOptions& options, SessionPointer& session);
  nlohmann::json command_without_session(const nlohmann::json& command, const CallOptions& options);
  std::string next_command_path();

  SessionPointer session_other_than(const SessionPointer& refused, const CallOptions& options);
  SessionPointer kept_session(const SessionPointer& refused);
  SessionPointer log_in(const CallOptions& options);
  void keep(const Session& session);

  const std::string where_;
  const std::string root_;
  const bool secure_;
  const std::string email_;
  const Credentials credentials_;
  Clock& clock_;
  Random& random_;
  SessionVault& vault_;
  http::HttpClient http_;

  std::mutex mutex_;  // guards what follows; never held while anything is sent
  std::condition_variable_any changed_;
  std::uint64_t number_;
  SessionPointer session_;
  bool logging_in_ = false;
  std::optional<Error> refusal_;
  SteadyTime refusal_ends_{};
};

}  // namespace modelfloat::store::mega
