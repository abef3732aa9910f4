#pragma once
// The way to a bucket: signs calls, and learns from answers in which region the bucket lies and
// what time the server has.

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/store/http/http_client.h"
#include "modelfloat/store/http/url.h"
#include "modelfloat/store/s3/address.h"
#include "modelfloat/store/s3/signature.h"
#include "modelfloat/store/scheme.h"

namespace modelfloat::store::s3 {

// One call, before it is signed. The bytes of the body stay the caller's.
struct Request {
  std::string method;
  std::string key = {};  // empty: the bucket itself
  http::Fields query = {};
  http::Headers headers = {};
  std::vector<ByteSpan> body = {};
  bool has_body = false;
  std::optional<Hash256> body_sha256 = {};                  // of nothing when it is not given
  std::uint64_t max_answer_bytes = std::uint64_t{8} << 20;  // a page of 1,000 keys
};

// May be used by several threads at once.
class Connection {
 public:
  // Error{denied} when a credential is missing, Error{invalid} when there is one of an unknown
  // name.
  Connection(Address address, const StoreSettings& settings, const StoreContext& context);

  // Any answer, also one that says no; Error as HttpClient gives it.
  http::Response send(const Request& request, const std::string& where, const CallOptions& options);
  // The same where `deliver` sends the signed request and gives an http::Response, or something
  // whose `response` is one. It is called again when an answer says that the call has to be made
  // otherwise.
  template <typename Deliver>
  auto send(const Request& request, const std::string& where, const CallOptions& options, Deliver deliver) {
    for (unsigned attempt = 1;; ++attempt) {
      const Endpoint at = endpoint();
      auto answer = deliver(sign(request, at, where));
      const http::Response* response = nullptr;
      if constexpr (std::is_same_v<decltype(answer), http::Response>) {
        response = &answer;
      } else {
        response = &answer.response;
      }
      if (attempt == k_attempts || !learn(*response, at, request.method == "HEAD")) return answer;
      check_cancelled(options, where);
    }
  }

  std::string region() const { return endpoint().region; }
  http::HttpClient& client() { return client_; }

 private:
  // An answer that tells us better may come for region, server and time.
  static constexpr unsigned k_attempts = 4;

  // What answers teach us; the rest never changes.
  struct Endpoint {
    http::Url server;
    std::string region;
    Milliseconds clock_skew{0};
  };

  Endpoint endpoint() const {
    const std::lock_guard lock(mutex_);
    return endpoint_;
  }
  http::Request sign(const Request& call, const Endpoint& at, const std::string& where) const;
  // Whether the same call may now end otherwise: the bucket is in another region, or our clock is
  // wrong.
  bool learn(const http::Response& response, const Endpoint& used, bool is_head);

  const Address address_;
  const bool virtual_;
  StoreContext context_;
  Keys keys_;
  http::HttpClient client_;

  mutable std::mutex mutex_;
  Endpoint endpoint_;
};

}  // namespace modelfloat::store::s3
