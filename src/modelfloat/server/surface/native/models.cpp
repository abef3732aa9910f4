#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/hex.h"
#include "modelfloat/codec/codec.h"
#include "modelfloat/server/json.h"
#include "modelfloat/server/surface/native/model_json.h"
#include "modelfloat/server/surface/native/native.h"

namespace modelfloat::server::native {
namespace {

constexpr std::size_t k_piece_bytes = 64 << 10;  // of a map that is streamed

CallOptions call_of(const Request& request) { return {request.stop, std::nullopt}; }

void list_models(Service& service, const Request& request, Response& response) {
  const auto page = service.list(std::string(request.query_value("after").value_or("")),
                                 std::string(request.query_value("search").value_or("")), page_size(request));
  const auto health = service.health(page.models, call_of(request));
  nlohmann::json models = nlohmann::json::array();
  for (std::size_t i = 0; i < page.models.size(); ++i)
    models.push_back(nlohmann::json(server::to_json(page.models[i], health[i])));
  const nlohmann::json next = page.next.empty() ? nlohmann::json() : nlohmann::json(page.next);
  send_json(response, 200, {{"models", std::move(models)}, {"next", next}});
}

void show_model(Service& service, const Request& request, Response& response) {
  const auto& model = request.params.at("id");
  const auto summary = service.find(model, call_of(request));
  nlohmann::json json = server::to_json(summary, service.health({&summary, 1}, call_of(request)).front());
  auto& files = json["files"] = nlohmann::json::array();
  for (const auto& file : service.open(model, call_of(request)).root.files)
    files.push_back(nlohmann::json(server::to_json(file)));
  auto& revisions = json["revisions"] = nlohmann::json::array();
  for (const auto& revision : service.revisions(model)) revisions.push_back(nlohmann::json(server::to_json(revision)));
  send_json(response, 200, json);
}

// JSON that is written as it is made. Knows where commas belong.
class JsonStream {
 public:
  explicit JsonStream(Response& response) : response_(response) {}
  void add(std::string_view text) {
    text_ += text;
    if (text_.size() >= k_piece_bytes) flush();
  }
  // Before each element of a list.
  void separate(bool& first) {
    if (!first) add(",");
    first = false;
  }
  void end() {
    flush();
    response_.end();
  }

 private:
  void flush() {
    response_.write(as_bytes(text_));
    text_.clear();
  }
  Response& response_;
  std::string text_;
};

std::string to_text(const engine::FragmentView& view) {
  const auto* frame = view.fragment.frame();
  return fmt::format(R"({{"offset":{},"length":{},"codec":"{}","pack":{}}})", view.offset, view.fragment.plain_bytes,
                     codec::to_string(view.fragment.codec.id),
                     frame != nullptr ? "\"" + to_hex(frame->pack) + "\"" : "null");
}

nlohmann::json to_json(const engine::PackView& view) {
  nlohmann::json shards = nlohmann::json::array();
  for (const auto& shard : view.shards) {
    nlohmann::json stores = nlohmann::json::array();
    for (const auto& copy : shard.stores)
      stores.push_back({{"name", copy.store}, {"state", engine::to_string(copy.state)}});
    shards.push_back({{"index", shard.index},
                      {"object", shard.object},
                      {"stores", std::move(stores)},
                      {"state", engine::to_string(shard.state)}});
  }
  return {{"id", to_hex(view.pack.id)},
          {"k", view.pack.k},
          {"m", view.pack.m},
          {"slice_bytes", view.pack.slice_bytes},
          {"shards", std::move(shards)}};
}

// Ends one file's list and begins the next ones, up to `file`.
class FileLists {
 public:
  FileLists(JsonStream& out, const std::vector<FileEntry>& files) : out_(out), files_(files) {}
  void go_to(std::size_t file) {
    while (next_ <= file && next_ < files_.size()) {
      if (next_ > 0) out_.add("]},");
      out_.add(fmt::format(R"({{"path":{},"size_bytes":{},"fragments":[)", json_string(files_[next_].path),
                           files_[next_].size_bytes));
      first_ = true;
      ++next_;
    }
  }
  void add(const engine::FragmentView& fragment) {
    go_to(fragment.file);
    out_.separate(first_);
    out_.add(to_text(fragment));
  }
  void end() {
    go_to(files_.size());
    if (!files_.empty()) out_.add("]}");
  }

 private:
  JsonStream& out_;
  const std::vector<FileEntry>& files_;
  std::size_t next_ = 0;
  bool first_ = true;
};

// The segments are read twice, so that memory does not grow with the model.
void show_fragments(Service& service, const Request& request, Response& response) {
  const auto call = call_of(request);
  const auto manifest = service.open(request.params.at("id"), call);
  response.begin(200, "application/json", std::nullopt);
  JsonStream out(response);
  out.add(fmt::format(R"({{"name":{},"revision":"{}","files":[)", json_string(manifest.root.model),
                      to_hex(manifest.root.revision)));
  FileLists files(out, manifest.root.files);
  service.map_fragments(manifest, [](const auto&) {}, [&](const auto& fragment) { files.add(fragment); }, call);
  files.end();
  out.add(R"(],"packs":[)");
  bool first = true;
  PackId last{};  // a pack whose fragments reach into the next segment is told in both
  const auto on_pack = [&](const engine::PackView& pack) {
    if (!first && pack.pack.id == last) return;
    last = pack.pack.id;
    out.separate(first);
    out.add(server::to_text(to_json(pack)));
  };
  service.map_fragments(manifest, on_pack, [](const auto&) {}, call);
  out.add("]}");
  out.end();
}

}  // namespace

std::vector<Route> model_routes(Service& service, const RequestLimits& limits) {
  const auto list = [&service](Request& request, Response& response) { list_models(service, request, response); };
  const auto show = [&service](Request& request, Response& response) { show_model(service, request, response); };
  const auto remove = [&service](Request& request, Response& response) {
    const engine::ModelRemoval removal = service.remove(request.params.at("id"), call_of(request));
    if (!removal.complete) {
      return send_json(response, 200,
                       {{"doubt",
                         "too few stores answer: revisions that are known only on the others are not removed, "
                         "or the others learn of the removal when they are back"}});
    }
    response.send(204, "", "");
  };
  const auto fragments = [&service](Request& request, Response& response) {
    show_fragments(service, request, response);
  };
  return {{.method = "GET",
           .pattern = "/models",
           .scope = Scope::read,
           .handler = list,
           .query = {"limit", "after", "search"}},
          {.method = "GET", .pattern = "/models/{id}", .scope = Scope::read, .handler = show},
          {.method = "DELETE", .pattern = "/models/{id}", .scope = Scope::write, .handler = remove},
          {.method = "GET",
           .pattern = "/models/{id}/fragments",
           .scope = Scope::read,
           .handler = fragments,
           .limit = limits.fragment_maps}};
}

}  // namespace modelfloat::server::native
