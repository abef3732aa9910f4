// Two surfaces side by side, unlike in everything.

#include "modelfloat/server/surface/surface.h"

#include "recording_response.h"
#include "support/fixed_random.h"
#include <gtest/gtest.h>

#include "modelfloat/server/http/http_head.h"

namespace modelfloat::server {
namespace {

using test::RecordingResponse;

ErrorWriter plain_errors(std::string form) {
  return [form = std::move(form)](const ErrorAnswer& error, Response& response) {
    response.set_header("X-Error-Code", error.code);
    response.send(error.status, "text/plain", form + ": " + error.code);
  };
}

class SurfaceTest : public testing::Test {
 protected:
  SurfaceTest() : token_(make_token(random_, {}, Scope::read)) {
    here_.prefixes = {"", "/api/v1"};
    here_.tokens = bearer_tokens();
    here_.write_error = plain_errors("here");
    there_.prefixes = {"/v1"};
    there_.tokens = {.token_in = [](const Request& request) { return request.header("x-key"); },
                     .challenge = "Key",
                     .advice = "send X-Key"};
    there_.write_error = plain_errors("there");
  }

  Route route(const std::string& pattern, std::optional<Scope> scope = std::nullopt) {
    return {.method = "GET", .pattern = pattern, .scope = scope, .handler = [](Request& request, Response& response) {
              response.send(200, "text/plain", request.scope);
            }};
  }
  RecordingResponse get(const std::string& path, const std::vector<std::pair<std::string, std::string>>& headers = {}) {
    const auto handler = join_surfaces({here_, there_}, [this](const Hash256& hash) {
      return hash == token_.row.hash ? std::optional(token_.row) : std::nullopt;
    });
    Request request;
    request.method = "GET";
    request.path = decode_path(path);
    request.headers = headers;
    RecordingResponse response;
    handler(request, response);
    return response;
  }

  test::FixedRandom random_;
  NewToken token_;
  Surface here_;
  Surface there_;
};

TEST_F(SurfaceTest, IsMountedUnderEachOfItsPrefixesAndNoOther) {
  here_.routes = {route("/models")};
  there_.routes = {route("/chat/{path...}")};
  EXPECT_EQ(get("/models").status, 200);
  EXPECT_EQ(get("/api/v1/models").status, 200);
  EXPECT_EQ(get("/v1/models").status, 404);
  EXPECT_EQ(get("/v1/chat/completions").status, 200);
  EXPECT_EQ(get("/chat/completions").status, 404);
  EXPECT_EQ(get("/api/v1/v1/chat/completions").status, 404);
}

TEST_F(SurfaceTest, ErrorsHaveItsForm) {
  here_.routes = {route("/models")};
  here_.routes[0].handler = [](Request&, Response&) { throw Error(ErrorKind::lost, "pack", "gone"); };
  there_.routes = {route("/models")};
  there_.routes[0].handler = [](Request&, Response&) { throw HttpError(418, "teapot", "short and stout"); };
  EXPECT_EQ(get("/api/v1/models").body, "here: data_lost");
  const auto answer = get("/v1/models");
  EXPECT_EQ(answer.status, 418);
  EXPECT_EQ(answer.body, "there: teapot");
  EXPECT_EQ(answer.headers.at("X-Error-Code"), "teapot");
}

TEST_F(SurfaceTest, AnAddressThatIsNotThereIsToldInTheFormOfItsPrefix) {
  here_.routes = {route("/models")};
  there_.routes = {route("/models")};
  for (const std::string path : {"/", "/nothing", "/v1x", "/v2/models", "/api/v1", "/api/v1/nothing"}) {
    EXPECT_EQ(get(path).body, "here: not_found") << path;
  }
  for (const std::string path : {"/v1", "/v1/", "/v1/nothing"}) EXPECT_EQ(get(path).body, "there: not_found") << path;
}

TEST_F(SurfaceTest, EachFindsTokensInItsOwnWay) {
  here_.routes = {route("/models", Scope::read), route("/admin", Scope::admin)};
  there_.routes = {route("/models", Scope::read)};
  EXPECT_EQ(get("/models", {{"authorization", "Bearer " + token_.text}}).body, "read");
  EXPECT_EQ(get("/v1/models", {{"x-key", token_.text}}).body, "read");
  const auto refused = get("/v1/models", {{"authorization", "Bearer " + token_.text}});
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.body, "there: token_missing");
  EXPECT_EQ(refused.headers.at("WWW-Authenticate"), "Key");
  EXPECT_EQ(get("/models", {{"x-key", token_.text}}).headers.at("WWW-Authenticate"), "Bearer realm=\"modelfloat\"");
  EXPECT_EQ(get("/admin", {{"authorization", "Bearer " + token_.text}}).status, 403);
}

TEST_F(SurfaceTest, ChecksComeAfterTheTokenAndBeforeTheHandler) {
  here_.routes = {route("/models", Scope::read)};
  here_.routes[0].query = {"limit"};
  here_.check = [](const Route& route, Request&) { throw HttpError(400, route.query.at(0), "checked"); };
  there_.routes = {route("/models")};
  EXPECT_EQ(get("/models").body, "here: token_missing");
  EXPECT_EQ(get("/models", {{"authorization", "Bearer " + token_.text}}).body, "here: limit");
  EXPECT_EQ(get("/v1/models").status, 200) << "it has no check";
}

TEST_F(SurfaceTest, RoutesWithOneLimitCountTogether) {
  const auto limit = std::make_shared<RequestLimit>(1);
  here_.routes = {route("/models")};
  here_.routes[0].limit = limit;
  there_.routes = here_.routes;
  {
    const RequestSlot taken(*limit);
    EXPECT_EQ(get("/models").body, "here: busy");
    EXPECT_EQ(get("/v1/models").body, "there: busy");
  }
  EXPECT_EQ(get("/models").status, 200);
  EXPECT_EQ(get("/v1/models").status, 200) << "the slot was given back";
}

TEST_F(SurfaceTest, AClientThatIsGoneAndAnAnswerThatHasBegunGetNoError) {
  here_.routes = {route("/gone"), route("/begun")};
  here_.routes[0].handler = [](Request&, Response&) { throw Error(ErrorKind::cancelled, "client", "gone"); };
  here_.routes[1].handler = [](Request&, Response& response) {
    response.begin(200, "text/plain", std::nullopt);
    throw Error(ErrorKind::transient, "engine", "crashed");
  };
  EXPECT_THROW(get("/gone"), Error);
  EXPECT_THROW(get("/begun"), Error);
}

}  // namespace
}  // namespace modelfloat::server
