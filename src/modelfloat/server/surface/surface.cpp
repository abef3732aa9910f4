#include "modelfloat/server/surface/surface.h"

namespace modelfloat::server {
namespace {

Handler guarded(const Route& route, const Surface& surface, const TokenLookup& find_token) {
  return [route, tokens = surface.tokens, check = surface.check, find_token](Request& request, Response& response) {
    if (route.scope) request.scope = to_string(authorise(request, response, *route.scope, tokens, find_token));
    if (check) check(route, request);
    std::optional<RequestSlot> slot;
    if (route.limit) slot.emplace(*route.limit);
    route.handler(request, response);
  };
}

struct ErrorForm {
  std::string prefix;
  ErrorWriter write_error;
};

bool begins_with(const std::string& address, const std::string& prefix) {
  return address.starts_with(prefix) && (address.size() == prefix.size() || address[prefix.size()] == '/');
}

const ErrorForm& form_for(const std::vector<ErrorForm>& forms, const std::vector<std::string>& path) {
  std::string address;
  for (const auto& segment : path) address += "/" + segment;
  const ErrorForm* best = nullptr;
  for (const auto& form : forms) {
    if (!begins_with(address, form.prefix)) continue;
    if (best == nullptr || form.prefix.size() > best->prefix.size()) best = &form;
  }
  return best == nullptr ? forms.front() : *best;
}

}  // namespace

void mount(Router& router, const Surface& surface, const TokenLookup& find_token) {
  for (const auto& route : surface.routes) {
    const Handler handler = [handler = guarded(route, surface, find_token), write_error = surface.write_error](
                                Request& request, Response& response) {
      answer_errors(handler, write_error, request, response);
    };
    for (const auto& prefix : surface.prefixes) router.add(route.method, prefix + route.pattern, handler);
  }
}

Handler join_surfaces(const std::vector<Surface>& surfaces, const TokenLookup& find_token) {
  const auto router = std::make_shared<Router>();  // a Handler can be copied
  std::vector<ErrorForm> forms;
  for (const auto& surface : surfaces) {
    mount(*router, surface, find_token);
    for (const auto& prefix : surface.prefixes) forms.push_back({prefix, surface.write_error});
  }
  const Handler route = [router](Request& request, Response& response) { router->handle(request, response); };
  return [route, forms = std::move(forms)](Request& request, Response& response) {
    answer_errors(route, form_for(forms, request.path).write_error, request, response);
  };
}

}  // namespace modelfloat::server
