#pragma once
// Which handler answers which address.

#include <string>
#include <string_view>
#include <vector>

#include "modelfloat/server/http/http.h"

namespace modelfloat::server {

// Filled before the server starts, then shared by threads.
class Router {
 public:
  // A pattern is like "/models/{id}/files/{path...}": {id} is one segment, not empty; {path...},
  // only at the end, is one or more, joined by '/'. Fixed segments win over parameters. HEAD is
  // answered by the handler of GET where it has none of its own, OPTIONS by the methods that there
  // are.
  void add(std::string method, std::string_view pattern, Handler handler);

  // Fills request.params and calls the handler. Throws HttpError 404 for an unknown address and,
  // with the header Allow set, 405.
  void handle(Request& request, Response& response) const;

 private:
  struct Part {
    enum class Kind { fixed, one, rest } kind;
    std::string text;  // what stands there, or the name of the parameter
  };
  struct Route {
    std::string method;
    std::vector<Part> parts;
    Handler handler;
  };

  static bool matches(const Route& route, const std::vector<std::string>& path);
  static bool more_special(const Route& a, const Route& b);
  static std::map<std::string, std::string> params_of(const Route& route, const std::vector<std::string>& path);

  std::vector<Route> routes_;  // the more special first
};

}  // namespace modelfloat::server
