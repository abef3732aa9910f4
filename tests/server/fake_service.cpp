#include "fake_service.h"

#include <algorithm>

#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"

namespace modelfloat::test {
namespace {

std::string id_of(const std::string& name) { return "m-" + to_hex(as_bytes(name)); }

}  // namespace

class FakeService::Session final : public server::UploadSession {
 public:
  Session(FakeService& service, server::UploadRequest request, CallOptions call)
      : service_(service), request_(std::move(request)), call_(std::move(call)) {
    model_.summary.name = request_.model;
    model_.summary.id = id_of(request_.model);
    model_.summary.tags = {request_.tag};
    model_.card = request_.card;
  }
  ~Session() override {
    if (committed_) return;
    const std::lock_guard lock(service_.mutex_);
    ++service_.dropped_;
    service_.changed_.notify_all();
  }

  void add_file(const std::string& path, ByteSource& source) override {
    if (path.starts_with('/') || path.find("..") != std::string::npos)
      throw Error(ErrorKind::invalid, path, "this path is not safe");
    if (service_.on_file) service_.on_file(path, source, call_);
    FileEntry file;
    file.path = path;
    crypto::Sha256 hash;
    Bytes buffer(1 << 20);
    while (const auto count = source.read(buffer)) {
      hash.update(ByteSpan(buffer).first(count));
      file.size_bytes += count;
    }
    file.sha256 = hash.finish();
    model_.summary.size_bytes += file.size_bytes;
    model_.files.push_back(file);
  }
  void describe(const std::string& key, const std::string& value) override { model_.card[key] = value; }

  server::UploadResult commit() override {
    server::UploadResult result{model_.summary.id, model_.summary.name, {}};
    result.push.revision = std::string(40, 'a');
    result.push.bytes = model_.summary.size_bytes;
    const std::lock_guard lock(service_.mutex_);
    service_.models_[model_.summary.name] = model_;
    committed_ = true;
    return result;
  }

 private:
  FakeService& service_;
  server::UploadRequest request_;
  CallOptions call_;
  FakeModel model_;
  bool committed_ = false;
};

std::map<std::string, FakeModel> FakeService::models() const {
  const std::lock_guard lock(mutex_);
  return models_;
}

void FakeService::add_model(const std::string& name, std::size_t files) {
  FakeModel model;
  model.summary.name = name;
  model.summary.id = id_of(name);
  model.summary.created_at = 1'767'225'600;
  model.health.health = engine::Health::sound;
  model.summary.tags = {"latest"};
  for (std::size_t i = 0; i < files; ++i) {
    FileEntry file;
    file.path = "part-" + std::to_string(i);
    file.size_bytes = 2;
    file.format = "opaque";
    model.files.push_back(file);
  }
  const std::lock_guard lock(mutex_);
  models_[name] = model;
}

std::size_t FakeService::sessions_begun() const {
  const std::lock_guard lock(mutex_);
  return begun_;
}

void FakeService::wait_for_dropped_sessions(std::size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return dropped_ >= count; });
}

FakeModel& FakeService::get(const std::string& model) {
  for (auto& [name, found] : models_) {
    if (name == model || found.summary.id == model) return found;
  }
  throw Error(ErrorKind::not_found, model, "there is no such model");
}

std::unique_ptr<server::UploadSession> FakeService::upload(const server::UploadRequest& request,
                                                           const CallOptions& call) {
  const std::lock_guard lock(mutex_);
  ++begun_;
  return std::make_unique<Session>(*this, request, call);
}

engine::ModelPage FakeService::list(const std::string& after, const std::string& search, std::size_t limit) {
  if (on_list) on_list();
  const std::lock_guard lock(mutex_);
  engine::ModelPage page;
  for (const auto& [name, model] : models_) {
    if (name <= after || name.find(search) == std::string::npos) continue;
    if (page.models.size() == limit) {
      page.next = page.models.back().name;
      break;
    }
    page.models.push_back(model.summary);
  }
  return page;
}

engine::ModelSummary FakeService::find(const std::string& model, const CallOptions&) {
  const std::lock_guard lock(mutex_);
  return get(model).summary;
}

std::vector<engine::ModelHealth> FakeService::health(std::span<const engine::ModelSummary> models, const CallOptions&) {
  const std::lock_guard lock(mutex_);
  std::vector<engine::ModelHealth> answers;
  for (const auto& model : models) answers.push_back(get(model.name).health);
  return answers;
}

std::vector<engine::RevisionSummary> FakeService::revisions(const std::string& model) {
  const std::lock_guard lock(mutex_);
  get(model);
  return {{std::string(40, 'a'), {}, 7, 1'767'225'600, {"latest"}}};
}

engine::OpenManifest FakeService::open(const std::string& model, const CallOptions&) {
  const std::lock_guard lock(mutex_);
  engine::OpenManifest manifest;
  manifest.root.model = get(model).summary.name;
  manifest.root.files = get(model).files;
  return manifest;
}

void FakeService::map_fragments(const engine::OpenManifest& manifest,
                                const std::function<void(const engine::PackView&)>& on_pack,
                                const std::function<void(const engine::FragmentView&)>& on_fragment,
                                const CallOptions&) {
  using engine::CopyPresence;
  engine::PackView pack;
  pack.pack.id[0] = std::byte{0xab};
  pack.pack.k = 1;
  pack.pack.m = 1;
  pack.pack.slice_bytes = 64;
  pack.shards = {
      {0, "mf1/shard/00/00", {{"a", CopyPresence::present}, {"b", CopyPresence::offline}}, CopyPresence::present},
      {1, "mf1/shard/00/00", {}, CopyPresence::missing}};
  on_pack(pack);
  on_pack(pack);  // as a pack that reaches over two segments
  for (std::size_t file = 0; file < manifest.root.files.size(); ++file) {
    for (std::size_t i = 0; i < fragments_per_file; ++i) {
      engine::FragmentView view{file, i, {}};
      view.fragment.plain_bytes = 1;
      if (i == 0) {
        view.fragment.place = FrameRef{pack.pack.id, 0, 17, 0};
      } else {
        view.fragment.place = Bytes(1, std::byte{0});
      }
      on_fragment(view);
    }
  }
}

std::vector<std::string> FakeService::removed_parts() const {
  const std::lock_guard lock(mutex_);
  return removed_parts_;
}

engine::ModelRemoval FakeService::remove(const std::string& model, const CallOptions&) {
  const std::lock_guard lock(mutex_);
  const std::string name = get(model.substr(0, model.find_first_of(":@"))).summary.name;
  if (model.find_first_of(":@") == std::string::npos) {
    models_.erase(name);
  } else {
    removed_parts_.push_back(model);
  }
  return {name, {}, {}, removals_are_complete};
}

runner::Completion FakeService::infer(const std::string& model, const runner::CompletionRequest& request,
                                      const runner::TokenSink& on_text, const runner::LoadProgressSink& on_progress,
                                      const CallOptions& call) {
  find(model, call);
  return on_infer ? on_infer(model, request, on_text, on_progress, call) : runner::Completion{};
}

}  // namespace modelfloat::test
