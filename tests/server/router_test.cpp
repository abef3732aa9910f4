#include "modelfloat/server/http/router.h"

#include <gtest/gtest.h>

#include "modelfloat/server/http/http_head.h"

namespace modelfloat::server {
namespace {

struct NoResponse final : Response {
  std::map<std::string, std::string> headers;
  void set_header(std::string name, std::string value) override { headers[name] = value; }
  void send(int, std::string_view, std::string_view) override {}
  void begin(int, std::string_view, std::optional<std::uint64_t>) override {}
  void write(ByteSpan) override {}
  void end() override {}
  bool begun() const noexcept override { return false; }
};

class RouterTest : public testing::Test {
 protected:
  void add(const std::string& method, const std::string& pattern) {
    router_.add(method, pattern, [this, name = method + " " + pattern](Request& request, Response&) {
      called_ = name;
      params_ = request.params;
    });
  }
  // The route that answers, or the status of the refusal.
  std::string route(const std::string& method, const std::string& path) {
    Request request;
    request.method = method;
    request.path = decode_path(path);
    try {
      router_.handle(request, response_);
      return called_;
    } catch (const HttpError& error) {
      return std::to_string(error.status);
    }
  }
  Router router_;
  NoResponse response_;
  std::string called_;
  std::map<std::string, std::string> params_;
};

TEST_F(RouterTest, FindsTheRoute) {
  add("GET", "/models");
  add("GET", "/models/{id}");
  add("POST", "/models/upload");
  add("GET", "/files/{id}/{path...}");
  add("GET", "/");
  EXPECT_EQ(route("GET", "/models"), "GET /models");
  EXPECT_EQ(route("GET", "/models/ns%2Fname"), "GET /models/{id}");
  EXPECT_EQ(params_.at("id"), "ns/name");
  EXPECT_EQ(route("GET", "/files/a/b/c%20d"), "GET /files/{id}/{path...}");
  EXPECT_EQ(params_.at("path"), "b/c d");
  EXPECT_EQ(route("GET", "/"), "GET /");
}

TEST_F(RouterTest, SaysWhatIsNotThere) {
  add("GET", "/models/{id}");
  add("DELETE", "/models/{id}");
  add("GET", "/files/{path...}");
  for (const auto* path :
       {"/", "/model", "/models/", "/models", "/models/a/b", "//models/a", "/files", "/files/", "/Models/a"}) {
    EXPECT_EQ(route("GET", path), "404") << path;
  }
  EXPECT_EQ(route("POST", "/models/a"), "405");
  EXPECT_EQ(response_.headers.at("Allow"), "DELETE, GET, HEAD, OPTIONS");
}

TEST_F(RouterTest, FixedSegmentsWinWhateverTheOrder) {
  add("GET", "/models/{path...}");
  add("GET", "/models/{id}");
  add("GET", "/models/special");
  EXPECT_EQ(route("GET", "/models/special"), "GET /models/special");
  EXPECT_EQ(route("GET", "/models/other"), "GET /models/{id}");
  EXPECT_EQ(route("GET", "/models/other/one"), "GET /models/{path...}");
}

TEST_F(RouterTest, HeadIsAnsweredByGet) {
  add("GET", "/models/{id}");
  EXPECT_EQ(route("HEAD", "/models/a"), "GET /models/{id}");
  EXPECT_EQ(params_.at("id"), "a");
  add("HEAD", "/models/{id}");
  EXPECT_EQ(route("HEAD", "/models/a"), "HEAD /models/{id}");
}

}  // namespace
}  // namespace modelfloat::server
