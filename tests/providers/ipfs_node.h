#pragma once
// A node of IPFS, spoken to past our store.

#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "modelfloat/base/error.h"
#include "modelfloat/store/http/http_client.h"
#include "modelfloat/store/http/url.h"

namespace modelfloat::test {

class IpfsNode {
 public:
  explicit IpfsNode(std::string root) : root_(std::move(root)) {}

  // What a call of the RPC answers. `form` is the body of a form whose boundary is "b".
  std::string call(const std::string& what, const store::http::Fields& fields, const std::string& form = {}) {
    store::http::Request request;
    request.method = "POST";
    request.url = root_ + "/api/v0/" + what + "?" + store::http::encode_form(fields);
    request.where = what;
    request.max_answer_bytes = std::uint64_t{16} << 20;
    if (!form.empty()) request.headers.emplace_back("Content-Type", "multipart/form-data; boundary=b");
    request.body = {as_bytes(form)};
    const auto response = client_.send(request, {});
    if (!response.ok()) throw Error(ErrorKind::internal, what, response.text());
    return std::string(response.text());
  }

  // Files by their paths below `folder`, of which the first part, alike for all, must not be there
  // yet. They become one tree, which then gets its name: much quicker than as many links.
  void make_files(const std::string& folder, const std::map<std::string, std::string>& files) {
    std::string form;
    for (const auto& [path, bytes] : files) {
      form += "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + store::http::percent_encode(path) +
              "\"\r\nContent-Type: application/octet-stream\r\n\r\n" + bytes + "\r\n";
    }
    const std::string added =
        call("add", {{"cid-version", "1"}, {"raw-leaves", "true"}, {"pin", "false"}}, form + "--b--\r\n");
    // The folder that all are in.
    const std::string cid = nlohmann::json::parse(added.substr(added.rfind('{')))["Hash"];
    const std::string& path = files.begin()->first;
    call("files/cp", {{"arg", "/ipfs/" + cid}, {"arg", folder + "/" + path.substr(0, path.find('/'))}});
  }

 private:
  const std::string root_;
  store::http::HttpClient client_;
};

}  // namespace modelfloat::test
