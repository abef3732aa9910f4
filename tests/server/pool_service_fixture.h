#pragma once
// The API over a real pool on stores in memory; only the inference engine is a fake.

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
#include "modelfloat/server/jobs/job_kinds.h"
#include "modelfloat/server/jobs/job_runner.h"
#include "modelfloat/server/pool_service.h"
#include "modelfloat/server/surface/api.h"
#include "modelfloat/store/memory/memory_store.h"

namespace modelfloat::server {

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
    jobs_.emplace(job_kinds(*pool_), *registry_, clock_, random_, events_);
    service_.emplace(*pool_, runner_, events_);
    token_ = make_token(random_, {}, Scope::admin);
    registry_->add_token(token_.row);
    server_.emplace(HttpOptions{}, make_api(*service_, *jobs_, events_,
                                            [this](const Hash256& hash) { return registry_->find_token(hash); }));
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
  EventLog events_{clock_, random_};
  std::optional<JobRunner> jobs_;
  std::optional<PoolService> service_;
  NewToken token_;
  std::optional<HttpServer> server_;
};

}  // namespace modelfloat::server
