#include "modelfloat/store/ipfs/pinning.h"

#include <nlohmann/json.hpp>

#include "modelfloat/base/error.h"
#include "modelfloat/store/http/status.h"

namespace modelfloat::store::ipfs {

using nlohmann::json;

PinningService::PinningService(std::string root, crypto::SecretBytes bearer, const Clock& clock)
    : root_(std::move(root)), bearer_(std::move(bearer)), clock_(clock) {}

http::Response PinningService::send(http::Request request, std::string_view what, const CallOptions& options) {
  request.headers.emplace_back("Authorization", "Bearer " + std::string(as_text(bearer_.bytes())));
  http::Response response = client_.send(request, options);
  if (!response.ok()) throw http::status_error(response, request.where, what, clock_.utc_now());
  return response;
}

std::vector<std::string> PinningService::requests(http::Fields query, const std::string& name,
                                                  const CallOptions& options) {
  query.emplace_back("name", name);
  query.emplace_back("limit", "1000");
  http::Request request;
  request.url = root_ + "/pins?" + http::encode_form(query);
  request.where = name;
  const auto response = send(std::move(request), "the pinning service does not list its pins", options);
  const json answer = json::parse(response.text(), nullptr, false);
  const auto results = answer.is_object() ? answer.find("results") : answer.end();
  if (!answer.is_object() || results == answer.end() || !results->is_array()) {
    throw Error(ErrorKind::transient, name, "the pinning service's answer makes no sense");
  }
  std::vector<std::string> ids;
  for (const json& one : *results) {
    if (one.is_object() && one.contains("requestid") && one["requestid"].is_string()) ids.push_back(one["requestid"]);
  }
  return ids;
}

void PinningService::pin(const Cid& cid, const std::string& name, const CallOptions& options) {
  const std::string text = to_string(cid);
  if (!requests({{"cid", text}, {"status", "queued,pinning,pinned"}}, name, options).empty()) return;
  const std::string body = json{{"cid", text}, {"name", name}}.dump();
  http::Request request;
  request.method = "POST";
  request.url = root_ + "/pins";
  request.where = name;
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = {as_bytes(body)};
  send(std::move(request), "the pinning service does not take it", options);
}

void PinningService::unpin(const std::string& name, const CallOptions& options) {
  for (const std::string& id : requests({{"status", "queued,pinning,pinned,failed"}}, name, options)) {
    http::Request request;
    request.method = "DELETE";
    request.url = root_ + "/pins/" + http::percent_encode(id);
    request.where = name;
    try {
      send(std::move(request), "the pinning service does not let go of it", options);
    } catch (const Error& error) {
      if (error.kind != ErrorKind::not_found) throw;
    }
  }
}

}  // namespace modelfloat::store::ipfs
