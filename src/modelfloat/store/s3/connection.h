#pragma once
// Sends signed calls to a bucket. Finds out from answers in which region the bucket is and what
// time the server has.

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

// One call, before it is signed. It does not own the bytes of the body.
struct Request {
  std::string method;
  std::string key = {};  // empty: the bucket itself
  http::Fields query = {};
  http::Headers headers = {};
  std::vector<ByteSpan> body = {};
  bool has_body = false;
  std::optional<Hash256> body_sha256 = {};                  // nullopt: of no bytes
  std::uint64_t max_answer_bytes = std::uint64_t{8} << 20;  // a page of 1,000 keys
};

// Any thread may call any method.
class Connection {
 public:
  // Throws Error{denied} when a credential is missing, and Error{invalid} when there is one with an
  // unknown name.
  Connection(Address address, const StoreSettings& settings, const StoreContext& context);

  // Sends the call and returns the answer, whatever its status. Throws like HttpClient::send().
  http::Response send(const Request& request, const std::string& where, const CallOptions& options);
  // The same, but `deliver` sends the signed request. It returns an http::Response, or a struct
  // whose member `response` is one. It is called again when the answer shows that the region, the
  // server or the time was wrong.
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
  // Region, server and time may each be wrong once.
  static constexpr unsigned k_attempts = 4;

  // What we learn from answers. Everything else is constant.
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
  // Whether the same call may succeed now, because the answer showed that the bucket is in another
  // region, or that our clock is wrong.
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
