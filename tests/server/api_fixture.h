#pragma once
// A server over a FakeService and made-up jobs, on a free port of the loopback, with one token of
// each scope.

#include <map>
#include <string>

#include "fake_service.h"
#include "raw_client.h"
#include "support/fixed_random.h"
#include "support/temporary_folder.h"
#include "support/thrown.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "modelfloat/registry/sqlite/sqlite_registry.h"
#include "modelfloat/server/http/http_server.h"
#include "modelfloat/server/jobs/job_runner.h"
#include "modelfloat/server/surface/api.h"

namespace modelfloat::test {

class ApiTest : public testing::Test {
 protected:
  ApiTest() {
    for (const auto scope : {server::Scope::read, server::Scope::write, server::Scope::infer, server::Scope::admin}) {
      const auto token = server::make_token(random_, {}, scope);
      tokens_[std::string(to_string(scope))] = token.text;
      rows_[token.row.hash] = token.row;
    }
  }

  void start() {
    jobs_.emplace(kinds_, *registry_, clock_, random_, events_, job_options_);
    server_.emplace(options_, server::make_api(
                                  service_, *jobs_, events_, [this](const Hash256& hash) { return find_token(hash); },
                                  api_options_));
  }
  std::uint16_t port() {
    if (!server_) start();
    return server_->port();
  }
  std::string host() { return "127.0.0.1:" + std::to_string(port()); }

  // "GET /models HTTP/1.1" with Host, a token of that scope ("" for none), and what else there is
  // to say.
  std::string head(const std::string& request_line, const std::string& scope, const std::string& more = "") {
    const auto auth = scope.empty() ? "" : "Authorization: Bearer " + tokens_.at(scope) + "\r\n";
    return request_line + " HTTP/1.1\r\nHost: " + host() + "\r\n" + auth + more + "\r\n";
  }
  std::string with_body(const std::string& request_line, const std::string& scope, const std::string& type,
                        const std::string& body) {
    return head(request_line, scope,
                "Content-Type: " + type + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n") +
           body;
  }
  std::string with_json(const std::string& request_line, const std::string& scope, const nlohmann::json& body) {
    return with_body(request_line, scope, "application/json", body.dump());
  }

  RawAnswer ask(const std::string& bytes, bool to_head = false) {
    RawClient client(port());
    client.send(bytes);
    return client.read_answer(to_head);
  }
  static nlohmann::json json_of(const RawAnswer& answer) { return nlohmann::json::parse(answer.body); }
  static std::string code_of(const RawAnswer& answer) { return json_of(answer).at("error").at("code"); }

  std::optional<registry::TokenRow> find_token(const Hash256& hash) const {
    const auto found = rows_.find(hash);
    return found == rows_.end() ? std::nullopt : std::optional(found->second);
  }

  FixedRandom random_;
  std::map<std::string, std::string> tokens_;
  std::map<Hash256, registry::TokenRow> rows_;
  FakeService service_;
  TemporaryFolder folder_;
  SystemClock clock_;
  std::unique_ptr<registry::Registry> registry_ = registry::open_sqlite_registry(folder_ / "registry.db");
  server::EventLog events_{clock_, random_};
  std::vector<server::JobKind> kinds_;  // set before the server starts
  server::JobRunnerOptions job_options_;
  std::optional<server::JobRunner> jobs_;
  server::HttpOptions options_;
  server::ApiOptions api_options_;
  std::optional<server::HttpServer> server_;
};

}  // namespace modelfloat::test
