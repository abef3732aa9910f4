#include <nlohmann/json.hpp>

#include "modelfloat/base/error.h"
#include "modelfloat/base/log.h"
#include "modelfloat/cli/commands.h"
#include "modelfloat/cli/output.h"
#include "modelfloat/runner/llama_binary.h"
#include "modelfloat/runner/llama_runner.h"
#include "modelfloat/server/event_log.h"
#include "modelfloat/server/http/http_server.h"
#include "modelfloat/server/jobs/job_kinds.h"
#include "modelfloat/server/jobs/job_runner.h"
#include "modelfloat/server/maintainer.h"
#include "modelfloat/server/pool_service.h"
#include "modelfloat/server/store_watch.h"
#include "modelfloat/server/surface/api.h"

namespace modelfloat::cli {

static bool is_loopback(const std::string& address) {
  return address == "localhost" || address == "::1" || address.starts_with("127.");
}

// Prints the URL. A server whose standard output is closed keeps running.
static void announce(Session& session, const std::string& url) {
  try {
    if (session.options().json) {
      print_json({{"listening", url}});
    } else {
      write_stdout("listening on " + url + "\n");
    }
  } catch (const Error& error) {
    session.warn("listening on " + url + ", but " + error.what());
  }
}

ExitCode serve(Session& session, const ServeArguments& arguments) {
  const auto address = arguments.listen ? *arguments.listen : parse_listen_address(session.config().listen);
  engine::Pool& pool = session.pool();
  if (pool.registry().tokens().empty()) session.tell("nobody has a token yet: modelfloat token create --scope admin");
  if (!is_loopback(address.address)) {
    session.warn("tokens and models travel readable over plain HTTP: put a proxy with TLS before it");
  }

  runner::LlamaRunnerOptions options;
  options.llama_server = runner::find_llama_server();
  options.ram_budget_bytes = session.config().ram_budget_bytes;
  options.sandbox.weak = session.config().weak_sandbox;
  runner::LlamaRunner runner(options, session.clock(), session.random());
  server::EventLog events(session.clock(), session.random());
  // A registry that can only be read is used as a copy that no other process knows.
  const bool read_only = session.home_is_read_only();
  server::JobRunner jobs(server::job_kinds(pool, read_only), pool.registry(), session.clock(), session.random(), events,
                         {.lock_folder = read_only ? "" : session.home().servers_folder()});
  server::Maintainer maintainer(pool, jobs, session.config().maintenance, session.home().maintenance_lock_file());
  server::PoolService service(pool, runner, events);
  const server::StoreWatch store_watch(pool.stores(), events);
  server::HttpOptions http;
  http.address = address.address;
  http.port = address.port;
  http.host_names = session.config().hosts;
  http.host_names.insert(http.host_names.end(), arguments.hosts.begin(), arguments.hosts.end());
  server::HttpServer server(http, server::make_api(service, jobs, events, [&](const Hash256& hash) {
                              return pool.registry().find_token(hash);
                            }));
  // Else the streams would hold up the end for as long as running requests may go on.
  const std::stop_callback close_streams(session.stop(), [&events] { events.close(); });
  if (!read_only) maintainer.start();
  announce(session, server.url());
  server.run(session.stop());
  return ExitCode::ok;
}

}  // namespace modelfloat::cli
