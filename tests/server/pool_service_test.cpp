// Models over the API, from a real pool.

#include "pool_service_fixture.h"

namespace modelfloat::server {
namespace {

TEST_F(PoolServiceTest, AModelGoesInAnswersAndIsRemoved) {
  const auto uploaded = ask(upload_of("ns/m", "model.gguf", model_));
  ASSERT_EQ(uploaded.status, 201) << uploaded.body;
  const auto result = json::parse(uploaded.body);
  EXPECT_EQ(result["name"], "ns/m");
  EXPECT_EQ(result["bytes"], model_.size());
  const std::string id = result["id"];
  EXPECT_EQ(id.find('/'), std::string::npos);

  EXPECT_EQ(json::parse(ask(head("GET /models")).body)["models"][0]["id"], id);
  const auto detail = json::parse(ask(head("GET /models/ns%2Fm")).body);
  EXPECT_EQ(detail["id"], id);
  EXPECT_EQ(detail["files"][0]["format"], "gguf");
  EXPECT_EQ(detail["revisions"][0]["revision"], result["revision"]);
  EXPECT_EQ(detail["health"], "sound");

  const auto map = json::parse(ask(head("GET /models/" + id + "/fragments")).body);
  std::uint64_t end = 0;
  for (const auto& fragment : map["files"][0]["fragments"]) {
    EXPECT_EQ(fragment["offset"], end);
    end += fragment["length"].get<std::uint64_t>();
  }
  EXPECT_EQ(end, model_.size());
  EXPECT_EQ(map["packs"][0]["shards"].size(), 3U);

  for (const auto& name : {id, std::string("ns%2Fm"), std::string("ns%2Fm:latest")}) {
    EXPECT_EQ(json::parse(infer(name).body)["text"], "ns/m:latest is right") << name;
  }
  EXPECT_EQ(infer("ns%2Fm:other").status, 404);
  EXPECT_EQ(ask(head("DELETE /models/" + id)).status, 204);
  EXPECT_EQ(ask(head("GET /models/" + id)).status, 404);
}

TEST_F(PoolServiceTest, ATagAndARevisionAreRemovedAlone) {
  const auto revision_of = [](const RawAnswer& answer) {
    EXPECT_EQ(answer.status, 201) << answer.body;
    return json::parse(answer.body)["revision"].get<std::string>();
  };
  const auto first = revision_of(ask(upload_of("ns/m", "a.txt", as_bytes("one"))));
  const auto second = revision_of(ask(upload_of("ns/m", "a.txt", as_bytes("two"))));
  const auto unknown = ask(head("DELETE /models/ns%2Fm:v9"));
  EXPECT_EQ(unknown.status, 404);
  EXPECT_NE(unknown.body.find("the tags latest"), std::string::npos) << unknown.body;
  EXPECT_EQ(ask(head("DELETE /models/ns%2Fm@ffffffffffff")).status, 404);
  EXPECT_EQ(ask(head("DELETE /models/ns%2Fm:latest")).status, 204);
  EXPECT_EQ(ask(head("GET /models/ns%2Fm@" + second)).status, 404);
  EXPECT_EQ(ask(head("GET /models/ns%2Fm:latest")).status, 404) << "it does not fall back";
  EXPECT_EQ(ask(head("GET /models/ns%2Fm@" + first)).status, 200);
  EXPECT_EQ(ask(head("DELETE /models/ns%2Fm@" + first.substr(0, 10))).status, 204);
  EXPECT_EQ(ask(head("GET /models/ns%2Fm")).status, 404);
}

TEST_F(PoolServiceTest, WhatCannotBeRunSaysWhy) {
  ASSERT_EQ(ask(upload_of("ns/text", "a.txt", as_bytes("hello"))).status, 201);
  const auto text = infer("ns%2Ftext");
  EXPECT_EQ(text.status, 422);
  EXPECT_EQ(json::parse(text.body)["error"]["code"], "not_runnable");
  ASSERT_EQ(ask(upload_of("ns/bad", "a.gguf", as_bytes("GGUF\3\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f hostile"))).status,
            201);
  EXPECT_EQ(infer("ns%2Fbad").status, 422);
}

TEST_F(PoolServiceTest, ACutUploadLeavesNoModel) {
  RawClient client(server_->port());
  const auto request = upload_of("ns/m", "model.gguf", model_);
  client.send(std::string_view(request).substr(0, request.size() - 20));
  client.hang_up();
  server_->stop();  // waits for the handler
  EXPECT_TRUE(service_->list("", "", 10).models.empty());
}

TEST_F(PoolServiceTest, UnsafePathsAreRefused) {
  const auto answer = ask(upload_of("ns/m", "../../etc/passwd", as_bytes("x")));
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(ask(upload_of("no such/name/at all", "a", as_bytes("x"))).status, 400);
  EXPECT_EQ(ask(head("GET /models/no%20such%2Fname")).status, 404);
}

TEST_F(PoolServiceTest, IsReadyWithItsStores) {
  const auto answer = ask(head("GET /readyz"));
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(json::parse(answer.body)["stores_online"], 4);
}

}  // namespace
}  // namespace modelfloat::server
