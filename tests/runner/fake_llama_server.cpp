#include "runner/fake_llama_server.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "runner/fake_programs.h"
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace modelfloat::test {
namespace {

using nlohmann::json;

struct Server {
  std::string name;
  int argc;
  char** argv;
  std::string key;
  int looks_at_health = 0;
  int answers = 0;
};

std::string option(int argc, char** argv, const std::string& name) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (argv[i] == name) return argv[i + 1];
  }
  std::fprintf(stderr, "option %s is missing\n", name.c_str());
  std::exit(2);
}

std::string whole_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int listen_on(const std::string& path) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) std::exit(3);
  ::listen(listener, 16);
  return listener;
}

void say(int connection, const std::string& text) { ::send(connection, text.data(), text.size(), MSG_NOSIGNAL); }

void say_chunk(int connection, const std::string& text) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", text.size());
  say(connection, size + text + "\r\n");
}

void say_event(int connection, const json& event) { say_chunk(connection, "data: " + event.dump() + "\n\n"); }

void reply(int connection, const std::string& status, const json& body) {
  const std::string text = body.dump();
  say(connection, "HTTP/1.1 " + status + "\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: " +
                      std::to_string(text.size()) + "\r\n\r\n" + text);
}

std::string hear(int connection) {
  std::string request;
  char piece[4096];
  for (;;) {
    const auto head = request.find("\r\n\r\n");
    const auto length = request.find("Content-Length: ");
    if (head != std::string::npos && length != std::string::npos &&
        request.size() >= head + 4 + std::strtoul(request.c_str() + length + 16, nullptr, 10)) {
      return request;
    }
    const auto got = ::read(connection, piece, sizeof piece);
    if (got <= 0) return request;
    request.append(piece, static_cast<std::size_t>(got));
  }
}

// Only the first engine of this folder, told by its socket: an engine can leave no mark behind.
bool first_time(const Server& server) {
  return option(server.argc, server.argv, "--host").ends_with("/2/socket/engine.sock");
}

// A process that is the first in its namespace is not killed by signals that it sends itself.
[[noreturn]] void crash() {
  ::signal(SIGSEGV, SIG_DFL);
  void* nothing = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *static_cast<volatile char*>(nothing) = 1;
  std::exit(5);
}

[[noreturn]] void crash_by_an_instruction() {
  ::signal(SIGILL, SIG_DFL);
#if defined(__x86_64__)
  __asm__ volatile("ud2");
#elif defined(__aarch64__)
  __asm__ volatile("udf #0");
#endif
  std::exit(5);
}

void refuse_prompt(int connection) {
  reply(connection, "400 Bad Request", {{"error", {{"code", 400}, {"message", "the prompt is too long"}}}});
}

void begin_events(int connection) {
  say(connection, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
}

// Returns whether to break the answer off.
bool do_mischief(Server& server) {
  if (server.name == "llama-stall") ::pause();
  if (server.name == "llama-crash-once" && first_time(server)) crash();
  return server.name == "llama-break-off" && server.answers++ == 0;
}

void answer_v1(Server& server, int connection, const std::string& path, const json& request) {
  if (server.name == "llama-reject") return refuse_prompt(connection);
  if (!request.value("stream", false)) return reply(connection, "200 OK", {{"path", path}, {"body", request}});
  begin_events(connection);
  say_event(connection, "one");
  if (do_mischief(server)) return;
  say_event(connection, "two");
  say_chunk(connection, "data: [DONE]\n\n");
  say_chunk(connection, "");
}

void answer(Server& server, int connection, const json& request) {
  if (server.name == "llama-reject") return refuse_prompt(connection);
  begin_events(connection);
  say_event(connection, {{"content", ""}, {"prompt_progress", {{"total", 5}, {"processed", 5}}}, {"stop", false}});
  if (server.name == "llama-report") {
    say_event(connection, {{"content", sandbox_report(server.argc, server.argv)}, {"stop", false}});
  } else if (server.name == "llama-show") {
    say_event(connection, {{"content", request.dump()}, {"stop", false}});
  } else {
    say_event(connection, {{"content", "You said: "}, {"stop", false}});
    if (do_mischief(server)) return;
    say_event(connection, {{"content", request.at("prompt")}, {"stop", false}});
  }
  say_event(connection,
            {{"content", ""}, {"stop", true}, {"tokens_predicted", 2}, {"timings", {{"predicted_per_second", 100.5}}}});
  say_chunk(connection, "");
}

void serve(Server& server, int connection) {
  const std::string request = hear(connection);
  if (request.starts_with("GET /health ")) {
    const bool ready = ++server.looks_at_health > 3 && server.name != "llama-never-ready";
    reply(connection, ready ? "200 OK" : "503 Service Unavailable", json::object());
  } else if (!request.starts_with("POST /completion ") && !request.starts_with("POST /v1/")) {
    reply(connection, "404 Not Found", json::object());
  } else if (request.find("Authorization: Bearer " + server.key + "\r\n") == std::string::npos) {
    reply(connection, "401 Unauthorized", {{"error", {{"code", 401}, {"message", "wrong key"}}}});
  } else {
    const json body = json::parse(request.substr(request.find("\r\n\r\n") + 4));
    const auto path = request.substr(5, request.find(' ', 5) - 5);
    if (path == "/completion") return answer(server, connection, body);
    answer_v1(server, connection, path, body);
  }
}

}  // namespace

int fake_llama_server(const std::string& name, int argc, char** argv) {
  if (name == "llama-no-options") return 1;
  if (argc > 1 && std::string(argv[1]) == "--help") {
    std::puts("-m, --model FNAME\n--host HOST\n--api-key-file FNAME\n--no-repack, -nr\n--no-warmup");
    return 0;
  }
  Server server{name, argc, argv, {}};
  server.key = whole_file(option(argc, argv, "--api-key-file"));
  if (server.key.ends_with('\n')) server.key.pop_back();
  if (!whole_file(option(argc, argv, "--model")).starts_with("GGUF") || name == "llama-refuse") {
    std::fputs(
        "llama_model_load: error loading model: error loading model architecture: unknown model architecture: "
        "'\x1b[31m\xff'\nllama_model_load_from_file_impl: failed to load model\n"
        "main: exiting due to model loading error\n",
        stderr);
    return 1;
  }
  if (name == "llama-die-loading") {
    ::raise(SIGKILL);
    crash();
  }
  if (name == "llama-illegal") crash_by_an_instruction();
  const int listener = listen_on(option(argc, argv, "--host"));
  for (;;) {
    const int connection = ::accept(listener, nullptr, nullptr);
    if (connection < 0) return 4;
    serve(server, connection);
    ::close(connection);
  }
}

}  // namespace modelfloat::test
