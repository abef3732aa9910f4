#include "modelfloat/server/http/router.h"

#include <algorithm>
#include <set>

namespace modelfloat::server {

void Router::add(std::string method, std::string_view pattern, Handler handler) {
  Route route{std::move(method), {}, std::move(handler)};
  while (!pattern.empty()) {
    pattern.remove_prefix(1);  // the slash
    auto segment = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(segment.size());
    auto kind = Part::Kind::fixed;
    if (segment.starts_with('{') && segment.ends_with('}')) {
      segment = segment.substr(1, segment.size() - 2);
      kind = segment.ends_with("...") ? Part::Kind::rest : Part::Kind::one;
      if (kind == Part::Kind::rest) segment.remove_suffix(3);
    }
    route.parts.push_back({kind, std::string(segment)});
  }
  const auto place = std::upper_bound(routes_.begin(), routes_.end(), route, more_special);
  routes_.insert(place, std::move(route));
}

bool Router::more_special(const Route& a, const Route& b) {
  return std::lexicographical_compare(a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end(),
                                      [](const Part& x, const Part& y) { return x.kind < y.kind; });
}

bool Router::matches(const Route& route, const std::vector<std::string>& path) {
  for (std::size_t i = 0; i < route.parts.size(); ++i) {
    const auto& part = route.parts[i];
    if (i >= path.size()) return false;
    if (part.kind == Part::Kind::rest) return !path.back().empty();
    if (part.kind == Part::Kind::fixed ? path[i] != part.text : path[i].empty()) return false;
  }
  return path.size() == route.parts.size();
}

std::map<std::string, std::string> Router::params_of(const Route& route, const std::vector<std::string>& path) {
  std::map<std::string, std::string> params;
  for (std::size_t i = 0; i < route.parts.size(); ++i) {
    const auto& part = route.parts[i];
    if (part.kind == Part::Kind::fixed) continue;
    auto& value = params[part.text] = path[i];
    if (part.kind == Part::Kind::one) continue;
    for (auto j = i + 1; j < path.size(); ++j) value += "/" + path[j];
  }
  return params;
}

void Router::handle(Request& request, Response& response) const {
  const bool about_all = request.method == "OPTIONS" && request.path == std::vector<std::string>{"*"};
  std::set<std::string> allowed;
  const Route* get = nullptr;
  for (const auto& route : routes_) {
    if (!about_all && !matches(route, request.path)) continue;
    if (route.method == request.method) {
      request.params = params_of(route, request.path);
      return route.handler(request, response);
    }
    if (route.method == "GET" && get == nullptr) get = &route;
    allowed.insert(route.method);
  }
  if (get != nullptr && request.method == "HEAD") {
    request.params = params_of(*get, request.path);
    return get->handler(request, response);
  }
  if (allowed.empty()) throw HttpError(404, "not_found", "there is nothing at this address");
  allowed.insert("OPTIONS");
  if (get != nullptr) allowed.insert("HEAD");
  std::string allow;
  for (const auto& method : allowed) allow += (allow.empty() ? "" : ", ") + method;
  response.set_header("Allow", allow);
  if (request.method == "OPTIONS") return response.send(204, "", "");
  throw HttpError(405, "method_not_allowed", "this address does not take " + request.method + ", but " + allow);
}

}  // namespace modelfloat::server
