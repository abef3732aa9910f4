#include <set>

#include <nlohmann/json.hpp>

#include "modelfloat/base/utf8.h"
#include "modelfloat/server/http/multipart.h"
#include "modelfloat/server/json.h"
#include "modelfloat/server/surface/native/native.h"

namespace modelfloat::server::native {
namespace {

constexpr std::size_t k_max_field_bytes = std::size_t{64} << 10;

// Reads the form part by part; the session begins with the first file.
class UploadForm {
 public:
  UploadForm(Service& service, Request& request)
      : service_(service),
        call_{request.stop, std::nullopt},
        form_(*request.body, multipart_boundary(request.header("content-type").value_or(""))) {
    upload_.expected_bytes = request.content_length;
  }

  UploadResult receive() {
    while (const auto part = form_.next_part()) handle_part(*part);
    if (!session_) throw HttpError(400, "file_missing", "the form has no field `file`");
    return session_->commit();
  }

 private:
  void handle_part(const PartHead& part) {
    if (part.name == "file") return add_file(part);
    if (!seen_.insert(part.name).second)
      throw HttpError(400, "invalid", "the field " + in_quotes(part.name) + " stands there twice");
    if (part.name == "name") {
      set_early(part.name, upload_.model);
    } else if (part.name == "tag") {
      set_early(part.name, upload_.tag);
    } else if (part.name == "description" || part.name == "framework") {
      auto text = read_field(part.name);
      if (session_) {
        session_->describe(part.name, text);
      } else {
        upload_.card[part.name] = std::move(text);
      }
    } else {
      throw HttpError(400, "unknown_field",
                      "the form has no field " + in_quotes(part.name) + ", but " +
                          list_in_quotes({"name", "tag", "description", "framework", "file"}));
    }
  }

  void set_early(const std::string& name, std::string& value) {
    if (session_)
      throw HttpError(400, "field_after_file", "the field `" + name + "` must come before the first `file`");
    value = read_field(name);
  }

  std::string read_field(const std::string& name) {
    auto text = form_.read_text(k_max_field_bytes);
    if (!is_utf8(text)) throw HttpError(400, "invalid", "the field " + in_quotes(name) + " is not valid UTF-8");
    return text;
  }

  void add_file(const PartHead& part) {
    if (upload_.model.empty()) throw HttpError(400, "name_first", "the field `name` must come before the first `file`");
    if (!part.filename || part.filename->empty()) {
      throw HttpError(400, "filename_missing", "a `file` needs a filename: its path inside the model");
    }
    if (!session_) session_ = service_.upload(upload_, call_);
    session_->add_file(*part.filename, form_.content());
  }

  Service& service_;
  CallOptions call_;
  MultipartReader form_;
  UploadRequest upload_;
  std::set<std::string> seen_;  // fields, but for the files
  std::unique_ptr<UploadSession> session_;
};

}  // namespace

Route upload_route(Service& service, const RequestLimits& limits) {
  const auto upload = [&service](Request& request, Response& response) {
    const auto result = UploadForm(service, request).receive();
    const auto& push = result.push;
    auto troubles = nlohmann::json::array();
    for (const auto& [path, why] : push.troubles) troubles.push_back({{"path", path}, {"trouble", why}});
    response.set_header("Location", "/api/v1/models/" + result.id);
    nlohmann::json answer = {{"id", result.id},
                             {"name", result.name},
                             {"revision", push.revision},
                             {"bytes", push.bytes},
                             {"fragments", push.fragments}};
    if (!troubles.empty()) answer["troubles"] = std::move(troubles);
    // They tell whether the pool had the bytes already, also in a model that somebody else stored.
    if (const auto scope = scope_from(request.scope); scope && includes(*scope, Scope::read)) {
      answer["new_bytes"] = push.new_bytes;
      answer["stored_bytes"] = push.stored_bytes;
    }
    if (!push.doubt.empty()) answer["doubt"] = push.doubt;
    send_json(response, 201, answer);
  };
  return {
      .method = "POST", .pattern = "/models/upload", .scope = Scope::write, .handler = upload, .limit = limits.uploads};
}

}  // namespace modelfloat::server::native
