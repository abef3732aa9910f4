#pragma once
// A surface is one API as its clients expect it: its addresses, how a request carries its token,
// and the format of errors. How responses are streamed is left to the handlers (event_stream.h).

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "modelfloat/server/auth.h"
#include "modelfloat/server/http/http.h"
#include "modelfloat/server/http/router.h"
#include "modelfloat/server/surface/error_answer.h"
#include "modelfloat/server/surface/request_limit.h"

namespace modelfloat::server {

// One address of a surface.
struct Route {
  std::string method;
  std::string pattern;  // router.h; it follows each prefix of the surface
  // What the token must include; nullopt: open to all, without a token.
  std::optional<Scope> scope;
  Handler handler;                                // finds the scope of the token in request.scope
  std::vector<std::string> query = {};            // the query fields that it reads
  std::shared_ptr<RequestLimit> limit = nullptr;  // null: as many requests at once as come
};

struct Surface {
  std::vector<std::string> prefixes;  // each route is mounted under each of them; "" is the root
  std::vector<Route> routes;
  TokenScheme tokens;
  ErrorWriter write_error;
  // Checks that this surface makes besides the token. Runs before the handler and throws
  // HttpError. May be empty.
  std::function<void(const Route& route, Request& request)> check;
};

// Adds the routes of a surface to the router. Before a handler runs, the token is checked, then
// Surface::check is called, then the request limit is checked. `find_token` is called from many
// threads, as handlers are.
void mount(Router& router, const Surface& surface, const TokenLookup& find_token);

// All surfaces as one handler; at least one. An unknown address is answered with an error in the
// format of one surface: the one with the longest prefix that the address begins with. Of
// several, the first one is used; where no prefix fits, the first of all.
Handler join_surfaces(const std::vector<Surface>& surfaces, const TokenLookup& find_token);

}  // namespace modelfloat::server
