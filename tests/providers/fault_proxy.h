#pragma once
// The proxy of tests/servers/fault_proxy.py, which also says what rules look like.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "modelfloat/store/http/http_client.h"

namespace modelfloat::test {

struct ProxiedCall {
  double seconds = 0;  // when it came
  std::string method;
  std::string target;                          // path and query
  std::map<std::string, std::string> headers;  // names in lower case; no Authorization
  std::uint64_t body_bytes = 0;
  std::string fault;  // empty: none
  int status = 0;     // what was said; 0 when nothing was
};

// Without rules and with an empty log from its construction on, and again after it.
class FaultProxy {
 public:
  explicit FaultProxy(std::string control_url) : control_url_(std::move(control_url)) { clear(); }
  ~FaultProxy() {
    listen(true);
    clear();
  }
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  // A JSON object.
  void add(std::string_view rule) { call("POST", "/rules", rule); }
  void clear() { call("DELETE", "/rules", {}); }
  void listen(bool wanted) { call("POST", "/listen", wanted ? "true" : "false"); }

  // Of the calls with this method; all when it is empty.
  std::vector<ProxiedCall> log(std::string_view method = {}) {
    std::vector<ProxiedCall> calls;
    for (const auto& entry : nlohmann::json::parse(call("GET", "/log", {}))) {
      ProxiedCall one;
      one.seconds = entry.at("time");
      one.method = entry.at("method");
      one.target = entry.at("target");
      one.headers = entry.at("headers").get<std::map<std::string, std::string>>();
      one.body_bytes = entry.at("body_bytes");
      if (entry.at("fault").is_string()) one.fault = entry.at("fault");
      if (entry.at("status").is_number()) one.status = entry.at("status");
      if (method.empty() || method == one.method) calls.push_back(std::move(one));
    }
    return calls;
  }

 private:
  std::string call(const char* method, const char* path, std::string_view body) {
    store::http::Request request;
    request.method = method;
    request.url = control_url_ + path;
    request.where = "fault proxy";
    request.max_answer_bytes = std::uint64_t{64} << 20;
    if (!body.empty()) request.body = {as_bytes(body)};
    return std::string(client_.send(request, {}).text());
  }

  const std::string control_url_;
  store::http::HttpClient client_;
};

}  // namespace modelfloat::test
