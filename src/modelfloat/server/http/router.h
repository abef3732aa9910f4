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
  // A pattern is like "/models/{id}/files/{path...}". {id} matches one segment that is not empty.
  // {path...} is allowed at the end only, and matches one or more segments, joined by '/'. Fixed
  // segments take precedence over parameters. HEAD uses the handler of GET where it has none of
  // its own. OPTIONS is answered with the methods of the address.
  void add(std::string method, std::string_view pattern, Handler handler);

  // Fills request.params and calls the handler. Throws HttpError 404 for an unknown address, and
  // 405, with the header Allow set, for another method.
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
