// The API over a real pool on stores in memory; only the inference engine is a fake.

#include "modelfloat/server/pool_service.h"

#include "raw_client.h"
#include "support/faulty_store.h"
#include "support/fixed_random.h"
#include "support/model_files.h"
#include "support/temporary_folder.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>
#include <unistd.h>

#include "modelfloat/base/file_descriptor.h"
#include "modelfloat/engine/pool/slots.h"
#include "modelfloat/engine/upkeep/setup.h"
#include "modelfloat/registry/sqlite/sqlite_registry.h"
#include "modelfloat/server/http/http_server.h"
#include "modelfloat/server/surface/api.h"
#include "modelfloat/store/memory/memory_store.h"

namespace modelfloat::server {
namespace {

using nlohmann::json;
using test::RawAnswer;
using test::RawClient;

// Fetches the model and says how many bytes of it are the right ones.
class CountingRunner final : public runner::Runner {
 public:
  explicit CountingRunner(const Bytes& expected) : expected_(expected) {}
  runner::Completion complete(runner::ModelSource& source, const runner::CompletionRequest&, const runner::TokenSink&,
                              const runner::LoadProgressSink&, const CallOptions& call) override {
    const FileDescriptor memory(::memfd_create("model", MFD_CLOEXEC));
    if (::ftruncate(memory.get(), static_cast<off_t>(source.size_bytes())) != 0) throw std::runtime_error("no memory");
    std::uint64_t progress = 0;
    source.fill(memory.get(), [&](std::uint64_t bytes) { progress = bytes; }, call);
    Bytes read(source.size_bytes());
    if (::pread(memory.get(), read.data(), read.size(), 0) != static_cast<ssize_t>(read.size())) read.clear();
    return {source.name() + (equal(read, expected_) && progress == read.size() ? " is right" : " is wrong"), 1, 0, 0};
  }
  void forward(runner::ModelSource&, const runner::EngineCall&, const runner::EngineAnswerSink&,
               const runner::LoadProgressSink&, const CallOptions&) override {}
  std::vector<runner::RunningModel> running() const override { return {}; }
  bool unload(std::string_view) override { return false; }

 private:
  const Bytes& expected_;
};

class PoolServiceTest : public testing::Test {
 protected:
  static constexpr std::size_t k_stores = 4;

  PoolServiceTest() {
    for (auto& store : stores_) store = store::make_memory_store();
    const auto secret = mf1::SlotSecret::key_file(key_);
    engine::create_pool(environment_, secret, PolicySet{2, 1, 1});
    for (std::size_t i = 0; i < k_stores; ++i) {
      open();
      engine::add_store(*pool_, "s" + std::to_string(i), "memory:" + std::to_string(i), "d" + std::to_string(i), 0,
                        *stores_[i], {});
    }
    open();
    service_.emplace(*pool_, runner_);
    token_ = make_token(random_, {}, Scope::admin);
    registry_->add_token(token_.row);
    server_.emplace(HttpOptions{},
                    make_api(*service_, [this](const Hash256& hash) { return registry_->find_token(hash); }));
  }

  void open() {
    auto keys = engine::open_keys(*registry_, mf1::SlotSecret::key_file(key_));
    pool_ = std::make_unique<engine::Pool>(environment_, std::move(keys), [this](const registry::StoreRow& row) {
      return std::make_unique<test::FaultyStore>(*stores_[std::stoul(row.url.substr(7))]);
    });
  }

  std::string head(const std::string& line, const std::string& more = "") {
    return line + " HTTP/1.1\r\nHost: localhost:" + std::to_string(server_->port()) + "\r\nAuthorization: Bearer " +
           token_.text + "\r\n" + more + "\r\n";
  }
  RawAnswer ask(const std::string& bytes) {
    RawClient client(server_->port());
    client.send(bytes);
    return client.read_answer();
  }
  std::string upload_of(const std::string& name, const std::string& path, ByteSpan content) {
    const std::string form = "--XX\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n" + name +
                             "\r\n--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + path +
                             "\"\r\n\r\n" + std::string(as_text(content)) + "\r\n--XX--\r\n";
    return head("POST /models/upload", "Content-Type: multipart/form-data; boundary=XX\r\nContent-Length: " +
                                           std::to_string(form.size()) + "\r\n") +
           form;
  }
  RawAnswer infer(const std::string& model) {
    const std::string body = R"({"prompt":"x"})";
    return ask(head("POST /models/" + model + "/inference",
                    "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n") +
               body);
  }
  static Bytes gguf() {
    test::GgufSpec spec;
    spec.tensors = test::little_llama(2);
    return test::make_gguf(spec);
  }

  test::TemporaryFolder folder_;
  SystemClock clock_;
  test::FixedRandom random_;
  ThreadPool cpu_{2};
  ThreadPool io_{4};
  std::unique_ptr<registry::Registry> registry_ = registry::open_sqlite_registry(folder_ / "registry.db");
  engine::Environment environment_{clock_, random_, cpu_, io_, *registry_};
  crypto::SecretKey key_ = crypto::SecretKey::random(random_);
  std::array<std::unique_ptr<store::Store>, k_stores> stores_;
  std::unique_ptr<engine::Pool> pool_;
  const Bytes model_ = gguf();
  CountingRunner runner_{model_};
  std::optional<PoolService> service_;
  NewToken token_;
  std::optional<HttpServer> server_;
};

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
