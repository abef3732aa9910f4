#include <future>

#include "api_fixture.h"

#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"

namespace modelfloat::test {
namespace {

using nlohmann::json;

const std::string k_form_type = "multipart/form-data; boundary=XX";

std::string field(const std::string& name, const std::string& value) {
  return "--XX\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
}
std::string file(const std::string& path, const std::string& content) {
  return "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + path + "\"\r\n\r\n" + content + "\r\n";
}
const std::string k_form_end = "--XX--\r\n";

TEST_F(ApiTest, EveryRouteNeedsATokenOfItsScope) {
  service_.add_model("ns/m");
  struct Route {
    std::string line;
    std::string scope;
  };
  const std::vector<Route> routes{{"GET /models", "read"},
                                  {"GET /models/ns%2Fm", "read"},
                                  {"GET /models/ns%2Fm/fragments", "read"},
                                  {"POST /models/upload", "write"},
                                  {"POST /models/ns%2Fm/inference", "infer"},
                                  {"DELETE /models/none", "write"}};
  for (const auto& route : routes) {
    for (const std::string prefix : {"", "/api/v1"}) {
      auto line = route.line;
      line.insert(line.find('/'), prefix);
      const auto anonymous = ask(head(line, ""));
      EXPECT_EQ(anonymous.status, 401) << line;
      EXPECT_EQ(code_of(anonymous), "token_missing");
      EXPECT_TRUE(anonymous.headers.at("www-authenticate").starts_with("Bearer"));
      for (const auto& [scope, token] : tokens_) {
        const auto status = ask(head(line, scope)).status;
        if (scope == route.scope || scope == "admin") {
          EXPECT_NE(status, 401) << line << " " << scope;
          EXPECT_NE(status, 403) << line << " " << scope;
        } else {
          EXPECT_EQ(status, 403) << line << " " << scope;
        }
      }
    }
  }
}

TEST_F(ApiTest, WrongTokensAreRefused) {
  const auto status = [this](const std::string& authorization) {
    return ask(head("GET /models", "", "Authorization: " + authorization + "\r\n")).status;
  };
  EXPECT_EQ(status("bearer " + tokens_["read"]), 200);
  for (const std::string& wrong :
       {std::string("Bearer hf_") + std::string(40, 'a'), std::string("Bearer"), std::string("Bearer "),
        std::string("Basic ") + tokens_["read"], tokens_["read"], "Bearer " + tokens_["read"] + "x",
        "Bearer " + tokens_["read"].substr(0, 42), std::string("Bearer ") + std::string(5000, 'a')}) {
    EXPECT_EQ(status(wrong), 401) << wrong.substr(0, 60);
  }
  EXPECT_EQ(ask(head("GET /models?token=" + tokens_["read"], "")).status, 401);
}

TEST_F(ApiTest, HealthIsOpen) {
  EXPECT_EQ(json_of(ask(head("GET /healthz", "")))["status"], "ok");
  EXPECT_EQ(ask(head("GET /readyz", "")).status, 200);
  service_.ready = {false, "too few stores are online", 6, 1, 6, 1};
  const auto answer = ask(head("GET /readyz", ""));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(json_of(answer)["stores_online"], 1);
}

TEST_F(ApiTest, UnknownAddressesAndMethods) {
  const auto unknown = ask(head("GET /nothing", "admin"));
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(code_of(unknown), "not_found");
  const auto wrong = ask(head("PUT /models", "admin"));
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.at("allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(ask(head("HEAD /models", "read"), true).status, 200);
}

TEST_F(ApiTest, ListsPageByPage) {
  for (const auto* name : {"a/1", "a/2", "a/3", "b/1"}) service_.add_model(name);
  const auto first = json_of(ask(head("GET /models?limit=2", "read")));
  ASSERT_EQ(first["models"].size(), 2U);
  EXPECT_EQ(first["models"][1]["name"], "a/2");
  const auto second = json_of(ask(head("GET /models?limit=2&after=a%2F2", "read")));
  EXPECT_EQ(second["models"][1]["name"], "b/1");
  EXPECT_TRUE(second["next"].is_null());
  EXPECT_EQ(first["next"], "a/2");
  EXPECT_EQ(json_of(ask(head("GET /models?search=b/", "read")))["models"].size(), 1U);
  const auto& model = first["models"][0];
  EXPECT_EQ(model["created_at"], "2026-01-01T00:00:00Z");
  EXPECT_EQ(model["health"], "sound");
  for (const auto* key : {"id", "description", "framework", "size_bytes", "revision", "tags", "fragments", "stores"}) {
    EXPECT_TRUE(model.contains(key)) << key;
  }
  for (const auto* limit : {"0", "1001", "-1", "x", "1x", "", "99999999999999999999"}) {
    EXPECT_EQ(ask(head("GET /models?limit=" + std::string(limit), "read")).status, 400) << limit;
  }
}

TEST_F(ApiTest, ShowsAModelByIdAndByName) {
  service_.add_model("ns/m", 2);
  const std::string id = json_of(ask(head("GET /models", "read")))["models"][0]["id"];
  const auto by_id = json_of(ask(head("GET /models/" + id, "read")));
  EXPECT_EQ(by_id, json_of(ask(head("GET /api/v1/models/ns%2Fm", "read"))));
  EXPECT_EQ(by_id["files"].size(), 2U);
  EXPECT_EQ(by_id["files"][1]["path"], "part-1");
  EXPECT_EQ(by_id["files"][1]["sha256"], std::string(64, '0'));
  EXPECT_EQ(by_id["revisions"][0]["tags"][0], "latest");
  EXPECT_EQ(ask(head("GET /models/none", "read")).status, 404);
  EXPECT_EQ(ask(head("GET /models/..%2F..%2Fetc%2Fpasswd", "read")).status, 404);
  EXPECT_EQ(ask(head("GET /models/%2e%2e/x", "read")).status, 400);
}

TEST_F(ApiTest, RemovesAModel) {
  service_.add_model("ns/m");
  const auto answer = ask(head("DELETE /models/ns%2Fm", "write"));
  EXPECT_EQ(answer.status, 204);
  EXPECT_TRUE(service_.models().empty());
  EXPECT_EQ(ask(head("DELETE /models/ns%2Fm", "write")).status, 404);
}

TEST_F(ApiTest, ARemovalThatIsNotCompleteIsDoubted) {
  service_.add_model("ns/m");
  service_.removals_are_complete = false;
  const auto answer = ask(head("DELETE /models/ns%2Fm", "write"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("\"doubt\""), std::string::npos) << answer.body;
}

TEST_F(ApiTest, RemovesATagOrARevisionByItsAddress) {
  service_.add_model("ns/m");
  EXPECT_EQ(ask(head("DELETE /models/ns%2Fm:v1", "write")).status, 204);
  EXPECT_EQ(ask(head("DELETE /api/v1/models/ns%2Fm@0123ab", "write")).status, 204);
  EXPECT_EQ(service_.removed_parts(), (std::vector<std::string>{"ns/m:v1", "ns/m@0123ab"}));
  EXPECT_EQ(service_.models().size(), 1U);
  EXPECT_EQ(ask(head("DELETE /models/ns%2Fnone:v1", "write")).status, 404);
  EXPECT_EQ(ask(head("DELETE /models/ns%2Fm:v1", "read")).status, 403);
}

TEST_F(ApiTest, StreamsTheMapOfFragments) {
  service_.add_model("ns/m", 3);
  const auto map = json_of(ask(head("GET /models/ns%2Fm/fragments", "read")));
  ASSERT_EQ(map["files"].size(), 3U);
  EXPECT_EQ(map["files"][2]["path"], "part-2");
  const std::string pack = "ab" + std::string(62, '0');
  EXPECT_EQ(map["files"][1]["fragments"], json::parse(R"([{"offset":0,"length":1,"codec":"raw","pack":")" + pack +
                                                      R"("},{"offset":1,"length":1,"codec":"raw","pack":null}])"));
  ASSERT_EQ(map["packs"].size(), 1U);
  EXPECT_EQ(map["packs"][0]["id"], pack);
  EXPECT_EQ(map["packs"][0]["shards"][0]["stores"],
            json::parse(R"([{"name":"a","state":"present"},{"name":"b","state":"offline"}])"));
  EXPECT_EQ(map["packs"][0]["shards"][1]["state"], "missing");
}

TEST_F(ApiTest, AMapOfFilesWithoutFragmentsIsWhole) {
  service_.fragments_per_file = 0;
  service_.add_model("ns/m", 2);
  service_.add_model("ns/none", 0);
  EXPECT_EQ(json_of(ask(head("GET /models/ns%2Fm/fragments", "read")))["files"][1]["fragments"].size(), 0U);
  EXPECT_EQ(json_of(ask(head("GET /models/ns%2Fnone/fragments", "read")))["files"].size(), 0U);
}

TEST_F(ApiTest, ALargeMapIsWhole) {
  service_.fragments_per_file = 5000;
  service_.add_model("ns/m", 2);
  const auto map = json_of(ask(head("GET /models/ns%2Fm/fragments", "read")));
  EXPECT_EQ(map["files"][1]["fragments"].size(), 5000U);
}

TEST_F(ApiTest, TakesAnUpload) {
  const auto form = field("name", "ns/m") + field("tag", "v1") + field("description", "early") +
                    file("config.json", "{}") + field("framework", "late") + file("deep/model.bin", "12345") +
                    k_form_end;
  const auto answer = ask(with_body("POST /models/upload", "write", k_form_type, form));
  ASSERT_EQ(answer.status, 201) << answer.body;
  const auto body = json_of(answer);
  EXPECT_EQ(body["name"], "ns/m");
  EXPECT_EQ(body["bytes"], 7);
  for (const auto* key : {"id", "revision", "fragments"}) EXPECT_TRUE(body.contains(key)) << key;
  const auto model = service_.models().at("ns/m");
  EXPECT_EQ(model.summary.tags, std::vector<std::string>{"v1"});
  EXPECT_EQ(model.card, (std::map<std::string, std::string>{{"description", "early"}, {"framework", "late"}}));
  ASSERT_EQ(model.files.size(), 2U);
  EXPECT_EQ(model.files[1].path, "deep/model.bin");
  EXPECT_EQ(model.files[1].sha256, crypto::sha256(as_bytes("12345")));
}

TEST_F(ApiTest, WhatThePoolHadIsToldOnlyToWhoMayRead) {
  const auto form = field("name", "ns/m") + file("a", "1") + k_form_end;
  const auto for_writer = json_of(ask(with_body("POST /models/upload", "write", k_form_type, form)));
  EXPECT_EQ(for_writer["bytes"], 1);
  const auto for_admin = json_of(ask(with_body("POST /models/upload", "admin", k_form_type, form)));
  for (const auto* key : {"new_bytes", "stored_bytes"}) {
    EXPECT_FALSE(for_writer.contains(key)) << key;
    EXPECT_TRUE(for_admin.contains(key)) << key;
  }
}

TEST_F(ApiTest, AFormFieldThatIsNotKnownOrStandsTwiceIsNamed) {
  const auto message = [this](const std::string& form) {
    const auto answer = ask(with_body("POST /models/upload", "write", k_form_type, form));
    EXPECT_EQ(answer.status, 400) << answer.body;
    return answer.body;
  };
  const auto name = field("name", "ns/m");
  EXPECT_NE(message(name + field("descripton", "x") + file("a", "1") + k_form_end).find("descripton"),
            std::string::npos);
  EXPECT_NE(message(name + file("a", "1") + field("licence", "x") + k_form_end).find("licence"), std::string::npos);
  for (const std::string twice : {"name", "tag", "description", "framework"}) {
    const auto form =
        (twice == "name" ? "" : name) + field(twice, "a") + field(twice, "a") + file("a", "1") + k_form_end;
    EXPECT_NE(message(form).find("`" + twice + "`"), std::string::npos) << twice;
  }
  EXPECT_TRUE(service_.models().empty());
}

TEST_F(ApiTest, QueryFieldsThatAreNotKnownOrStandTwiceAreNamed) {
  service_.add_model("ns/m");
  const auto message = [this](const std::string& line, const std::string& scope) {
    const auto answer = ask(head(line, scope));
    EXPECT_EQ(answer.status, 400) << line;
    return answer.body;
  };
  EXPECT_NE(message("GET /models?serach=x", "read").find("`serach`"), std::string::npos);
  EXPECT_NE(message("GET /models?limit=2&limit=3", "read").find("`limit`"), std::string::npos);
  EXPECT_NE(message("GET /models/ns%2Fm?tag=v1", "read").find("`tag`"), std::string::npos);
  EXPECT_NE(message("GET /models/ns%2Fm/fragments?file=x", "read").find("`file`"), std::string::npos);
  EXPECT_NE(message("DELETE /models/ns%2Fm?tag=v1", "write").find("`tag`"), std::string::npos);
  EXPECT_NE(message("GET /healthz?x", "").find("`x`"), std::string::npos);
  EXPECT_EQ(service_.models().size(), 1U);
  EXPECT_EQ(ask(head("GET /models?search=&after=&&limit=2", "read")).status, 200);
}

TEST_F(ApiTest, ABodyThatNobodyWouldReadIsRefused) {
  service_.add_model("ns/m");
  EXPECT_EQ(ask(with_json("DELETE /models/ns%2Fm", "write", {{"tag", "v1"}})).status, 400);
  EXPECT_EQ(
      ask(head("DELETE /models/ns%2Fm", "write", "Transfer-Encoding: chunked\r\n") + "1\r\nx\r\n0\r\n\r\n").status,
      400);
  EXPECT_EQ(service_.models().size(), 1U);
  EXPECT_EQ(ask(with_json("GET /models", "read", {{"search", "x"}})).status, 400);
  EXPECT_EQ(ask(head("DELETE /models/ns%2Fm", "write", "Content-Length: 0\r\n")).status, 204);
}

TEST_F(ApiTest, ABodyInAnotherCodingIsRefused) {
  const auto form = field("name", "ns/m") + file("a", "1") + k_form_end;
  for (const std::string coding : {"gzip", "identity, gzip", "br"}) {
    const auto answer = ask(head("POST /models/upload", "write",
                                 "Content-Encoding: " + coding + "\r\nContent-Type: " + k_form_type +
                                     "\r\nContent-Length: " + std::to_string(form.size()) + "\r\n") +
                            form);
    EXPECT_EQ(answer.status, 415) << coding;
    EXPECT_NE(answer.body.find("Content-Encoding"), std::string::npos);
  }
  EXPECT_TRUE(service_.models().empty());
}

TEST_F(ApiTest, OptionsTellsWhatAnAddressTakes) {
  const auto answer = ask(head("OPTIONS /models", ""));
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.headers.at("allow"), "GET, HEAD, OPTIONS");
  EXPECT_FALSE(answer.headers.contains("access-control-allow-origin"));
  EXPECT_EQ(ask(head("OPTIONS *", "")).status, 204);
  EXPECT_EQ(ask(head("OPTIONS /nothing", "")).status, 404);
  EXPECT_EQ(ask(head("GET *", "read")).status, 400);
}

TEST_F(ApiTest, RefusesFormsThatMakeNoSense) {
  const auto code = [this](const std::string& form, int status = 400, const std::string& type = k_form_type) {
    const auto answer = ask(with_body("POST /models/upload", "write", type, form));
    EXPECT_EQ(answer.status, status) << answer.body;
    return code_of(answer);
  };
  EXPECT_EQ(code(file("a", "1") + field("name", "ns/m") + k_form_end), "name_first");
  EXPECT_EQ(code(field("name", "ns/m") + k_form_end), "file_missing");
  EXPECT_EQ(code(field("name", "ns/m") + file("", "1") + k_form_end), "filename_missing");
  EXPECT_EQ(code(field("name", "ns/m") + field("file", "1") + k_form_end), "filename_missing");
  EXPECT_EQ(code(field("name", "ns/m") + file("a", "1") + field("tag", "x") + k_form_end), "field_after_file");
  EXPECT_EQ(code(field("name", "ns/m") + file("../../etc/passwd", "1") + k_form_end), "invalid");
  EXPECT_EQ(code(field("name", std::string(70'000, 'x')) + k_form_end, 413), "field_too_large");
  EXPECT_EQ(code("nonsense"), "bad_multipart");
  EXPECT_EQ(code(field("name", "ns/m") + file("a", "1")), "bad_multipart");
  EXPECT_EQ(code("{}", 415, "application/json"), "unsupported_media_type");
  EXPECT_TRUE(service_.models().empty());
  service_.wait_for_dropped_sessions(service_.sessions_begun());
}

TEST_F(ApiTest, ALargeUploadComesThrough) {
  const std::string piece(1 << 20, 'm');
  constexpr int k_pieces = 48;
  crypto::Sha256 hash;
  for (int i = 0; i < k_pieces; ++i) hash.update(as_bytes(piece));
  RawClient client(port());
  client.send(
      head("POST /models/upload", "write", "Content-Type: " + k_form_type + "\r\nTransfer-Encoding: chunked\r\n"));
  const auto chunk = [&client](const std::string& bytes) {
    std::array<char, 20> size{};
    std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
    client.send(size.data() + bytes + "\r\n");
  };
  auto opening = field("name", "ns/m") + file("model.bin", "");
  chunk(opening.substr(0, opening.size() - 2));
  for (int i = 0; i < k_pieces; ++i) chunk(piece);
  chunk("\r\n" + k_form_end);
  client.send("0\r\n\r\n");
  ASSERT_EQ(client.read_answer().status, 201);
  EXPECT_EQ(service_.models().at("ns/m").files.at(0).sha256, hash.finish());
}

TEST_F(ApiTest, ACutUploadLeavesNoModel) {
  const auto form = field("name", "ns/m") + file("a", std::string(100'000, 'x')) + k_form_end;
  for (const std::size_t sent : {form.size() - 1, form.size() - 12, form.size() / 2}) {
    RawClient client(port());
    const auto whole = with_body("POST /models/upload", "write", k_form_type, form);
    client.send(std::string_view(whole).substr(0, whole.size() - form.size() + sent));
    client.hang_up();
  }
  service_.wait_for_dropped_sessions(3);
  EXPECT_TRUE(service_.models().empty());
}

TEST_F(ApiTest, AnUploadIsRefusedBeforeItsBodyIsRead) {
  RawClient client(port());
  client.send(head("POST /models/upload", "read",
                   "Content-Type: " + k_form_type + "\r\nContent-Length: 1000000000\r\nExpect: 100-continue\r\n"));
  EXPECT_EQ(client.read_answer().status, 403);
}

TEST_F(ApiTest, OnlySoManyUploadsAtOnce) {
  api_options_.uploads = 1;
  std::promise<void> begun;
  std::promise<void> go_on;
  service_.on_file = [&](const std::string&, ByteSource&, const CallOptions&) {
    begun.set_value();
    go_on.get_future().wait();
  };
  const auto upload =
      with_body("POST /models/upload", "write", k_form_type, field("name", "ns/m") + file("a", "1") + k_form_end);
  RawClient first(port());
  first.send(upload);
  begun.get_future().wait();
  const auto second = ask(upload);
  EXPECT_EQ(second.status, 503);
  EXPECT_EQ(code_of(second), "busy");
  EXPECT_EQ(second.headers.at("retry-after"), "1");
  EXPECT_EQ(ask(head("GET /models", "read")).status, 200);
  go_on.set_value();
  EXPECT_EQ(first.read_answer().status, 201);
}

}  // namespace
}  // namespace modelfloat::test
