#pragma once
// MEGA's API server: sessions, commands, events, and what its numbers mean.

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

// What a call is about: some numbers mean one thing for a login and another for a download.
enum class Purpose { login, write, read };

// The Error that one of MEGA's negative numbers stands for.
Error code_error(int code, Purpose purpose, std::string where);

// How long a download that MEGA's transfer quota stops (HTTP 509) should wait: X-MEGA-Time-Left, or
// some hours.
Error transfer_quota_error(const http::Response& response, std::string where);

// An account that is logged in.
struct Session {
  crypto::SecretBytes id;
  crypto::SecretBytes master_key;
  std::string user;  // the account's handle
};
// Shared: a call goes on with the session that it began with while another thread logs in anew.
using SessionPointer = std::shared_ptr<const Session>;

// Shared by all threads. Logs in when a session is first needed and none is kept, and once more
// when the server refuses the one there is; a wrong password is remembered for some minutes, since
// MEGA locks accounts that fail too often. Every call repeats what MEGA asks to repeat, under the
// same number, so that nothing is done twice: -3, "busy" (HTTP 5xx) and broken connections with a
// growing back-off, -4 with a longer one; and does the work that 402 asks for.
class Api {
 public:
  // `where` begins every message. Error{invalid} for an address that is none.
  Api(const std::string& where, const StoreSettings& settings, const StoreContext& context);

  // One command's answer: an object, text or a positive number. A negative number becomes
  // code_error.
  nlohmann::json call(const nlohmann::json& command, Purpose purpose, const std::string& where,
                      const CallOptions& options);
  // Several at once, for their effect alone; not_found is fine.
  void call_all(const nlohmann::json& commands, Purpose purpose, const std::string& where, const CallOptions& options);
  // All nodes of the account: the answer to "f" as it came, which may be long, and the session that
  // opens their keys.
  std::pair<Bytes, SessionPointer> nodes(const CallOptions& options);
  // What happened since `sequence`; nothing when that is too long ago and the nodes must be read
  // anew.
  std::optional<nlohmann::json> events(const std::string& sequence, const CallOptions& options);

  SessionPointer session(const CallOptions& options) { return session_other_than(nullptr, options); }
  // For the addresses that the API hands out. `secure` is what it is asked for them.
  http::HttpClient& http() noexcept { return http_; }
  int ssl() const noexcept { return secure_ ? 2 : 0; }

 private:
  struct Reply {
    int code = 0;  // negative when the whole answer is that number
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
